"""The command that writes samples."""

import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textgen.errors import UsageError, read_as
from textgen.settings import MAX_LENGTH, MAX_SEED, PROMPT_UNKNOWN, check_number
from textgen.terminal.commands.options import (
    SAMPLING_OPTIONS,
    AsJson,
    Engine,
    Labels,
    Mixed,
    Model,
    Progress,
    Quiet,
    RunArgument,
    Seed,
    Unknown,
    Wrap,
    offers,
    read_escapes,
    sampling_settings,
)
from textgen.terminal.commands.run_names import one_run, path_of
from textgen.terminal.display.progress_line import ProgressLine
from textgen.terminal.display.samples import ShownSamples
from textgen.terminal.output import emit_json, is_piped, say

if TYPE_CHECKING:
    from textgen.generation.learning import Learnt


@offers(SAMPLING_OPTIONS, after="length", has_defaults=True)
def sample(
    run: RunArgument = None,
    model: Model = None,
    prompt: Annotated[
        str | None, typer.Option(help="Text to continue; \\n is a newline, \\\\ a backslash.")
    ] = None,
    prompt_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the text to continue; - is standard input.",
            metavar="FILE",
            parser=path_of,
        ),
    ] = None,
    is_continued: Annotated[
        bool,
        typer.Option(
            "--continue",
            "--mid-text",
            help="Read the prompt as the middle of a text. By default it begins a document, or a "
            "line where the text has lines.",
        ),
    ] = False,
    learn_from: Annotated[
        Path | None,
        typer.Option(
            help="File that the network learns and reads before the prompt, such as a chapter; - "
            "is standard input.",
            metavar="FILE",
        ),
    ] = None,
    echo: Annotated[
        bool, typer.Option("--echo/--no-echo", help="Write the prompt before the text.")
    ] = True,
    keep_newline: Annotated[
        bool,
        typer.Option(
            "--keep-newline",
            help="Keep the newline at the end of a prompt from a file.",
        ),
    ] = False,
    label: Labels = None,
    mix: Mixed = None,
    length: Annotated[
        int, typer.Option(help="Largest number of characters to write in each sample.")
    ] = 500,
    seed: Seed = None,
    num_samples: Annotated[int, typer.Option(help="Number of samples to write.")] = 1,
    only_new: Annotated[
        bool,
        typer.Option(
            "--new",
            help="Draw a sample again if it is a document of the training text.",
        ),
    ] = False,
    on_unknown: Unknown = PROMPT_UNKNOWN,
    engine: Engine = "auto",
    wrap: Wrap = True,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
    **asked: Any,
) -> None:
    """Write text in the style of a run's training text.

    The text goes to standard output while it is generated. With --mix, or a name such as a+b,
    several runs write together: the mean of their probabilities decides each character.
    """
    if prompt is not None and prompt_file is not None:
        raise UsageError("prompt and prompt-file cannot both be given")
    readers = {"prompt-file": prompt_file, "words": asked["words"], "learn-from": learn_from}
    if len(piped := [name for name, path in readers.items() if str(path) == "-"]) > 1:
        raise UsageError(f"{' and '.join(piped)} cannot both read standard input")
    named = one_run(run, model)
    settings = sampling_settings(asked)
    check_number("length", length, 0, MAX_LENGTH, whole=True)
    check_number("num_samples", num_samples, 1, MAX_LENGTH, whole=True)
    if seed is not None:
        check_number("seed", seed, 0, MAX_SEED, whole=True)
    settings = replace(settings, words=_words(asked["words"]))
    text = _prompt_text(prompt, prompt_file, keep_newline=keep_newline)
    lesson = "" if learn_from is None else _read(learn_from, "text to learn from")
    if learn_from is not None and not lesson.strip():
        raise UsageError(f"the text to learn from, {str(learn_from)!r}, is empty")

    from textgen.terminal.signals import noted_signals
    from textgen.workflows.load import load_mixed
    from textgen.workflows.sample import Order, report_samples, write_samples

    order = Order(
        settings=settings,
        prompt=text,
        lesson=lesson,
        length=length,
        num_samples=num_samples,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        on_unknown=on_unknown,
        is_continued=is_continued,
        only_new=only_new,
        engine=engine,
    )
    loaded = load_mixed(named, "textgen sample", label, mixed=mix or ())
    # Documents that are lines stand one a line.
    between = "\n" if loaded.run.record().corpus.rules.documents == "line" else "\n\n"
    with noted_signals() as ending, ProgressLine(progress, quiet=quiet) as line:
        if as_json:
            for report in report_samples(
                loaded, order, should_stop=ending.requested, tell=line.show
            ):
                _end_silence(line)
                emit_json("sample", report)
        else:
            shown = ShownSamples(
                order.prompt if echo else "", num_samples, wraps=wrap, between=between
            )
            pieces = write_samples(
                loaded,
                order,
                should_stop=ending.requested,
                tell=line.show,
                tell_learnt=lambda learnt: None if quiet else _say_learnt(line, learnt),
            )
            for number, piece in pieces:
                _end_silence(line)
                if not shown.has_begun and seed is None and not quiet:
                    say(f"seed {order.seed}")
                shown.write(number, piece.text)
                if piece.finish == "stuck" and not quiet:
                    shown.end_line()
                    say(f"sample {number + 1} ends here: the settings permit no further character")
            shown.end_line()
    raise typer.Exit(ending.exit_code)


def _say_learnt(line: ProgressLine, learnt: "Learnt") -> None:
    line.show("")
    say(
        f"learnt {learnt.characters:,} characters: {learnt.bits_per_character:.2f} bits per "
        f"character before they were learnt, {learnt.trained_bits_per_character:.2f} without "
        "learning"
    )


def _end_silence(line: ProgressLine) -> None:
    """Remove the progress, for good where what reads stdout may write to the same terminal."""
    if is_piped(sys.stdout):
        line.close()
    else:
        line.show("")


def _words(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    from textgen.data.words import read_words

    return read_words(path)


def _prompt_text(prompt: str | None, path: Path | None, *, keep_newline: bool) -> str:
    if path is None:
        return read_escapes("prompt", prompt or "", "use --prompt-file").replace("\r\n", "\n")
    text = _read(path, "prompt")
    # Editors put a newline at the end of a file; the prompt is what stands before it.
    return text if keep_newline else text.removesuffix("\n")


def _read(path: Path, what: str) -> str:
    if str(path) == "-":
        return sys.stdin.read().removeprefix("\ufeff").replace("\r\n", "\n")
    from textgen.data.sources import load_text

    with read_as(what):
        return load_text(path)
