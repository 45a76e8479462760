"""Which unit follows what in a text, as a table for a terminal."""

import shlex
from typing import TYPE_CHECKING

from textgen.interpretation.features import FEATURES
from textgen.interpretation.gates import QUANTITIES, memory_name
from textgen.network.cells import CELLS
from textgen.readable import wrap
from textgen.terminal.display.render import format_table

if TYPE_CHECKING:
    from textgen.workflows.find_units import Search

# Columns from which on the table fits.
WIDE = 80


def format_search(search: "Search", columns: int) -> str:
    """Describe which unit follows each feature best, the closest first, and how to look at it.

    Args:
        search: what was found.
        columns: width of the terminal; a narrow one gets lines instead of a table.
    """
    pairs = [*zip(FEATURES, search.findings, strict=True)]
    pairs.sort(key=lambda pair: abs(pair[1].tested) if pair[1] else -1, reverse=True)
    rows = [("feature", "layer", "unit", "r", "which is")]
    for feature, found in pairs:
        numbers = ("-", "-", "-")
        if found is not None:
            numbers = (str(found.layer), str(found.unit), f"{found.tested:+.2f}")
        rows.append((feature.name, *numbers, feature.meaning))
    table = format_table(rows)
    if columns < WIDE:
        lines = (f"{name}\n  {layer} {unit} {r}" for name, layer, unit, r, _ in rows)
        table = "\n".join(lines)
    settings = search.model.config.settings
    memory = QUANTITIES[memory_name(CELLS[settings.cell])].title
    first, second = search.halves
    note = (
        f"r is Pearson's correlation with the {memory} after each character. Each unit was chosen "
        f"among {settings.num_layers * settings.hidden_size:,} on the first {first:,} characters; "
        f"r is over the other {second:,}, which had no part in the choice."
    )
    text = f"{table}\n\n" + "\n".join(wrap(note, max(columns, 8)))
    best = pairs[0][1]
    if best is None:
        return text
    reference = shlex.quote(search.model.run.reference)
    options = f"--layer {best.layer} --units {best.unit}"
    return f'{text}\n\nlook at the first:\n  textgen inspect {reference} "..." {options}'
