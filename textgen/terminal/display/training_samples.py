"""What a network wrote while it was trained, in the order of the steps."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from textgen.readable import cut, visible, wrap_lines
from textgen.runs.metrics import SAMPLE, VALIDATION
from textgen.terminal.display.render import format_bits


def format_training_samples(
    rows: Sequence[Mapping[str, Any]], *, columns: int | None, name: str = ""
) -> Iterator[str]:
    """Describe the samples of a run: for each a heading, the text and an empty line.

    Args:
        rows: rows of the metrics that hold a sample.
        columns: width of the terminal in columns; None if there is no limit.
        name: name of the run, safe to show; empty if there is only one.
    """
    for row in rows:
        heading = f"{name}, " * bool(name) + f"step {row['step']:,}"
        if VALIDATION in row:
            heading += f"  validation {format_bits(row[VALIDATION])} bits/char"
        text = visible(row[SAMPLE])
        if columns is not None:
            heading, text = cut(heading, columns), wrap_lines(text, columns)
        yield f"{heading}\n{text}\n\n"
