"""The units that follow features of a text, as a table."""

import shlex
from typing import TYPE_CHECKING

from textgen.interpretation.features import FEATURES
from textgen.interpretation.gates import QUANTITIES
from textgen.terminal.display.render import format_notes, format_table

if TYPE_CHECKING:
    from textgen.workflows.find_units import Search


def format_search(search: "Search", columns: int | None) -> str:
    """Describe which unit follows each feature best, and how to look at the first unit.

    Args:
        search: result of the search. The features are listed by falling correlation.
        columns: width of the terminal in columns; None if there is no limit.
    """
    pairs = [*zip(FEATURES, search.findings, strict=True)]
    pairs.sort(key=lambda pair: abs(pair[1].tested) if pair[1] else -1, reverse=True)
    rows = [("feature", "layer", "unit", "r", "meaning")]
    for feature, found in pairs:
        numbers = ("-", "-", "-")
        if found is not None:
            numbers = (str(found.layer), str(found.unit), f"{found.tested:+.2f}")
        rows.append((feature.name, *numbers, feature.meaning))
    table = format_table(rows, columns)
    settings = search.model.config.settings
    memory = QUANTITIES[search.memory].title
    first, second = search.halves
    note = (
        f"r is Pearson's correlation of the feature with the {memory} after each character. Each "
        f"unit was chosen among {settings.num_layers * settings.hidden_size:,} on the first "
        f"{first:,} characters; r was measured on the other {second:,}."
    )
    text = f"{table}\n\n{format_notes([note], columns)}"
    best = pairs[0][1]
    if best is None:
        return text
    reference = search.model.run.reference
    example = search.example.replace("\\", "\\\\").replace("\n", "\\n")
    command = (
        f"textgen inspect {reference} {shlex.quote(example)} "
        f"--layer {best.layer} --units {best.unit}"
    )
    # The terminal wraps this line, so that it can be copied as it stands.
    return f"{text}\n\n{format_notes(['look at the first unit:'], columns)}\n  {command}"
