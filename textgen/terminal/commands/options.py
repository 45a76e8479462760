"""The options that several commands share."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from textgen.planning.request import MODEL_OPTIONS, TRAINING_OPTIONS
from textgen.settings import OnUnknown, SettingOption

Command = TypeVar("Command", bound=Callable[..., None])

RunArgument = Annotated[
    str | None,
    typer.Argument(metavar="[RUN]", help="Name or path of a run; the newest by default."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors to stderr.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Temperature = Annotated[
    str,
    typer.Option(
        help="How daring the choice is: 0 always takes the likeliest character. Also a ramp over "
        "the length, 0.4..1.1, or a cycle, 1,0.5,0.2.",
        metavar="T",
    ),
]
TopK = Annotated[int, typer.Option(help="Only the k likeliest characters; 0 is off.")]
TypicalP = Annotated[
    float,
    typer.Option(help="Only the most typical that reach probability p together; 1 is off."),
]
TopP = Annotated[
    float, typer.Option(help="Only the fewest that reach probability p together; 1 is off.")
]
MinP = Annotated[
    float, typer.Option(help="Only characters p times as likely as the likeliest; 0 is off.")
]
RepetitionPenalty = Annotated[
    float, typer.Option(help="Above 1 makes characters used lately less likely; 1 is off.")
]
RepetitionWindow = Annotated[int, typer.Option(help="How many characters are lately.")]
Forbid = Annotated[str, typer.Option(help="Characters never to write.", metavar="CHARS")]
Only = Annotated[str, typer.Option(help="The only characters to write.", metavar="CHARS")]
Words = Annotated[
    Path | None,
    typer.Option(help="A file of words, the only ones to write.", metavar="FILE"),
]
Starts = Annotated[
    str, typer.Option(help="What lines begin with, as in A,B,C; then the text ends.")
]
MaxCopy = Annotated[
    int,
    typer.Option(help="Most characters in a row that stand in the training text too; 0 is off."),
]
Stop = Annotated[
    list[str] | None,
    typer.Option(help="End before this text; may be given several times.", metavar="TEXT"),
]
Lines = Annotated[int, typer.Option(help="End after so many lines; 0 is off.")]
Sentences = Annotated[int, typer.Option(help="End after so many sentences; 0 is off.")]
Seed = Annotated[
    int | None,
    typer.Option(help="Decides the draws: the same seed gives the same text. Drawn by default."),
]
Unknown = Annotated[
    OnUnknown,
    typer.Option(
        help="What to do with a character that the model does not know; nearest takes e for \u00e9."
    ),
]
Engine = Annotated[
    Literal["auto", "numpy", "jax"],
    typer.Option(help="numpy starts at once, jax is faster for many or long samples."),
]
FileArgument = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE|-]", help="The text; standard input without one."),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="Draw a picture, .png or .svg.", metavar="FILE"),
]
Scored = Annotated[
    OnUnknown,
    typer.Option(
        help="Characters that a run does not know: counted as one of the rest of Unicode "
        "(replace), written as the nearest known ones, skipped, or refused (error)."
    ),
]


def offers(*groups: Mapping[str, SettingOption], after: str) -> Callable[[Command], Command]:
    """Let a command take settings as options; it gets them as keyword arguments.

    Args:
        groups: settings that the command line offers, by name; None stands for one not given.
        after: the parameter of the command that they follow in its help.

    Returns:
        A decorator of a command with `**keywords`.
    """

    def decorate(command: Command) -> Command:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command).parameters.values():
            if parameter.kind is not parameter.VAR_KEYWORD:
                parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY))
            if parameter.name == after:
                parameters += [_parameter(one) for group in groups for one in group.values()]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        return command

    return decorate


def _parameter(setting: SettingOption) -> inspect.Parameter:
    option = typer.Option(f"--{setting.option}", help=setting.help_text)
    value = setting.annotation | None
    annotation = Annotated[value, option]  # type: ignore[valid-type]
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(setting.name, kind, default=None, annotation=annotation)


def option_name(setting: str) -> str:
    """Return what a setting is called on the command line, without the dashes."""
    known = MODEL_OPTIONS | TRAINING_OPTIONS
    return known[setting].option if setting in known else setting.replace("_", "-")
