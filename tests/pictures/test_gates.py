import io
from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.figure import Figure

from tests.networks import random_model
from textgen.errors import UsageError
from textgen.interpretation.gates import Watched, watch
from textgen.pictures import gates
from textgen.pictures.cells import CELL, FILLED, STRIP, WIDE_CELL, shades
from textgen.pictures.gates import Shown, draw_gates
from textgen.pictures.page import COLUMN, LINE, MARGIN, Box, Page
from textgen.settings import CellName

# Some of them are in no font, some reorder, hide or combine, and two dollars are mathematics.
HARD = "\n\t e$\\$\u4e2d\U0001f600\u0301\u200d\u202e\x1b\xa0\ufffd"


def watched(cell: CellName, text: str) -> Watched:
    model = random_model(cell, "".join(sorted(set(HARD + "abc"))))
    return watch(model.config, model.parameters, model.config.vocabulary.encode(text), 1)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[Page]:
    """Keep the pages that are drawn."""
    kept: list[Page] = []

    class KeptPage(Page):
        def __init__(self) -> None:
            super().__init__()
            kept.append(self)

    monkeypatch.setattr(gates, "Page", KeptPage)
    return kept


def cells_right_of(page: Page, label: str, number: int = 0) -> list[Box]:
    """Return the filled cells of the row with a label, from left to right."""
    word = [word for word in page.words if word.text == label and word.align == "right"][number]
    return sorted(
        box
        for box in page.boxes
        if box.edge == "none" and abs(box.y + box.height / 2 - word.y) < 0.1 and box.x > word.x
    )


def texts(page: Page) -> list[str]:
    return [word.text for word in page.words]


def test_each_unit_of_a_state_is_drawn_on_its_own_scale_written_beside_it(
    pages: list[Page],
) -> None:
    found = watched("lstm", "ab c")
    found.quantities["cell"][:, 0] = [9, 0, -9, 4.5]
    found.quantities["cell"][:, 3] = [0.04, 0.03, 0.02, 0.04]
    found.quantities["forget"][:, 0] = [0, 1, 0.2, 0.4]
    draw_gates([Shown(found, [0, 3], ["forget", "cell"], "a run")])
    (page,) = pages
    red, blue, white = "#67001f", "#053061", "#f7f6f6"
    forget, cell = cells_right_of(page, "0", 0), cells_right_of(page, "0", 1)
    assert [box.colour for box in forget[:4]] == [*shades("Greens", np.array([0, 1, 0.2, 0.4]))]
    assert [box.colour for box in cell][:3] == [red, white, blue]
    small = [box.colour for box in cells_right_of(page, "3", 1)]
    assert (small[0], small[2], small[3]) == (red, white, red)
    shown = texts(page)
    assert {" -9.00   9.00", "0.0200 0.0400", "  0.00   1.00"} < {*shown}
    begin = min(box.x for box in cell)
    assert [box.x for box in cell] == pytest.approx([begin + CELL * k for k in range(4)])


def test_all_is_drawn_with_titles_and_bars_from_zero(pages: list[Page]) -> None:
    found = watched("lstm", "ab c")
    draw_gates([Shown(found, [0, 3], ["forget", "cell", "surprise"], "a $run$")])
    (page,) = pages
    shown = texts(page)
    mean = found.bits.mean()
    for title in (
        "a $run$",
        "forget gate",
        "0 drops the cell, 1 keeps it",
        "cell state",
        "blue below 0, red above 0",
        "surprise and guesses",
        f"{mean:.3f} bits per character",
    ):
        assert title in shown
    assert "all: the mean of all units of the layer, as bars from 0 to 1." in " ".join(shown)
    # The text stands above both quantities and above the guesses, which hold some of its letters.
    assert shown.count("b") >= 3
    kept = found.kept("forget")
    assert kept is not None
    tall = [box for box in page.boxes if box.colour == "#888888" and box.edge == "none"]
    bars = [box for box in tall if box.width == pytest.approx(CELL - 0.2)][:4]
    np.testing.assert_allclose([box.height / STRIP for box in bars], kept)
    assert len({round(box.y + box.height, 6) for box in bars}) == 1


