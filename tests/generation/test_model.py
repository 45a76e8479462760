import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.networks import random_model
from textgen.generation import model as module
from textgen.generation.numpy_engine import NumpyEngine
from textgen.runtime.devices import available_cores
from textgen.workflows.load import load_model


def test_a_command_of_its_own_writes_with_all_cores_and_one_kernel(tiny_run: Path) -> None:
    code = """
import jax, os
from textgen.workflows.load import load_model
assert "jax" not in os.environ.get("XLA_FLAGS", "")
load_model("fox").jax_engine()
print(len(jax.devices()), "small_while_loop" in os.environ["XLA_FLAGS"])
"""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(available_cores()), "True"], done.stderr


def test_a_model_gives_its_training_text_and_its_name(tiny_run: Path) -> None:
    model = load_model("fox")
    tokens = model.training_tokens()
    assert tokens is not None
    record = model.run.record()
    assert len(tokens) == record.corpus.training_characters
    assert model.config.vocabulary.decode(tokens[:9]) == "the quick"
    assert len(model.sha256) == 64
    assert isinstance(model.generator(seed=1).reader, NumpyEngine)


@pytest.mark.parametrize(("hidden_size", "calls"), [(320, 1), (321, 0)])
def test_only_small_networks_are_compiled_into_one_kernel(
    hidden_size: int, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[int] = []
    monkeypatch.setattr(module, "keep_compiled", lambda: None)
    monkeypatch.setattr(module, "prefer_one_kernel", lambda: called.append(1))
    random_model(hidden=hidden_size, layers=1).jax_engine()
    assert len(called) == calls
