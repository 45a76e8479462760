import pytest

from textgen.pictures.evaluation import Bar, draw_bars


def test_each_protocol_has_a_panel_with_a_bar_for_each_predictor() -> None:
    bars = [
        Bar("LSTM", "window", 2.1),
        Bar("LSTM", "stream", 2.0),
        Bar("n-gram", "stream", 2.5),
        Bar("xz", "dynamic", 2.6),
    ]
    figure = draw_bars(bars, "Loss of $a$ on a text")
    panels = figure.axes
    assert figure.get_suptitle() == "Loss of $a$ on a text"
    titles = [axes.get_title("left") for axes in panels]
    assert titles == ["protocol window", "protocol stream", "protocol dynamic"]
    assert [axes.get_xlim()[0] for axes in panels] == [0, 0, 0]
    assert [bar.get_width() for bar in panels[1].patches] == pytest.approx([2.0, 2.5])
    # A predictor has one colour in all panels.
    assert panels[0].patches[0].get_facecolor() == panels[1].patches[0].get_facecolor()
    assert panels[1].patches[1].get_facecolor() != panels[1].patches[0].get_facecolor()
