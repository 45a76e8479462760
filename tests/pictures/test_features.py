import numpy as np
import pytest

from textgen.interpretation.features import FEATURES
from textgen.interpretation.units import Example, Finding
from textgen.pictures import features
from textgen.pictures.features import draw_features
from textgen.pictures.page import COLUMN, LINE, Page


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[Page]:
    """Keep the pages that are drawn."""
    kept: list[Page] = []

    class KeptPage(Page):
        def __init__(self) -> None:
            super().__init__()
            kept.append(self)

    monkeypatch.setattr(features, "Page", KeptPage)
    return kept


def test_many_examples_stand_in_columns_in_the_proportions_of_a_slide(pages: list[Page]) -> None:
    memory, values = np.linspace(-1, 1, 64, dtype=np.float32), np.arange(64.0)
    examples = [
        Example(Finding(feature, 1, 2, 0.9, 0.8), "ab c" * 16, memory, values)
        for feature in FEATURES
    ]
    draw_features(examples, "a run: units", "cell")
    (page,) = pages
    assert 1.3 < page.width * COLUMN / (page.height * LINE) < 2.4
    places = {word.text: (word.x, word.y) for word in page.words}
    first, last = places[FEATURES[0].name], places[FEATURES[-1].name]
    assert last[0] > first[0] + 100
    assert len({(word.x, word.y) for word in page.words if word.text == "unit"}) == len(FEATURES)


def test_each_unit_is_drawn_over_its_example(pages: list[Page]) -> None:
    memory = np.array([-2.0, 0, 1, 2], np.float32)
    examples = [
        Example(Finding(feature, 2, 17, 0.9, -0.75), "ab\u4e2d\n", memory, np.array([0.0, 1, 2, 4]))
        for feature in FEATURES[:2]
    ]
    draw_features(examples, "a run: units", "cell")
    (page,) = pages
    shown = [word.text for word in page.words]
    assert shown[0] == "a run: units"
    for feature in FEATURES[:2]:
        assert feature.name in shown
        assert f"{feature.meaning}: layer 2, unit 17, r = -0.75" in " ".join(shown)
    assert shown.count(" -2.00   2.00") == shown.count("     0      4") == 2
    letters = [word for word in page.words if word.text == "a"]
    assert [word.colour for word in letters] == ["white", "white"]  # on the strongest blue
    cells = [box for box in page.boxes if box.colour in ("#053061", "#67001f") and box.width > 2]
    assert len(cells) == 4
    bars = [box for box in page.boxes if box.colour == "#888888" and box.edge == "none"]
    assert [round(box.height / bars[3].height, 2) for box in bars[:4]] == [0, 0.25, 0.5, 1]
