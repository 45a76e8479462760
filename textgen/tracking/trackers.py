"""What a training can be logged to: a tracker by its name, or a function.

No package of a tracker is imported before a training begins.
"""

import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from textgen.errors import SettingError, UsageError

# A function that gets every event of a training as a dictionary; see `event_record`.
EventFunction = Callable[[dict[str, Any]], object]
# The name of a tracker, `MODULE:FUNCTION`, or a function of Python.
LogTarget = str | EventFunction
# The trackers by name: the package that each needs, and the module and class that write to it.
TRACKERS = {
    "tensorboard": ("tensorboardX", "textgen.tracking.tensorboard", "TensorBoard"),
    "trackio": ("trackio", "textgen.tracking.trackio", "Trackio"),
    "wandb": ("wandb", "textgen.tracking.wandb", "WeightsAndBiases"),
}
ALLOWED = f"{', '.join(TRACKERS)} or MODULE:FUNCTION"


@dataclass(frozen=True, kw_only=True)
class LoggedRun:
    """The run whose training is logged.

    Attributes:
        name: its name.
        folder: its folder.
        identity: a text of letters and digits that no other run has. A run keeps it as long as it
            keeps its name.
        settings: the settings of its network and its plan, and the size of its text, by name.
        is_known: whether the tracker has logged this run before.
    """

    name: str
    folder: Path
    identity: str
    settings: Mapping[str, Any]
    is_known: bool


@runtime_checkable
class Tracker(Protocol):
    """Writes the training of one run to where it is shown.

    Attributes:
        name: its name in messages.
        is_in_folder: whether the log is in the folder of the run, and so is copied and renamed
            with it.
    """

    name: str
    is_in_folder: bool

    def begin(self, run: LoggedRun) -> None:
        """Open the log of a run; a known one goes on in the same log."""
        ...

    def log(self, step: int, scalars: Mapping[str, float], sample: str | None) -> None:
        """Write the row of a step, which comes after those that were logged."""
        ...

    def go_back(self, step: int) -> bool:
        """Forget the rows from a step on, and return True; or return False if that is impossible.

        This is called after a roll-back, and for a resumed run whose process was killed.
        """
        ...

    def end(self) -> None:
        """Write what is left, and close the log."""
        ...


def check_target(target: object) -> LogTarget:
    """Return what to log to, if it is well-formed.

    Raises:
        SettingError: if it is neither the name of a tracker, nor MODULE:FUNCTION, nor a function.
    """
    if callable(target):
        return target
    if isinstance(target, str):
        module, colon, function = target.partition(":")
        names = [*module.split("."), *function.split(".")]
        if target in TRACKERS or (colon and all(name.isidentifier() for name in names)):
            return target
        near = difflib.get_close_matches(target.lower(), TRACKERS, n=1)
        raise SettingError("log_to", target, ALLOWED, f"; did you mean {near[0]}?" if near else "")
    raise SettingError("log_to", target, f"{ALLOWED}, or a function")


def open_trackers(targets: Sequence[LogTarget]) -> list[Tracker | EventFunction]:
    """Import what to log to.

    Raises:
        UsageError: if a package, a module or a function is missing. The message says how to install
            a package.
    """
    return [
        _tracker(target)
        if isinstance(target, str) and target in TRACKERS
        else _function(target)
        if isinstance(target, str)
        else target
        for target in dict.fromkeys(targets)
    ]


def name_of(target: Tracker | EventFunction) -> str:
    """Return what a message calls something to log to."""
    if isinstance(target, Tracker):
        return target.name
    function = getattr(target, "__qualname__", type(target).__name__)
    return f"{target.__module__}:{function}"


def _tracker(name: str) -> Tracker:
    package, module, kind = TRACKERS[name]
    try:
        import_module(package)
    except ImportError as error:
        raise UsageError(
            f"--log-to {name} needs the package {package} ({error}); install it: "
            f"pip install {package}"
        ) from error
    tracker: Tracker = getattr(import_module(module), kind)()
    return tracker


def _function(target: str) -> EventFunction:
    module, _, path = target.partition(":")
    here = str(Path.cwd())
    # A console script does not look for modules in the current folder, as `python -m` does.
    sys.path.insert(0, here)
    try:
        found: Any = import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"--log-to {target}: {error}; name a function as MODULE:FUNCTION, where MODULE can be "
            "imported from the current folder"
        ) from error
    finally:
        sys.path.remove(here)
    if not callable(found):
        raise UsageError(f"--log-to {target}: {path} is no function, but {type(found).__name__}")
    function: EventFunction = found
    return function
