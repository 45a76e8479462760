"""The picture of what each cell can carry. Matplotlib is imported only when drawing."""

from statistics import median
from typing import TYPE_CHECKING

from memory_lines import ALONE, LETTERS, LONGEST, MIXED, MIXED_GAPS, SHORTEST, gap_of

from textgen.network.cells import CELLS
from textgen.pictures.style import FAINT, GREY, colour_of, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@own_style()
def draw(results: dict[str, dict[str, list[list[float]]]]) -> "Figure":
    """Draw the share of letters repeated rightly against the gap, for each kind of lesson.

    A curve joins the medians, and a small mark shows each seed. The curves have markers and dashes
    of their own, and stand beside each other, so that they can be told apart without colours.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.6), layout="constrained")
    sides = figure.subplots(1, 3, sharey=True, width_ratios=(3, 3, 4))
    alone = sorted((each for each in results if each.startswith(ALONE)), key=gap_of)
    single = sorted((each for each in results if each.isdecimal()), key=gap_of)
    every = [
        ("one gap, each line alone", [*map(gap_of, alone)], alone),
        ("one gap, lines in a stream", [*map(gap_of, single)], single),
        (f"gaps of {SHORTEST} to {LONGEST}, in a stream", [*MIXED_GAPS], [MIXED]),
    ]
    looks = zip(CELLS, "osD", ("-", "--", ":"), (0.94, 1, 1.06), strict=True)
    for number, (name, marker, dashes, shift) in enumerate(looks):
        look = {"color": colour_of(number), "marker": marker}
        for axes, (title, gaps, lessons) in zip(sides, every, strict=True):
            rows = [[100 * each for each in row] for one in lessons for row in results[one][name]]
            places, middle = [gap * shift for gap in gaps], [median(row) for row in rows]
            axes.plot(places, middle, dashes, markersize=9, label=CELLS[name].title, **look)
            for place, row in zip(places, rows, strict=True):
                axes.vlines(place, min(row), max(row), color=look["color"], linewidth=1.5)
                axes.plot([place] * len(row), row, linestyle="", markersize=4, **look)
            axes.set_title(title, fontsize=14)
            axes.set(xscale="log", xlabel="dots between the letters", ylim=(0, 104))
            axes.set_xticks(gaps, [str(gap) for gap in gaps])
            axes.minorticks_off()
    for axes in sides:
        axes.axhline(100 / LETTERS, color=GREY, linewidth=1)
        axes.text(0.02, 0.17, "guessing", transform=axes.transAxes, color=GREY)
    sides[2].axvspan(LONGEST * 1.2, MIXED_GAPS[-1] * 1.2, color=FAINT, zorder=0)
    sides[2].text(0.98, 0.03, "never seen", transform=sides[2].transAxes, ha="right", color=GREY)
    sides[0].set_ylabel("letters repeated rightly, %")
    figure.legend(*sides[0].get_legend_handles_labels(), loc="outside lower left", ncols=3)
    return figure
