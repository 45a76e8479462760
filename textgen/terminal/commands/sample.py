"""The command that writes samples."""

import json
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from textgen.errors import UsageError
from textgen.readable import unescape
from textgen.settings import MAX_LENGTH, MAX_SEED, SamplingSettings, check_number
from textgen.terminal.commands.options import (
    AsJson,
    Engine,
    Forbid,
    Lines,
    MaxCopy,
    MinP,
    Only,
    Quiet,
    RepetitionPenalty,
    RepetitionWindow,
    RunArgument,
    Seed,
    Sentences,
    Starts,
    Stop,
    Temperature,
    TopK,
    TopP,
    TypicalP,
    Unknown,
    Words,
)
from textgen.terminal.output import emit, say


def sample(
    run: RunArgument = None,
    prompt: Annotated[
        str | None, typer.Option(help="Text to go on from; \\n is a new line, \\\\ a backslash.")
    ] = None,
    prompt_file: Annotated[
        Path | None,
        typer.Option(help="A file with the text to go on from, - for stdin.", metavar="FILE"),
    ] = None,
    length: Annotated[int, typer.Option(help="New characters of each sample, at most.")] = 500,
    temperature: Temperature = "0.8",
    top_k: TopK = 0,
    typical_p: TypicalP = 1.0,
    top_p: TopP = 1.0,
    min_p: MinP = 0.0,
    repetition_penalty: RepetitionPenalty = 1.0,
    repetition_window: RepetitionWindow = 64,
    forbid: Forbid = "",
    only: Only = "",
    words: Words = None,
    starts: Starts = "",
    max_copy: MaxCopy = 0,
    stop: Stop = None,
    lines: Lines = 0,
    sentences: Sentences = 0,
    seed: Seed = None,
    num_samples: Annotated[int, typer.Option(help="How many texts to write.")] = 1,
    on_unknown: Unknown = "error",
    engine: Engine = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write text in the manner of a run's corpus, to stdout as it is drawn."""
    if prompt is not None and prompt_file is not None:
        raise UsageError("prompt and prompt-file cannot both be given")
    settings = SamplingSettings(
        temperature=temperature,
        top_k=top_k,
        typical_p=typical_p,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        repetition_window=repetition_window,
        forbid=unescape(forbid),
        only=unescape(only),
        starts=tuple(unescape(start) for start in starts.split(",")) if starts else (),
        max_copy=max_copy,
        stop=tuple(map(unescape, stop or [])),
        lines=lines,
        sentences=sentences,
    )
    check_number("length", length, 0, MAX_LENGTH, whole=True)
    check_number("num_samples", num_samples, 1, MAX_LENGTH, whole=True)
    if seed is not None:
        check_number("seed", seed, 0, MAX_SEED, whole=True)
    settings = replace(settings, words=_words(words))
    text = _prompt_text(prompt, prompt_file)

    from textgen.terminal.signals import noted_signals
    from textgen.workflows.load import load_model
    from textgen.workflows.sample import Order, report_samples, write_samples

    order = Order(
        settings=settings,
        prompt=text,
        length=length,
        num_samples=num_samples,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        on_unknown=on_unknown,
        engine=engine,
    )
    model = load_model(run)
    begun = -1
    with noted_signals() as ending:
        if as_json:
            for report in report_samples(model, order, should_stop=ending.requested):
                emit(json.dumps(report) + "\n")
        else:
            for number, piece in write_samples(model, order, should_stop=ending.requested):
                if begun < 0 and seed is None and not quiet:
                    say(f"seed {order.seed}")
                if number > begun:
                    emit(("\n\n" if number else "") + text)
                    begun = number
                emit(piece.text)
                if piece.finish == "stuck" and not quiet:
                    say(f"sample {number + 1} ends here: the settings permit no further character")
    if sys.stdout.isatty() and not as_json:
        emit("\n")
    raise typer.Exit(0 if ending.signal is None else 128 + ending.signal)


def _words(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    from textgen.data.words import read_words

    return read_words(path)


def _prompt_text(prompt: str | None, path: Path | None) -> str:
    if path is None:
        return unescape(prompt or "").replace("\r\n", "\n")
    if str(path) == "-":
        return sys.stdin.read().removeprefix("\ufeff").replace("\r\n", "\n")
    from textgen.data.corpus import load_text

    return load_text(path)
