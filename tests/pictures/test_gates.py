import io

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.networks import random_model
from textgen.errors import UsageError
from textgen.interpretation.gates import Watched, watch
from textgen.pictures.gates import draw_gates, label
from textgen.settings import CellName

# Some of them are in no font, some reorder, hide or combine, and two dollars are mathematics.
HARD = "\n\t e$\\$\u4e2d\U0001f600\u0301\u200d\u202e\x1b\xa0\ufffd"


def watched(cell: CellName, text: str) -> Watched:
    model = random_model(cell, "".join(sorted(set(HARD + "abc"))))
    return watch(model.config, model.parameters, model.config.vocabulary.encode(text), 1)


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]


def test_there_is_a_panel_for_each_quantity_with_units_and_characters() -> None:
    found = watched("lstm", "ab c")
    figure = draw_gates(found, [0, 3], ["forget", "cell", "hidden"], "a run")
    assert titles(figure) == [
        "forget gate: 0 drops the cell, 1 keeps it",
        "kept: the mean of all 5 units",
        "cell state",
        "hidden state",
        f"surprise in bits, {found.bits.mean():.3f} per character",
        "characters expected at each position; dark is likely",
    ]
    forget, kept, cell, hidden, bits, guesses = figure.axes[:6]
    for axes in (forget, kept, cell, hidden, bits, guesses):
        assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b", "\u2423", "c"]
    assert [text.get_text() for text in forget.get_yticklabels()] == ["0", "3"]
    for axes, name in ((forget, "forget"), (cell, "cell"), (hidden, "hidden")):
        expected = found.quantities[name][:, [0, 3]].T
        np.testing.assert_array_equal(axes.images[0].get_array(), expected)
    assert forget.images[0].get_clim() == (0, 1)
    assert hidden.images[0].get_clim() == (-1, 1)
    low, high = cell.images[0].get_clim()
    assert low == -high
    heights = [bar.get_y() + bar.get_height() for bar in kept.patches]
    np.testing.assert_allclose(heights, found.kept("forget"))
    drawn = {text.get_position(): text.get_text() for text in guesses.texts}
    assert drawn[2, 0] == label(found.guesses[2][0].character)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_any_text_can_be_drawn(cell: CellName) -> None:
    found = watched(cell, HARD)
    figure = draw_gates(found, [4], list(found.quantities), r"$\bad$" + HARD)
    # A glyph that is missing would be a warning, and so an error.
    figure.savefig(io.BytesIO(), format="png", dpi=30)


def test_what_the_font_does_not_have_is_named_by_its_code() -> None:
    assert [label(c) for c in "a\n \t"] == ["a", "\u21b5", "\u2423", "\u21e5"]
    assert [label(c) for c in "\u4e2d\u0301\U0001f468\x1b"] == [
        "U+4E2D",
        "U+0301",
        "U+1F468",
        "U+001B",
    ]


def test_a_text_too_long_for_a_picture_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 300 characters, got 301"):
        draw_gates(watched("rnn", "a" * 301), [0], ["hidden"], "")
