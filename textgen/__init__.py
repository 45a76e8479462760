"""textgen: a character-level LSTM, trained on your text on your machine.

From Python:

    import textgen

    run = textgen.train("fables", minutes=2).result()
    generator = textgen.load(run)
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
    from textgen.python.score import Score
    from textgen.python.trained_run import TrainedRun
    from textgen.python.training import Training
    from textgen.settings import SamplingSettings
    from textgen.training.loop import Report
    from textgen.workflows.events import Begun, Ended, Note, Planned, Sampled, Saved

__version__ = "0.2.0"

# Names that are imported on first use, so that the command line starts without NumPy, each with its
# module. The events of a training are among them.
_MODULES = {
    "Begun": "textgen.workflows.events",
    "Ended": "textgen.workflows.events",
    "Generator": "textgen.generation.generator",
    "Note": "textgen.workflows.events",
    "Planned": "textgen.workflows.events",
    "Report": "textgen.training.loop",
    "Sampled": "textgen.workflows.events",
    "SamplingSettings": "textgen.settings",
    "Saved": "textgen.workflows.events",
    "Score": "textgen.python.score",
    "TextgenError": "textgen.errors",
    "TrainedRun": "textgen.python.trained_run",
    "Training": "textgen.python.training",
}
__all__ = [
    "Begun",
    "Ended",
    "Generator",
    "Note",
    "Planned",
    "Report",
    "Sampled",
    "SamplingSettings",
    "Saved",
    "Score",
    "TextgenError",
    "TrainedRun",
    "Training",
    "__version__",
    "load",
    "open_run",
    "score",
    "trace",
    "train",
]


def train(
    *sources: str | PathLike[str],
    text: str | None = None,
    progress: Literal["auto", "live", "plain", "none"] = "auto",
    **options: Any,
) -> "Training":
    """Train a network on a text, or resume a run, as `textgen train` does.

    The options have the names of the command's, with underscores: `minutes=5`, `hidden_size=128`,
    `resume="fables"`. Only --from is `from_run` here. `textgen train --help` describes them.

    Args:
        sources: files, folders and names of shipped texts; none for the shipped fables.
        text: the text itself, in place of sources.
        progress: how to show progress: `auto` draws it in a notebook, and shows nothing elsewhere;
            `live` and `plain` show on standard error what the command shows there; `none` shows
            nothing.
        options: values by name; None for the default. `log_to` may also be a function, which gets
            every event as a dictionary.

    Returns:
        The training. It begins when you loop over it, which yields its events, or call `result()`,
        which returns the run.

    Raises:
        UsageError: if there is no such option, a value is out of range, or options contradict each
            other. Nothing is read or written then.
    """
    from textgen.python.training import make_training

    return make_training(sources, text, progress, options)


def open_run(run: str | PathLike[str] | None = None) -> "TrainedRun":
    """Return a run: its metrics, samples, checkpoints and all that `textgen info` tells.

    Args:
        run: name or path of the run; None for the newest.

    Raises:
        RunNotFoundError: if there is no such run.
    """
    from textgen.python.trained_run import open_run as found

    return found(None if run is None else fspath(run))


def score(
    text: str,
    run: str | PathLike[str] | None = None,
    *,
    on_unknown: Literal["error", "nearest", "skip", "replace"] = "replace",
    dynamic: bool = False,
    labels: "Mapping[str, str | Mapping[str, float]] | None" = None,
) -> "Score":
    """Return how surprising each character of a text is to a run, as `textgen score` does.

    Args:
        text: the text; it must not be empty.
        run: name or path of the run; None for the newest. `a+b` is a mixture, as in `load`.
        on_unknown: what to do with a character that the run does not know; `replace` counts it as
            one of all other characters of Unicode.
        dynamic: whether the network goes on learning from the text as it reads.
        labels: labels of the text, as `load` takes them.

    Raises:
        RunNotFoundError: if there is no such run.
        DamagedError: if a file of the run is damaged.
        UsageError: if the text is empty, or has a character that the run does not know and
            `on_unknown` is `error`; or if the network reads in both directions.
    """
    from textgen.python.score import score_text

    name = None if run is None else fspath(run)
    return score_text(text, name, on_unknown=on_unknown, dynamic=dynamic, labels=labels or {})


def load(
    run: str | PathLike[str] | None = None,
    *,
    seed: int = 0,
    engine: Literal["numpy", "jax"] = "numpy",
    labels: "Mapping[str, str | Mapping[str, float]] | None" = None,
    mix: "Mapping[str | PathLike[str], float] | None" = None,
) -> "Generator":
    """Load the best checkpoint of a run, to generate text with it.

    Args:
        run: name or path of the run; None for the newest. A name such as `a+b`, or `a:0.7+b:0.3`,
            is that of a mixture: the mean of the probabilities of several runs.
        seed: seed of the sampling, in [0, 2**63).
        engine: what computes the network. `numpy` starts at once; `jax` takes a second to start,
            and then generates two to seven times as fast.
        labels: what to write, if the run was trained with labels: for each field a value, such as
            {"author": "austen"}, or weights of several, {"author": {"austen": 3, "melville": 1}}.
        mix: further runs that write too, each with the weight of its probabilities in (0, 1); `run`
            has the rest.

    Raises:
        RunNotFoundError: if there is no such run.
        DamagedError: if a file of the run is damaged.
        UsageError: if the seed is out of range, there is no such engine or label, the weights add
            up to 1 or more, or a network reads in both directions.
    """
    from textgen.python.loading import load_generator

    name = None if run is None else fspath(run)
    return load_generator(name, seed=seed, engine=engine, labels=labels, mix=mix)


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
