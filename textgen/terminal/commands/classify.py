"""The command `classify`: say which of several runs most probably wrote a text."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from textgen.errors import UsageError
from textgen.settings import TEXT_UNKNOWN
from textgen.terminal.commands.completion import (
    complete_labelled_run,
    complete_labelled_run_or_text,
)
from textgen.terminal.commands.options import AsJson, Progress, Quiet, Scored
from textgen.terminal.commands.source_options import (
    Encoding,
    Field,
    Format,
    SkipBroken,
    read_rules,
)
from textgen.terminal.commands.text_input import refuse_empty, text_chunks, with_progress
from textgen.terminal.display.score_tables import (
    format_judged,
    format_posteriors,
    judge,
    tell_unknown,
)
from textgen.terminal.output import columns_of, emit, emit_json


def classify(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LABEL=RUN... TEXT",
            help="Two or more runs with a label each, then files, folders or names of shipped "
            "texts; standard input by default.",
            autocompletion=complete_labelled_run_or_text,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[LABEL=]RUN",
            help="A run, as in the arguments; its name is its label if it has no other. With this "
            "option, all arguments are texts.",
            autocompletion=complete_labelled_run,
        ),
    ] = None,
    lines: Annotated[bool, typer.Option("--lines", help="Classify each line by itself.")] = False,
    on_unknown: Scored = TEXT_UNKNOWN,
    format: Format = None,  # noqa: A002
    field: Field = None,
    encoding: Encoding = None,
    skip_broken: SkipBroken = False,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say which of several runs most probably wrote a text.

    All runs have the same prior probability.
    """
    rules = read_rules(format, field, encoding, skip_broken)
    labels, sources = _labels_and_sources(arguments or [], model or [])

    from textgen.workflows.load import load_model
    from textgen.workflows.score import Scoring

    models = [load_model(name) for name in labels.values()]
    chunks = text_chunks(sources, rules, models)
    scoring = Scoring(models, on_unknown=on_unknown)
    names = list(labels)
    if lines:
        for line in refuse_empty(scoring.read_each_line(chunks), sources):
            judged = judge(line, names)
            if as_json:
                emit_json("line", judged)
            else:
                emit(format_judged(judged, columns_of(sys.stdout)) + "\n")
    else:
        parts = with_progress(scoring.read(chunks), scoring, sources, progress, quiet=quiet)
        for _ in refuse_empty(parts, sources):
            pass
    report = scoring.report()
    for label, run in zip(names, report["runs"], strict=True):
        run["label"] = label
    report["label"] = max(report["runs"], key=lambda run: run["posterior"])["label"]
    if as_json:
        emit_json("classification", report)
    elif not lines:
        emit(format_posteriors(report, columns_of(sys.stdout)) + "\n")
    if not quiet:
        tell_unknown(report)


def _labels_and_sources(
    arguments: Sequence[str], model: Sequence[str]
) -> tuple[dict[str, str], list[Path]]:
    """Return the run of each label, and the texts. A file takes precedence over LABEL=RUN.

    Raises:
        UsageError: if there are fewer than two runs, or two labels are equal.
    """
    are_runs = [not model and _is_pair(one) and not Path(one).exists() for one in arguments]
    pairs = [one for one, is_run in zip(arguments, are_runs, strict=True) if is_run]
    pairs += [one if _is_pair(one) else f"{one}={one}" for one in model]
    sources = [Path(one) for one, is_run in zip(arguments, are_runs, strict=True) if not is_run]
    labels = dict(pair.split("=", 1) for pair in pairs)
    if len(pairs) < 2:
        raise UsageError(
            "classify needs at least two runs, each with a label: textgen classify A=RUN B=RUN TEXT"
        )
    if len(labels) < len(pairs):
        raise UsageError("each run needs a label of its own")
    return labels, sources


def _is_pair(text: str) -> bool:
    label, equals, run = text.partition("=")
    return bool(label and equals and run)
