"""The scores of texts as tables and lines."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textgen.readable import one_line
from textgen.terminal.display.render import format_count, format_notes, format_table
from textgen.terminal.output import say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textgen.evaluation.scored_text import Line


def format_report(report: dict[str, Any], columns: int | None = None) -> str:
    """Write a report of `Scoring.report` as a table, and name the run that fits best.

    Args:
        report: the report.
        columns: width of the terminal in columns; None if there is no limit.
    """
    rows = [("run", "bits/char", "perplexity", "characters", "bits")]
    rows += [
        (
            one_line(run["run"]),
            f"{run['bits_per_character']:.4f}",
            f"{run['perplexity']:,.3f}",
            f"{report['characters']:,}",
            f"{run['bits']:,.1f}",
        )
        for run in report["runs"]
    ]
    return "\n".join([format_table(rows, columns), *_verdict(report, columns)])


def _verdict(report: dict[str, Any], columns: int | None) -> Iterator[str]:
    """Name the run that fits best, and say how far ahead it is."""
    if len(report["runs"]) < 2:
        return
    first, second = sorted(report["runs"], key=lambda run: run["bits"])[:2]
    lead = second["bits"] - first["bits"]
    verdict = f"{one_line(first['run'])} fits best, {lead:,.1f} bits ahead of the next"
    yield format_notes(
        [verdict if lead else "the text fits the best two runs equally well"], columns
    )


def format_posteriors(report: dict[str, Any], columns: int | None = None) -> str:
    """Write the probability of each run as a table.

    Args:
        report: report of `Scoring.report`, in which each run has a label too.
        columns: width of the terminal in columns; None if there is no limit.
    """
    # The labels may be values of a label of one run.
    named = 3 if len({run["run"] for run in report["runs"]}) == 1 else 4
    rows = [("label", "posterior", "bits/char", "run")[:named]]
    rows += [
        (
            one_line(run["label"]),
            percent(run["posterior"]),
            f"{run['bits_per_character']:.4f}",
            one_line(run["run"]),
        )[:named]
        for run in sorted(report["runs"], key=lambda run: (-run["posterior"], run["bits"]))
    ]
    if report.get("prior") == "documents":
        note = f"{one_line(report['label'])} is most probable; priors: shares of the training text"
        return f"{format_table(rows, columns)}\n{format_notes([note], columns)}"
    first, second = sorted(run["bits"] for run in report["runs"])[:2]
    lead = f"{one_line(report['label'])} fits best, {second - first:,.1f} bits ahead of the next"
    verdict = lead if second > first else "the best two labels are equally probable"
    ends = report["documents"]
    what = f" and the end{'' if ends == 1 else 's'} of {format_count(ends, 'document')}"
    note = f"{verdict}, over {format_count(report['characters'] - ends, 'character')}"
    note += what if ends else ""
    return f"{format_table(rows, columns)}\n{format_notes([note], columns)}"


def judge(
    line: "Line", labels: Sequence[str], priors: "NDArray[np.float64] | None" = None
) -> dict[str, Any]:
    """Return the most probable label of a line, and how probable each is, as JSON can hold it.

    Args:
        line: the line.
        labels: the labels.
        priors: prior probability of each label; None for the same for all.
    """
    from textgen.evaluation.scoring import posteriors

    shares = posteriors(line.nats, priors).tolist()
    return {
        "text": line.text,
        "characters": line.characters,
        "label": labels[shares.index(max(shares))],
        "posterior": dict(zip(labels, shares, strict=True)),
        "bits": dict(zip(labels, (line.nats / math.log(2)).tolist(), strict=True)),
    }


def format_judged(judged: Mapping[str, Any], columns: int | None = None) -> str:
    """Write the most probable label of a line, its probability and the line; see `judge`.

    Args:
        judged: the line.
        columns: width of the terminal in columns, to which the line is wrapped; None to write
            columns with tabs between them.
    """
    share = percent(max(judged["posterior"].values()))
    cells = one_line(judged["label"]), share, one_line(judged["text"])
    return "\t".join(cells) if columns is None else format_notes(["  ".join(cells)], columns)


def percent(share: float) -> str:
    """Write a probability, without rounding it to 0 % or 100 %.

    >>> percent(0.99999), percent(0.5), percent(1e-9)
    ('>99.9 %', '50.0 %', '<0.1 %')
    """
    if share > 0.9995:
        return ">99.9 %"
    return "<0.1 %" if share < 0.0005 else f"{share:.1%}".replace("%", " %")


def tell_unknown(report: dict[str, Any]) -> None:
    """Say how the characters were scored that a run does not know."""
    for run in report["runs"]:
        unknown = run["unknown"]
        if count := unknown["count"]:
            examples = " ".join(map(repr, unknown["examples"]))
            say(
                f"the run {run['run']} does not know {format_count(count, 'character')}, such as "
                f"{examples}; each counts as one of all other Unicode characters and costs "
                f"{unknown['bits'] / count:.1f} bits on average"
            )
