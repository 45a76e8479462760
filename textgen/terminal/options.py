"""The options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from textgen.settings import OnUnknown

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
