import math
from dataclasses import replace

from matplotlib.figure import Figure

from textgen.evaluation.baselines import Baseline
from textgen.evaluation.curves import Best, Curve
from textgen.pictures.curves import draw_curves

FALLING = (6.0, 3.0, 2.5, 2.2, 2.1, 2.0, 2.0, 2.0, 2.0, 2.0)
X = tuple(100.0 * number for number in range(1, 11))
CURVE = Curve(
    run="_a $x_1$",
    x=X,
    training=FALLING,
    validation=FALLING,
    best=Best(step=900, x=900.0, validation=2.0),
)
BASELINES = [
    Baseline(
        name="n-gram",
        title="n-gram, 4 characters of context",
        is_adaptive=False,
        nats=2.75 * math.log(2),
    ),
    Baseline(name="xz", title="xz -9e", is_adaptive=True, nats=9.0 * math.log(2)),
]


def lines(figure: Figure, style: str) -> list[tuple[list[float], list[float]]]:
    (axes,) = figure.axes
    return [
        (list(line.get_xdata()), list(line.get_ydata()))
        for line in axes.lines
        if style in (line.get_linestyle(), line.get_marker()) and len(line.get_xdata())
    ]


def test_all_that_is_known_is_drawn_where_it_belongs() -> None:
    second = Curve(run="b", x=(50.0,), training=(3.0,), validation=(2.8,), best=None)
    figure = draw_curves([CURVE, second], BASELINES, "steps")
    (axes,) = figure.axes
    solid, dotted = (lines(figure, style) for style in ("-", ":"))
    assert solid == [(list(X), list(FALLING)), ([50.0], [2.8])]
    assert dotted == [(list(X), list(FALLING)), ([50.0], [3.0])]
    assert lines(figure, "*") == [([900.0], [2.0])]
    assert lines(figure, "--") == [([0, 1], [2.75, 2.75])]
    low, top = axes.get_ylim()
    assert low < 2.0 < 6.0 < top < 7.0  # training began with 6 bits
    assert axes.get_title("left") == "Learning curves"
    assert [text.get_text() for text in axes.texts] == ["n-gram"]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [
        "validation",
        "training",
        "best checkpoint",
        "run _a $x_1$: best 2.000 at step 900",
        "run b",
        "n-gram, 4 characters of context: 2.750",
        "xz -9e: 9.000",
    ]
    assert not any(text.get_parse_math() for text in figure.legends[0].get_texts())


def test_a_loss_above_the_first_ones_is_marked_at_the_edge() -> None:
    losses = (*FALLING[:4], 50.0, *FALLING[5:])
    figure = draw_curves([replace(CURVE, training=losses)], [], "steps")
    _, top = figure.axes[0].get_ylim()
    assert lines(figure, "^") == [([500.0], [top])]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[-1] == "losses above the chart: 1, up to 50.000"


def test_one_run_is_named_in_the_title_and_a_best_checkpoint_without_a_time_has_no_star() -> None:
    best = Best(step=900, x=None, validation=2.0)
    figure = draw_curves([replace(CURVE, best=best)], [], "minutes")
    assert figure.axes[0].get_title("left") == "Learning curves of _a $x_1$"
    assert lines(figure, "*") == []
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "run _a $x_1$: best 2.000 at step 900" in labels


def test_ticks_of_characters_are_short() -> None:
    figure = draw_curves([CURVE], [], "characters")
    (axes,) = figure.axes
    assert axes.get_xlabel() == "characters read"
    assert axes.xaxis.get_major_formatter()(2e6, 0) == "2M"
    assert draw_curves([CURVE], [], "steps").axes[0].xaxis.get_major_formatter()(4e3) == "4,000"
