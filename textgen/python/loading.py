"""Load a run to write with it."""

from collections.abc import Mapping
from typing import Literal

from textgen.errors import SettingError
from textgen.generation.generator import Generator
from textgen.settings import MAX_SEED, check_number
from textgen.workflows.load import load_forward

EngineName = Literal["numpy", "jax"]


def load_generator(
    run: str | None,
    *,
    seed: int = 0,
    engine: EngineName = "numpy",
    labels: Mapping[str, str | Mapping[str, float]] | None = None,
) -> Generator:
    """Load the best checkpoint of a run; see `textgen.load`."""
    check_number("seed", seed, 0, MAX_SEED, whole=True)
    if engine not in ("numpy", "jax"):
        raise SettingError("engine", engine, "numpy or jax")
    model = load_forward(run, "textgen.load").labelled(labels or {})
    written_by = model.jax_engine() if engine == "jax" else None
    return model.generator(seed=int(seed), engine=written_by)
