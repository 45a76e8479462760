import re
from xml.etree import ElementTree

import pytest

from textgen.python.curve_picture import HEIGHT, MARGINS, WIDTH, curve_picture, ticks_between

ROWS = [
    {"step": 0, "validation_bits_per_character": 6.0},
    {"step": 50, "training_bits_per_character": 4.0, "validation_bits_per_character": 3.0},
    {"step": 100, "training_bits_per_character": 2.5, "validation_bits_per_character": 2.0},
]


def test_the_points_stand_where_the_scales_put_them() -> None:
    root = ElementTree.fromstring(curve_picture(ROWS, 200))
    (training, validation) = (
        [tuple(map(float, point.split())) for point in line.attrib["d"][1:].split("L")]
        for line in root.iter("{http://www.w3.org/2000/svg}path")
        if "fill" in line.attrib
    )
    left, right, top, bottom = MARGINS
    wide, high = WIDTH - left - right, HEIGHT - top - bottom
    assert validation == [
        (left, top),
        (left + wide / 4, top + high * 3 / 4),
        (left + wide / 2, top + high),
    ]
    assert training[0] == (left + wide / 4, top + high / 2)


def test_there_is_no_picture_before_the_first_evaluation() -> None:
    assert curve_picture([], 100) == curve_picture([{"step": 3}], 100) == ""


@pytest.mark.parametrize("loss", [2.0, 1e12])
def test_any_losses_fit_into_the_picture(loss: float) -> None:
    drawn = curve_picture([{"step": 1, "validation_bits_per_character": loss}], 0)
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', drawn)]
    assert heights
    assert max(heights) <= HEIGHT


@pytest.mark.parametrize(("low", "high"), [(0, 1), (2.31, 2.44), (0, 123456), (3, 3), (1.7, 6.9)])
def test_ticks_are_few_and_lie_between_the_ends(low: float, high: float) -> None:
    ticks = ticks_between(low, high)
    assert 1 <= len(ticks) <= 6
    assert all(low <= tick <= high for tick in ticks)
