import os
import subprocess
import sys
from pathlib import Path

from textgen.generation.engines import NumpyEngine
from textgen.settings import ModelSettings
from textgen.training.devices import available_cores
from textgen.workflows.loading import load_model, prefer_one_kernel


def network(hidden_size: int) -> ModelSettings:
    return ModelSettings(
        vocab_size=66, embedding_size=8, hidden_size=hidden_size, num_layers=2, dropout_rate=0.0
    )


def test_only_small_networks_are_compiled_into_one_kernel_and_nothing_set_is_lost() -> None:
    environment = {"XLA_FLAGS": "--xla_dump_to=x"}
    prefer_one_kernel(network(512), environment)
    assert environment == {"XLA_FLAGS": "--xla_dump_to=x"}
    for _ in range(2):
        prefer_one_kernel(network(128), environment)
    first, second = environment["XLA_FLAGS"].split()
    assert first == "--xla_dump_to=x"
    assert second.startswith("--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=")


def test_a_command_of_its_own_writes_with_all_cores_and_one_kernel(tiny_run: Path) -> None:
    code = """
import jax, os
from textgen.workflows.loading import load_model
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
