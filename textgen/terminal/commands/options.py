"""The options that several commands share."""

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import typer

from textgen.errors import TextgenWarning
from textgen.planning.request import MODEL_OPTIONS, TRAINING_OPTIONS
from textgen.readable import escape_note, unescape
from textgen.settings import (
    Backend,
    OnUnknown,
    Precision,
    SamplingSettings,
    SettingOption,
    setting_options,
)
from textgen.terminal.commands.completion import (
    complete_label,
    complete_run,
    complete_run_or_text,
    complete_text,
)
from textgen.terminal.commands.run_names import path_of
from textgen.terminal.display.progress_line import ProgressMode
from textgen.terminal.output import silence_warnings

Command = TypeVar("Command", bound=Callable[..., Any])

SAMPLING_OPTIONS = setting_options(SamplingSettings)
# Options whose names differ from those of their settings; each label has an option of its own.
RENAMED = {"labels": "label", "normalization": "normalize"}
# How a setting is typed as an option, if not as its own type.
TYPED_AS = {
    "temperature": str,
    "words": Path,
    "starts": str,
    "stop": list[str],
    "precision": Literal["auto", *get_args(Precision)],
    "backend": Literal["auto", *get_args(Backend)],
}

RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Name or path of a run; the newest run by default.",
        autocompletion=complete_run,
    ),
]
RunArguments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="Names or paths of runs; the newest by default.",
        autocompletion=complete_run,
    ),
]
Model = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="RUN",
        help="Name or path of a run, as the first argument; repeat it where several make sense.",
        autocompletion=complete_run,
    ),
]


def _quiet(is_quiet: bool) -> bool:
    if is_quiet:
        silence_warnings()
    return is_quiet


Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", callback=_quiet, help="Print only errors to standard error."),
]
Progress = Annotated[
    ProgressMode,
    typer.Option(
        help="How to show progress: in a line that changes (live), in lines one below the other "
        "(plain), or not at all. auto is live on a terminal, and plain in a pipe or a notebook.",
    ),
]
Wrap = Annotated[
    bool,
    typer.Option(
        help="Break the lines of the text between words on a terminal. A pipe gets the text as it "
        "is."
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="FIELD=VALUE",
        help="Label of the text, such as author=austen, if the run was trained with labels; "
        "FIELD=A:3,B:1 mixes values. A label that is not given is left out.",
        autocompletion=complete_label,
    ),
]
Mixed = Annotated[
    list[str] | None,
    typer.Option(
        "--mix",
        metavar="RUN:WEIGHT",
        help="Another run that writes too; its probabilities have this weight, in (0, 1), and "
        "those of RUN have the rest. Repeat it for more runs.",
        autocompletion=complete_run,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print lines of JSON, for programs.")]
Seed = Annotated[
    int | None,
    typer.Option(help="Seed of the draws: the same seed gives the same text. Random by default."),
]
Unknown = Annotated[
    OnUnknown,
    typer.Option(
        help="What to do with a character that the model does not know; nearest reads \u00e9 as e."
    ),
]
Engine = Annotated[
    Literal["auto", "numpy", "jax"],
    typer.Option(
        help="Engine that generates the text: numpy starts at once, jax is faster for many or long "
        "samples."
    ),
]
RunBeforeTexts = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN",
        help="Name or path of a run; not needed for the newest run, nor with --model.",
        autocompletion=complete_run_or_text,
    ),
]
Texts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TEXT",
        help="Files, folders or names of shipped texts; - is standard input, which is the default.",
        autocompletion=complete_text,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Draw a picture into this .png or .svg file.",
        metavar="FILE",
        parser=path_of,
    ),
]
Scored = Annotated[
    OnUnknown,
    typer.Option(
        help="What to do with a character that a run does not know: count it as one of all other "
        "Unicode characters (replace), read it as the nearest known one, skip it, or end with an "
        "error."
    ),
]


def offers(
    *groups: Mapping[str, SettingOption], after: str, has_defaults: bool = False
) -> Callable[[Command], Command]:
    """Make settings options of a command, which gets their values as keyword arguments.

    Args:
        groups: settings, by name.
        after: parameter of the command that the options follow in its help.
        has_defaults: whether an option that is not given has the default of its setting; otherwise
            it is None.

    Returns:
        A decorator for a command with `**keywords`.
    """

    def decorate(command: Command) -> Command:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command).parameters.values():
            if parameter.kind is not parameter.VAR_KEYWORD:
                parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY))
            if parameter.name == after:
                parameters += [
                    _parameter(one, has_default=has_defaults)
                    for group in groups
                    for one in group.values()
                ]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return decorate


def takes_options(
    parameter: str, reader: Callable[..., Any]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a function in place of one of its parameters.

    Args:
        parameter: name of the parameter; the command gets what the function returns.
        reader: function whose parameters are options.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        options = inspect.signature(reader).parameters

        @wraps(command)
        def reading(**given: Any) -> None:
            read = reader(**{name: given.pop(name) for name in options})
            command(**given, **{parameter: read})

        parameters: list[inspect.Parameter] = []
        for own in inspect.signature(command).parameters.values():
            shown = options.values() if own.name == parameter else [own]
            parameters += [one.replace(kind=one.KEYWORD_ONLY) for one in shown]
        reading.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        reading.__annotations__ = {one.name: one.annotation for one in parameters}
        return reading

    return decorate


def _parameter(setting: SettingOption, *, has_default: bool) -> inspect.Parameter:
    kind = TYPED_AS.get(setting.name, setting.annotation)
    option = typer.Option(
        f"--{setting.option}",
        help=setting.help_text,
        metavar=setting.metavar,
        parser=path_of if kind is Path else None,
    )
    annotation = Annotated[kind | None, option]  # type: ignore[valid-type]
    default = setting.default if has_default and setting.default != () else None
    if kind is str and default is not None:
        default = str(default)
    return inspect.Parameter(
        setting.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def sampling_settings(given: Mapping[str, Any]) -> SamplingSettings:
    """Return the settings of writing from the values of their options.

    Args:
        given: values by the name of the setting; None for the default. `words` is left out, so
            that all settings are checked before its file is read.

    Raises:
        SettingError: if a value is out of range.
    """
    readers: dict[str, Callable[[Any], Any]] = {
        "forbid": unescape,
        "only": unescape,
        "starts": lambda text: _texts("starts", text.split(",")) if text else (),
        "stop": lambda texts: _texts("stop", texts),
    }
    values = {name: value for name, value in given.items() if value is not None}
    values.pop("words", None)
    return SamplingSettings(
        **{name: readers.get(name, lambda value: value)(value) for name, value in values.items()}
    )


def _texts(name: str, texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(read_escapes(name, text) for text in texts)


def read_escapes(name: str, text: str, advice: str = "") -> str:
    """Replace the escapes in the text of an option, and warn of one that may be meant as it stands.

    Args:
        name: name of the option, for the warning.
        text: the text as typed.
        advice: what else to do where no escape is meant.
    """
    if note := escape_note(text):
        other = f", or {advice}" if advice else ""
        warnings.warn(f"{name}: {note}{other}", TextgenWarning, stacklevel=2)
    return unescape(text)


def option_name(setting: str) -> str:
    """Return the name of a setting's option, without the dashes."""
    known = MODEL_OPTIONS | TRAINING_OPTIONS
    if setting in known:
        return known[setting].option
    return RENAMED.get(setting, setting.replace("_", "-"))
