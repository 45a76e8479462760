import subprocess
import sys
from pathlib import Path

import pytest

from textgen.generation.numpy_engine import NumpyEngine
from textgen.runtime.cores import available_cores
from textgen.workflows.load import load_model


@pytest.mark.slow
def test_a_program_keeps_its_environment_and_its_settings_of_jax(tiny_run: Path) -> None:
    code = """
import os
before = dict(os.environ)
import jax
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_transfer_guard", "disallow")
settings = dict(jax.config.values)
import textgen
text = textgen.load("fox", engine="jax").generate(40).text
assert text == textgen.load("fox").generate(40).text
changed = {name for name, value in jax.config.values.items() if value != settings[name]}
print(len(jax.devices()), dict(os.environ) == before, changed - {"jax_num_cpu_devices"})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == [str(available_cores()), "True", "set()"], done.stderr


def test_a_model_gives_its_training_text_and_its_name(tiny_run: Path) -> None:
    model = load_model("fox")
    tokens = model.training_tokens()
    assert tokens is not None
    record = model.run.record()
    assert len(tokens) == record.corpus.training_ids
    assert model.config.vocabulary.decode(tokens[:9]) == "the quick"
    assert len(model.sha256) == 64
    assert isinstance(model.generator(seed=1).reader, NumpyEngine)
