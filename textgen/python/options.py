"""The options of `textgen train` as keyword arguments of Python.

They are read off the command, so that each is declared, described and checked in one place.
"""

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from os import PathLike, fspath
from typing import Any

from textgen.errors import SettingError, UsageError
from textgen.planning.request import MODEL_OPTIONS, TRAINING_OPTIONS
from textgen.terminal.commands.run_names import path_of
from textgen.terminal.commands.train import order_training
from textgen.workflows.training_order import TrainingOrder

# Parameter of the command that Python takes as positional arguments.
SOURCES = "corpus"
# Options that name a run or a text, by a text or a path.
PATHS = ("run", "resume", "from_run")
# Options that the command takes several times; one value may stand by itself in Python.
REPEATED = ("label", "log_to")


def option_names() -> dict[str, str]:
    """Return the parameter of the command for each keyword of Python.

    A keyword is the name of the option, with underscores, but `from_run` for --from, which is no
    name in Python.
    """
    settings = MODEL_OPTIONS | TRAINING_OPTIONS
    parameters = [name for name in inspect.signature(order_training).parameters if name != SOURCES]
    return {
        settings[name].option.replace("-", "_") if name in settings else name: name
        for name in parameters
    }


def order_of(sources: Sequence[object], options: Mapping[str, Any]) -> TrainingOrder:
    """Return what the arguments of `textgen.train` ask for.

    Args:
        sources: files, folders and names of shipped texts.
        options: values by the keywords of `option_names`; None for the default.

    Raises:
        UsageError: if there is no such option, if a value is out of range, or if options contradict
            each other.
    """
    names = option_names()
    for keyword in options:
        if keyword not in names:
            raise UsageError(f"textgen.train has no option {keyword!r}{_advice(keyword, names)}")
    given = {
        names[keyword]: _value(keyword, value)
        for keyword, value in options.items()
        if value is not None
    }
    paths = [path_of(_text("sources", source)) for source in sources]
    ordered: Callable[..., TrainingOrder] = order_training
    return ordered(**{SOURCES: paths}, **given)


def _advice(keyword: str, names: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(keyword, [*names, *names.values()], n=1)
    if not near:
        return "; the options are those of textgen train, which its --help lists"
    found = next(one for one, parameter in names.items() if near[0] in (one, parameter))
    return f"; did you mean {found}?"


def _value(keyword: str, value: object) -> object:
    if keyword in PATHS:
        return _text(keyword, value)
    if keyword == "validation":  # a share, or the path of a text
        return fspath(value) if isinstance(value, PathLike) else str(value)
    if keyword in REPEATED and (isinstance(value, str) or callable(value)):
        return [value]
    return value


def _text(name: str, value: object) -> str:
    """Return the text of a name or a path.

    Raises:
        SettingError: if it is neither.
    """
    found = fspath(value) if isinstance(value, str | PathLike) else None
    if isinstance(found, str):
        return found
    raise SettingError(name, value, "a name or a path")
