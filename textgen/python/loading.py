"""Load a run to write with it."""

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Literal

from textgen.errors import SettingError
from textgen.generation.generator import Generator
from textgen.settings import MAX_SEED, check_number
from textgen.workflows.load import load_mixed

EngineName = Literal["numpy", "jax"]


def load_generator(
    run: str | None,
    *,
    seed: int = 0,
    engine: EngineName = "numpy",
    labels: Mapping[str, str | Mapping[str, float]] | None = None,
    mix: Mapping[str | PathLike[str], float] | None = None,
) -> Generator:
    """Load the best checkpoint of a run, or a mixture of several; see `textgen.load`."""
    check_number("seed", seed, 0, MAX_SEED, whole=True)
    if engine not in ("numpy", "jax"):
        raise SettingError("engine", engine, "numpy or jax")
    mixed = []
    for name, weight in (mix or {}).items():
        check_number("mix", weight, 0, 1, open_low=True, open_high=True)
        mixed.append(f"{fspath(name)}:{float(weight)!r}")
    model = load_mixed(run, "textgen.load", mixed=mixed).labelled(labels or {})
    written_by = model.jax_engine() if engine == "jax" else None
    return model.generator(seed=int(seed), engine=written_by)
