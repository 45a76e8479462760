"""The style that all pictures share, whatever settings of matplotlib a user has.

Matplotlib, of the extra `plot`, is imported only when a picture is drawn or saved.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textgen.pictures.fonts import SANS, installed_fallbacks
from textgen.readable import wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours of curves and bars that people with any kind of colour vision tell apart: those of Okabe
# and Ito (2008), Color Universal Design, without their yellow, which is faint on white.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
# Marker of curves when the colours begin again.
MARKER = "s"
# Colours of words beside the drawing, and of lines of a grid.
GREY, FAINT = "#555555", "#dddddd"
# Size of a chart in inches, in the proportions of a slide; a line of its legend; dots per inch.
WIDTH, HEIGHT, LEGEND_LINE, DOTS = 10.0, 5.6, 0.27, 150
# Longest line of a title and of a legend, in characters.
TITLE_LENGTH, LABEL_LENGTH = 72, 84
# Settings of matplotlib that differ from its own defaults. Texts are no formulas: a run may be
# called $x_1$. The salt makes the same drawing give the same bytes.
SETTINGS: Any = {
    "font.size": 14,
    "axes.titlesize": 17,
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "legend.fontsize": 13,
    "lines.linewidth": 2.5,
    "text.parse_math": False,
    "text.hinting": "none",
    "svg.hashsalt": "textgen",
    "savefig.dpi": DOTS,
    "figure.constrained_layout.w_pad": 0.15,
    "figure.constrained_layout.h_pad": 0.15,
}


def load_matplotlib() -> None:
    """Import matplotlib without the settings of its user.

    It reads its settings while it is imported, first from the current folder, and can fail on them.
    So it is imported in the folder that holds its defaults. A notebook names a backend for its
    own Python in the environment; none is needed here.

    Raises:
        ImportError: if it is not installed, or cannot be imported.
    """
    if sys.modules.get("matplotlib"):
        return
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise ImportError("no module named 'matplotlib'")
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        with chdir(Path(found.origin).parent / "mpl-data"):
            import matplotlib  # noqa: F401
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend


@contextmanager
def own_style() -> Iterator[None]:
    """Draw or save with the settings of this module alone; usable as a decorator, too.

    Matplotlib logs what only its own users can act on, such as where it keeps its cache.
    """
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        load_matplotlib()
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(SETTINGS)
            matplotlib.rcParams["font.family"] = [SANS, *installed_fallbacks()]
            yield
    finally:
        logger.setLevel(level)


def colour_of(number: int) -> str:
    """Return the colour of a curve or a bar, counted from 0; the colours repeat after seven."""
    return PALETTE[number % len(PALETTE)]


def marker_of(number: int) -> str:
    """Return the marker of a curve, counted from 0; empty as long as its colour is its own."""
    return MARKER if number >= len(PALETTE) else ""


def new_chart(title: str) -> "tuple[Figure, Axes]":
    """Return a figure with axes below a title that is safe to show."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    axes.set_title("\n".join(wrap(title, TITLE_LENGTH)))
    return figure, axes


def add_legend(figure: "Figure") -> None:
    """Put a legend below the axes, in two columns if its labels are short, and make room for it."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    columns = 2 if max(map(len, labels)) <= LABEL_LENGTH // 2 else 1
    wrapped = ["\n".join(wrap(label, LABEL_LENGTH)) for label in labels]
    figure.legend(handles, wrapped, loc="outside lower left", ncols=columns)
    lines = len(wrapped) + sum(label.count("\n") for label in wrapped)
    figure.set_figheight(HEIGHT + LEGEND_LINE * -(-lines // columns))
