"""What a command line that cannot be understood is told, in the words of all other errors.

Typer reports such a command line by exceptions of its own, of which only a few are public. They are
told apart by the names of their classes here.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from textgen.readable import cut, with_point

Command = Callable[..., Any]

# Longest value that is shown, in columns.
MOST_COLUMNS = 60
# The values that an option of each type takes.
ALLOWED: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    Path: "a path",
    bool: "true or false",
}


def refusal(error: Exception, commands: Sequence[Command], arguments: list[str]) -> str:
    """Return one sentence that says what is wrong with a command line, and where to read more.

    Args:
        error: an exception of Typer's.
        commands: all commands.
        arguments: the command line, without the name of the program.
    """
    named = {command.__name__: command for command in commands}
    name = next((one for one in arguments if one in named), None)
    context = getattr(error, "ctx", None)
    path = context.command_path if context else " ".join(filter(None, ["textgen", name]))
    return f"{_problem(error, named, name)} (see {path} --help)"


def _problem(error: Exception, named: Mapping[str, Command], command: str | None) -> str:
    kind, told = type(error).__name__, str(error)
    if kind == "NoSuchOption":
        option = getattr(error, "option_name", "")
        close = getattr(error, "possibilities", None)
        return f"there is no option {option}{did_you_mean(close)}"
    if kind == "BadOptionUsage":
        option = getattr(error, "option_name", "")
        return f"{option} takes no value" if "not take" in told else f"{option} needs a value"
    parameter = getattr(error, "param", None)
    if kind == "MissingParameter" and parameter is not None:
        return f"{_shown(parameter)} is missing"
    if kind == "BadParameter" and parameter is not None and command is not None:
        annotation = inspect.signature(named[command]).parameters[parameter.name].annotation
        return f"{_shown(parameter)} must be {allowed_values(annotation)}{_got(error)}"
    if unknown := re.match(r"No such command '(.*?)'\.(?: Did you mean (.*)\?)?$", told):
        close = re.findall("'(.*?)'", unknown[2] or "")
        return f"there is no command {unknown[1]!r}{did_you_mean(close)}"
    if extra := re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)$", told, re.DOTALL):
        return f"too many arguments: {cut(extra[1], MOST_COLUMNS)}"
    return "a command is missing" if told == "Missing command." else told.removesuffix(".")


def _shown(parameter: Any) -> str:
    """Return the name of a parameter: that of its option without dashes, or what the help shows."""
    option: str = max(parameter.opts, key=len)
    return option.lstrip("-") if option.startswith("-") else str(parameter.metavar or option)


def taken_type(annotation: Any) -> Any:
    """Return the type of the values that a parameter takes, one by one; a `Literal` as it is.

    >>> taken_type(Annotated[list[int] | None, "help"])
    <class 'int'>
    """
    if get_origin(annotation) in (Annotated, list):
        return taken_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return taken_type(next(one for one in get_args(annotation) if one is not type(None)))
    return annotation


def allowed_values(annotation: Any) -> str:
    """Return which values a parameter takes, in words.

    >>> allowed_values(Annotated[int | None, "help"]), allowed_values(Literal["a", "b", "c"])
    ('a whole number', 'one of a, b, c')
    """
    kind = taken_type(annotation)
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    return ALLOWED.get(kind, "text")


def _got(error: Exception) -> str:
    """Return the value that was refused, as far as the exception tells it."""
    errors: Callable[[], list[Any]] = getattr(error.__cause__, "errors", list)
    problems = errors()
    if not problems:
        return ""
    value = problems[0]["input"]
    return f", got {cut(repr(value), MOST_COLUMNS)}{with_point(str(value))}"


def did_you_mean(names: Sequence[str] | None) -> str:
    """Return the end of a message that names what may be meant; empty if nothing is."""
    return f"; did you mean {' or '.join(names)}?" if names else ""
