"""What all drawings share: the colours of curves, and a frame without top and right."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colour of whatever is no curve; matplotlib takes a string for a level of grey.
GREY = "0.4"
# Number of different colours that matplotlib has for curves.
NUM_COLOURS = 10


def curve_colour(number: int) -> str:
    """Return the colour of a curve, counted from 0; the colours repeat after ten."""
    return f"C{number % NUM_COLOURS}"


def open_frame(axes: "Axes") -> None:
    """Hide the upper and the right side of the frame."""
    axes.spines[["top", "right"]].set_visible(False)
