"""A drawing of what a layer does with a text. Matplotlib is imported only when drawing."""

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from textgen.errors import UsageError
from textgen.interpretation.gates import GUESSES, QUANTITIES, Watched, reach

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Longest text in one picture, in characters.
MAX_DRAWN = 300
# Sizes in inches: the width of a letter, the heights of a row of a panel and of a strip of bars,
# the margins above and below a panel together, and the margins beside it together.
LETTER, ROW, STRIP, AROUND, BESIDE = 0.065, 0.15, 0.45, 0.45, 1.8
# Colour maps. A gate is black at 0 and white at 1. A state is white at 0, blue below, red above.
GATES, STATES, PROBABILITIES = "gray", "RdBu_r", "Greys"
# This font comes with matplotlib.
FONT: dict[str, Any] = {"family": "DejaVu Sans Mono", "size": 7}


def draw_gates(
    watched: Watched, units: Sequence[int], names: Sequence[str], title: str
) -> "Figure":
    """Draw a panel for each quantity, and below them the surprise and the guesses.

    Args:
        watched: what the layer did, for at most 300 characters.
        units: units of the layer to draw, counted from 0; each is a row of a panel.
        names: names of the quantities, at least one.
        title: title of the picture.

    Raises:
        UsageError: if the text is too long.
    """
    from matplotlib.figure import Figure

    length = len(watched.text)
    if length > MAX_DRAWN:
        raise UsageError(f"a picture shows at most {MAX_DRAWN} characters, got {length:,}")
    heights = []
    for name in names:
        heights += [max(ROW * len(units), STRIP)] + [STRIP] * (watched.kept(name) is not None)
    heights += [STRIP, ROW * GUESSES]
    # A character that the font does not have is shown as a code, which is wide.
    shown = {*watched.text, *(guess.character for column in watched.guesses for guess in column)}
    letters = max(2, *(len(label(character)) for character in shown))
    width = max(length * letters * LETTER, 3) + BESIDE
    figure = Figure(
        figsize=(width, sum(heights) + AROUND * (len(heights) + 1)), layout="constrained"
    )
    figure.suptitle("".join(map(_printable, title)), **FONT | {"size": 10}).set_parse_math(False)
    panels = iter(figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    for name in names:
        _draw_quantity(next(panels), watched, units, name)
        kept = watched.kept(name)
        if kept is not None:
            count = watched.quantities[name].shape[1]
            title = f"kept: the mean of all {count} units"
            _draw_strip(next(panels), watched, kept, title, low=float(kept.min()) - 0.05)
    mean = f"surprise in bits, {watched.bits.mean():.3f} per character"
    _draw_strip(next(panels), watched, watched.bits, mean)
    _draw_guesses(next(panels), watched)
    return figure


def _draw_quantity(axes: "Axes", watched: Watched, units: Sequence[int], name: str) -> None:
    quantity, values = QUANTITIES[name], watched.quantities[name][:, units].T
    high = reach(name, values)
    low = -high if quantity.is_signed else 0.0
    meaning = "" if quantity.is_signed else f": 0 {quantity.low}, 1 {quantity.high}"
    extend = "both" if name == "cell" else "neither"
    _draw_cells(axes, values, STATES if quantity.is_signed else GATES, low, high, extend)
    axes.set_yticks(range(len(units)), [str(unit) for unit in units], **FONT)
    axes.set_ylabel("unit", **FONT)
    _finish(axes, watched, quantity.title + meaning)


def _draw_cells(
    axes: "Axes", values: np.ndarray, colours: str, low: float, high: float, extend: str
) -> None:
    image = axes.imshow(
        values, aspect="auto", interpolation="nearest", cmap=colours, vmin=low, vmax=high
    )
    bar = axes.figure.colorbar(
        image,
        ax=axes,
        aspect=10,
        fraction=0.03,
        pad=0.01,
        extend=extend,
        ticks=[low, (low + high) / 2, high],
        format="%.3g",
    )
    bar.ax.tick_params(labelsize=FONT["size"], labelfontfamily=FONT["family"])


def _draw_strip(
    axes: "Axes", watched: Watched, values: np.ndarray, title: str, low: float = 0.0
) -> None:
    axes.bar(range(len(values)), values - low, bottom=low, width=1, color="tab:blue")
    axes.margins(x=0)
    axes.set_ylim(low, max(float(values.max()), low + 0.1))
    axes.tick_params(labelsize=FONT["size"], labelfontfamily=FONT["family"])
    _finish(axes, watched, title)


def _draw_guesses(axes: "Axes", watched: Watched) -> None:
    guesses = watched.guesses[:-1]
    values = np.array([[guess.probability for guess in column] for column in guesses]).T
    _draw_cells(axes, values, PROBABILITIES, 0, 1, "neither")
    for position, column in enumerate(guesses):
        for rank, (character, probability) in enumerate(column):
            style: dict[str, Any] = {
                "ha": "center",
                "va": "center",
                "color": "w" if probability > 0.5 else "k",
            }
            axes.text(position, rank, label(character), **FONT, **style)
    axes.set_yticks(range(len(values)), [str(rank + 1) for rank in range(len(values))], **FONT)
    axes.set_ylabel("guess", **FONT)
    _finish(axes, watched, "characters expected at each position; dark is likely")


def _finish(axes: "Axes", watched: Watched, title: str) -> None:
    signs = [label(character) for character in watched.text]
    axes.set_title(title, **FONT | {"size": 9}, loc="left")
    axes.set_xticks(range(len(signs)), signs, **FONT)
    axes.tick_params(length=0)


def label(character: str) -> str:
    """Return the label of a character on an axis.

    It is the character itself if the font has it, a sign for a newline, a tab or a space, and
    otherwise the code of the character, such as `U+4E2D`.
    """
    known = {"\n": "\u21b5", "\t": "\u21e5", " ": "\u2423"}
    shown = known.get(character, character)
    return shown if _printable(shown) == shown else f"U+{ord(character):04X}"


def _printable(character: str) -> str:
    """Return a character, or a question mark if the font cannot draw it by itself."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    font = get_font(findfont(FontProperties(**FONT)))
    is_seen = character == " " or unicodedata.category(character)[0] not in "CMZ"
    return character if is_seen and font.get_char_index(ord(character)) else "?"
