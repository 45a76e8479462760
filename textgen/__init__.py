"""textgen: a character-level LSTM, trained on your text on your machine.

From Python:

    import textgen

    generator = textgen.load("fables")
    generator.feed("The fox")
    print(generator.generate(300).text)
"""

from collections.abc import Mapping
from importlib import import_module
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from textgen.errors import TextgenError
    from textgen.generation.generator import Generator
    from textgen.generation.trace import Trace
    from textgen.settings import SamplingSettings

__version__ = "0.2.0"
__all__ = ["Generator", "SamplingSettings", "TextgenError", "__version__", "load", "trace"]

# Modules that are imported on first use, so that the command line starts without NumPy.
_MODULES = {
    "Generator": "textgen.generation.generator",
    "SamplingSettings": "textgen.settings",
    "TextgenError": "textgen.errors",
}


def load(
    run: str | PathLike[str] | None = None,
    *,
    seed: int = 0,
    engine: Literal["numpy", "jax"] = "numpy",
    labels: "Mapping[str, str | Mapping[str, float]] | None" = None,
) -> "Generator":
    """Load the best checkpoint of a run, to generate text with it.

    Args:
        run: name or path of the run; None for the newest.
        seed: seed of the sampling, in [0, 2**63).
        engine: what computes the network. `numpy` starts at once; `jax` takes a second to start,
            and then generates two to seven times as fast.
        labels: what to write, if the run was trained with labels: for each field a value, such as
            {"author": "austen"}, or weights of several, {"author": {"austen": 3, "melville": 1}}.

    Raises:
        RunNotFoundError: if there is no such run.
        DamagedError: if a file of the run is damaged.
        UsageError: if the seed is out of range, there is no such engine or label, or the network
            reads in both directions.
    """
    from textgen.errors import SettingError
    from textgen.settings import MAX_SEED, check_number
    from textgen.workflows.load import load_forward

    check_number("seed", seed, 0, MAX_SEED, whole=True)
    if engine not in ("numpy", "jax"):
        raise SettingError("engine", engine, "numpy or jax")
    seed = int(seed)
    model = load_forward(None if run is None else fspath(run), "textgen.load").labelled(
        labels or {}
    )
    return model.generator(seed=seed, engine=model.jax_engine() if engine == "jax" else None)


def trace(text: str, run: str | PathLike[str] | None = None, *, least: int = 20) -> "Trace":
    """Find the stretches of a text that stand in the training text of a run.

    The first time, this makes an index of the training text, which is kept with the run.

    Args:
        text: the text; it must not be empty.
        run: name or path of the run; None for the newest.
        least: smallest number of characters of a stretch, in [5, 10000].

    Raises:
        CorpusError: if the text is empty.
        RunNotFoundError: if there is no such run.
        DamagedError: if a file of the run is damaged.
        SettingError: if `least` is out of range.
        UsageError: if the run has not kept its training text.
    """
    from textgen.workflows.trace import trace_text

    return trace_text(None if run is None else fspath(run), [text], least)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'textgen' has no attribute {name!r}")
