"""The command `classify`: say which of several runs most probably wrote a text."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from textgen.errors import UsageError
from textgen.terminal.commands.options import AsJson, Quiet, Scored
from textgen.terminal.commands.text_input import refuse_empty, text_chunks, with_progress
from textgen.terminal.display.score_tables import format_judged, format_posteriors, tell_unknown
from textgen.terminal.output import columns_of, emit


def classify(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="LABEL=RUN...  [FILE|-]",
            help="Two or more runs with a label each, then the text; standard input by default.",
        ),
    ],
    lines: Annotated[bool, typer.Option("--lines", help="Classify each line by itself.")] = False,
    on_unknown: Scored = "replace",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say which of several runs most probably wrote a text.

    All runs have the same prior probability.
    """
    labels, file = _split_labels(runs)

    from textgen.workflows.load import load_model
    from textgen.workflows.score import Scoring

    chunks = text_chunks(file)
    scoring = Scoring([load_model(name) for name in labels.values()], on_unknown=on_unknown)
    names = list(labels)
    if lines:
        for line in scoring.read_each_line(chunks):
            emit(format_judged(line, names, as_json=as_json))
    else:
        for _ in with_progress(scoring.read(chunks), scoring, quiet=quiet):
            pass
    refuse_empty(scoring.characters, file)
    report = scoring.report()
    for label, run in zip(names, report["runs"], strict=True):
        run["label"] = label
    report["label"] = max(report["runs"], key=lambda run: run["posterior"])["label"]
    if as_json:
        emit(json.dumps(report) + "\n")
    elif not lines:
        emit(format_posteriors(report, columns_of(sys.stdout)) + "\n")
    if not quiet:
        tell_unknown(report)


def _split_labels(given: Sequence[str]) -> tuple[dict[str, str], Path | None]:
    """Return the run of each label, and the file.

    Raises:
        UsageError: if there are fewer than two labels, or two are equal.
    """
    *pairs, last = given
    is_file = not _is_pair(last) or (len(pairs) > 1 and Path(last).is_file())
    file = Path(last) if is_file else None
    pairs += [last] if file is None else []
    for pair in pairs:
        if not _is_pair(pair):
            raise UsageError(
                f"{pair!r} is not LABEL=RUN; give each run a label, and name the text last"
            )
    labels = dict(pair.split("=", 1) for pair in pairs)
    if len(pairs) < 2:
        raise UsageError("classify needs at least two runs, each with a label: A=RUN B=RUN")
    if len(labels) < len(pairs):
        raise UsageError("each run needs a label of its own")
    return labels, file


def _is_pair(text: str) -> bool:
    label, equals, run = text.partition("=")
    return bool(label and equals and run)
