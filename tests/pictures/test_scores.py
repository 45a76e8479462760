import math

import numpy as np
import pytest

from textgen.evaluation.scored_text import Part
from textgen.pictures import scores as score_picture
from textgen.pictures.scores import Course, ScorePicture, draw_course


@pytest.mark.parametrize("cuts", [[100], [7, 16, 50, 27], [1] * 100])
def test_the_course_of_a_text_does_not_depend_on_its_pieces(
    cuts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_picture, "STRETCHES", 4)
    nats = np.log(2) * np.arange(100, dtype=np.float32)
    course, begin = Course(), 0
    for size in cuts:
        part = nats[begin : begin + size]
        course.add(Part("x" * size, np.stack([part, 2 * part])))
        begin += size
    # 16 characters a stretch would make more than four of them.
    assert course.size == 32
    expected = [np.mean(range(at, min(at + 32, 100))) for at in range(0, 100, 32)]
    assert course.bits()[:, 0] == pytest.approx(expected, rel=1e-5)
    assert course.bits()[:, 1] == pytest.approx(2 * np.array(expected), rel=1e-5)


def part(length: int, bits: float = 1.0, models: int = 2) -> Part:
    return Part("x" * length, np.full((models, length), bits * math.log(2), np.float32))


def test_each_model_is_a_line_of_bits_per_character() -> None:
    course = Course()
    course.add(part(20))
    (axes,) = draw_course(course, ["run one", "run two"], 20).axes
    assert axes.get_title("left") == "Surprise along a text of 20 characters"
    assert [patch.get_label() for patch in axes.patches] == ["run one", "run two"]
    values, edges, _ = axes.patches[0].get_data()
    assert values == pytest.approx([1, 1])
    assert edges.tolist() == [0, 16, 20]
    assert axes.get_ylim()[0] == 0


def test_a_long_course_is_smoothed_over_faint_steps_so_that_models_can_be_told_apart() -> None:
    course = Course()
    nats = np.log(2) * np.where(np.arange(8000) // 32 % 2, 1.0, 3.0)
    course.add(Part("x" * 8000, np.stack([nats, nats + np.log(2)])))
    (axes,) = draw_course(course, ["run one", "run two"], 8000).axes
    assert [patch.get_alpha() for patch in axes.patches] == [0.3, 0.3]
    lines = [line for line in axes.lines if str(line.get_label()).startswith("run")]
    means = [np.asarray(line.get_ydata()) for line in lines]
    for found, mean in zip(means, (2, 3), strict=True):
        assert np.abs(found[20:-20] - mean).max() < 0.01
    assert (
        "each step is the mean of 32, each point of a line that of about 320" in axes.get_xlabel()
    )


def test_a_short_text_is_drawn_itself_and_a_longer_one_as_a_curve() -> None:
    assert ScorePicture().draw(["one"]) is None
    for length, is_curve in ((2000, False), (2001, True)):
        picture = ScorePicture()
        picture.add(part(1000, 1.0))
        picture.add(part(length - 1000, 3.0))
        figure = picture.draw(["one", "two"])
        assert figure is not None
        (axes,) = figure.axes
        assert bool(axes.get_xlabel()) == is_curve
        legend = figure.legends[0].get_texts() if is_curve else axes.texts
        mean = (1000 + 3 * (length - 1000)) / length
        shown = [text.get_text() for text in legend]
        for name in ("one", "two"):
            assert f"run {name}: {mean:.3f} bits per character" in shown
