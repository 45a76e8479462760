import numpy as np

from textgen.interpretation.gradients import GradientNorms
from textgen.pictures.gradients import draw_gradients


def test_each_network_is_a_line_of_what_is_left() -> None:
    norms = np.array([5.0, 4.0, 2.0, 1.0, 0.0])
    found = GradientNorms(norms, norms[None], 64)
    figure = draw_gradients([("a", True, found), ("a", False, found), ("b", True, found)])
    (axes,) = figure.axes
    assert axes.get_title("left").startswith("How much of the gradient is left")
    lines = [line for line in axes.lines if "trained" in str(line.get_label())]
    assert [line.get_linestyle() for line in lines] == ["-", "--", "-"]
    assert lines[0].get_color() == lines[1].get_color() != lines[2].get_color()
    assert list(lines[0].get_xdata()) == [1, 2, 3, 4]
    assert np.allclose(lines[0].get_ydata(), [1, 0.5, 0.25, np.nan], equal_nan=True)