def test_the_same_of_several_models_has_the_same_height_and_the_text_is_cut_alike(
    pages: list[Page],
) -> None:
    text = "ab c" * 20
    names = {"lstm": ["cell", "hidden", "surprise"], "gru": ["hidden", "surprise"]}
    models = [Shown(watched(cell, text), [0, 1], names[cell], cell) for cell in ("lstm", "gru")]
    draw_gates(models)
    (page,) = pages
    at = {word.text: (word.x, word.y) for word in page.words}
    for title in ("hidden state", "surprise and guesses"):
        assert at[f"A: {title}"][1] == at[f"B: {title}"][1]
        assert at[f"B: {title}"][0] > at[f"A: {title}"][0] + 50
    assert "B: cell state" not in at
    assert {"A: lstm", "B: gru"} <= at.keys()
    # Both texts are cut into lines of the same length, at the same heights.
    lines = [
        sorted(
            {round(w.y, 3) for w in page.words if w.text == "bits" and is_right == (w.x > middle)}
        )
        for middle in [at["B: surprise and guesses"][0]]
        for is_right in (False, True)
    ]
    assert lines[0] == lines[1]
    assert len(lines[0]) > 1


@pytest.mark.parametrize("num_models", [1, 2, 3])
@pytest.mark.parametrize("length", [18, 60, 300])
def test_a_page_is_no_ribbon(
    num_models: int, length: int, pages: list[Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The size of a page is known before it is drawn, which takes much longer.
    monkeypatch.setattr(Page, "figure", lambda _: Figure())
    found = watched("lstm", ("ab c" * 80)[:length])
    names = ["forget", "input", "cell", "output", "hidden", "surprise"]
    draw_gates([Shown(found, range(5), names, "a run")] * num_models)
    (page,) = pages
    assert 0.7 < page.width * COLUMN / (page.height * LINE) < 3


@pytest.mark.slow
def test_the_longest_text_is_drawn_at_the_size_of_its_page(pages: list[Page]) -> None:
    found = watched("lstm", "ab c" * 75)
    figure = draw_gates([Shown(found, range(5), ["forget", "hidden", "surprise"], "a run")])
    (page,) = pages
    across, down = page.width * COLUMN + 2 * MARGIN, page.height * LINE + 2 * MARGIN
    assert (*figure.get_size_inches(),) == pytest.approx((across, down))


def test_only_what_is_named_is_drawn(pages: list[Page]) -> None:
    found = watched("lstm", "ab c")
    draw_gates([Shown(found, [0], ["forget"], "a run")])
    draw_gates([Shown(found, [0], ["surprise"], "a run")])
    without, alone = map(texts, pages)
    assert "surprise and guesses" not in without
    assert "surprise in bits: " not in without
    assert "surprise and guesses" in alone
    assert "state: below 0" not in alone
    assert not any("Beside each row" in shown for shown in alone)


def overlaps(boxes: Sequence[Box]) -> bool:
    return any(
        one.x < other.x + other.width - 1e-6
        and other.x < one.x + one.width - 1e-6
        and one.y < other.y + other.height - 1e-6
        and other.y < one.y + one.height - 1e-6
        for number, one in enumerate(boxes)
        for other in boxes[:number]
    )


def test_no_cells_overlap(pages: list[Page]) -> None:
    found = watched("gru", "ab c" * 9)
    draw_gates([Shown(found, [0, 1, 4], ["update", "hidden", "surprise"], "one")] * 2)
    (page,) = pages
    assert not overlaps([box for box in page.boxes if box.height == FILLED and box.edge == "none"])


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_any_text_can_be_drawn(cell: CellName, pages: list[Page]) -> None:
    found = watched(cell, HARD)
    figure = draw_gates([Shown(found, [4], [*found.quantities, "surprise"], r"$\bad$" + HARD)])
    # A glyph that is missing would be a warning, and so an error.
    figure.savefig(io.BytesIO(), format="png", dpi=30)
    widths = {round(box.width, 3) for box in cells_right_of(pages[0], "4")}
    assert widths == {WIDE_CELL}


def test_a_text_too_long_for_a_picture_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 300 characters, got 301"):
        draw_gates([Shown(watched("rnn", "a" * 301), [0], ["hidden"], "")])
