"""The command `classify`: say which run, or which label of a run, most probably wrote a text."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from textgen.data.source_rules import SourceRules
from textgen.errors import UsageError
from textgen.settings import TEXT_UNKNOWN
from textgen.terminal.commands.completion import (
    complete_label_field,
    complete_labelled_run,
    complete_labelled_run_or_text,
)
from textgen.terminal.commands.options import AsJson, Progress, Quiet, Scored
from textgen.terminal.commands.run_names import path_of, runs_and_sources
from textgen.terminal.commands.source_options import PLAIN_TEXTS, reads_texts
from textgen.terminal.commands.text_input import refuse_empty, text_chunks, with_progress
from textgen.terminal.display.score_tables import (
    format_judged,
    format_posteriors,
    judge,
    tell_unknown,
)
from textgen.terminal.output import columns_of, emit, emit_json, say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textgen.generation.model import Model


@reads_texts
def classify(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LABEL=RUN... TEXT",
            help="Two or more runs with a label each, then files, folders or names of shipped "
            "texts; standard input by default. With --label one run, then texts.",
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
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            metavar="FIELD",
            help="Tell the value of this label, with one run that was trained with labels. "
            "FIELD=VALUE sets another label, which is left out by default.",
            autocompletion=complete_label_field,
        ),
    ] = None,
    prior: Annotated[
        Literal["even", "documents"],
        typer.Option(
            help="How probable each value of --label is before the text is read: all alike, or as "
            "frequent as in the training documents."
        ),
    ] = "even",
    lines: Annotated[bool, typer.Option("--lines", help="Classify each line by itself.")] = False,
    on_unknown: Scored = TEXT_UNKNOWN,
    rules: SourceRules = PLAIN_TEXTS,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say which of several runs, or which label of one run, most probably wrote a text.

    By Bayes' theorem, with the same prior probability for all unless --prior says otherwise.
    """
    if prior != "even" and not label:
        raise UsageError("--prior is for the values of --label; runs have the same prior")
    if label:
        given = arguments or []
        runs, sources = runs_and_sources(given[0] if given else None, given[1:], model)
        names, models, priors = _values_of(runs, label, prior)
    else:
        labels, sources = _labels_and_sources(arguments or [], model or [])
        names, models, priors = [*labels], [*map(_load, labels.values())], None

    from textgen.data.file_lines import FileLines
    from textgen.workflows.score import Scoring

    places = FileLines()
    chunks = text_chunks(sources, rules, models, by_line=lines, lines=places, quiet=quiet)
    scoring = Scoring(models, on_unknown=on_unknown, priors=priors)
    if lines:
        for line in refuse_empty(scoring.read_each_line(chunks), sources):
            judged = judge(line, names, priors)
            if as_json:
                emit_json("line", places.find(line.number)._asdict() | judged)
            else:
                emit(format_judged(judged, columns_of(sys.stdout)) + "\n")
    else:
        parts = with_progress(scoring.read(chunks), scoring, sources, progress, quiet=quiet)
        for _ in refuse_empty(parts, sources):
            pass
    report = scoring.report()
    for name, run in zip(names, report["runs"], strict=True):
        run["label"] = name
    report |= {"field": _field_of(label), "prior": prior} if label else {}
    report["label"] = max(report["runs"], key=lambda run: run["posterior"])["label"]
    if as_json:
        emit_json("classification", report)
    elif not lines:
        emit(format_posteriors(report, columns_of(sys.stdout)) + "\n")
    if not quiet:
        # The values of a label know the same characters.
        tell_unknown({"runs": report["runs"][:1]} if label else report)
        if report["documents"] > 1 and not lines:
            say(
                f"{report['documents']:,} documents were judged together; "
                "--lines judges each line by itself"
            )


def _load(name: str | None) -> "Model":
    from textgen.workflows.load import load_forward

    return load_forward(name, "textgen classify")


def _field_of(typed: Sequence[str]) -> str:
    """Return the field whose value is asked for.

    Raises:
        UsageError: if there is not exactly one.
    """
    asked = [one for one in typed if "=" not in one]
    if len(asked) != 1:
        raise UsageError("classify tells the value of one label: --label FIELD")
    return asked[0]


def _values_of(
    runs: Sequence[str | None], typed: Sequence[str], prior: str
) -> "tuple[list[str], list[Model], NDArray[np.float64] | None]":
    """Return the values of a label, the model that writes each, and their prior probabilities.

    Args:
        runs: name of the run.
        typed: the field, and other labels as FIELD=VALUE.
        prior: `even`, or `documents` for the shares of the training documents.

    Raises:
        UsageError: if several runs are named, the run has no such label, or it has only one value.
    """
    name = _field_of(typed)
    if len(runs) > 1:
        raise UsageError("--label is for one run; name one")

    import numpy as np

    from textgen.data.labels import find_field, typed_labels

    model = _load(runs[0])
    fields = model.config.labels
    field = find_field(fields, name)
    if len(field.values) < 2:
        raise UsageError(f"the label {name!r} has one value only, {field.values[0]!r}")
    others = typed_labels(fields, [one for one in typed if "=" in one])
    models = [model.labelled({**others, name: value}) for value in field.values]
    shares = np.array(field.documents) / sum(field.documents)
    return [*field.values], models, shares if prior == "documents" else None


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
    sources = [path_of(one) for one, is_run in zip(arguments, are_runs, strict=True) if not is_run]
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
