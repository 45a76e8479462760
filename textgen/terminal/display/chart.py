"""Charts as text: lines over two axes, in the dots of Braille characters or in letters."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from textgen.readable import width, wrap
from textgen.terminal.display.colours import Tile, paint

# Code point of the empty Braille character, and the bits of its four rows of two dots.
BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
# A dotted line shows one dot in this many.
GAP = 3
# Columns from one letter of a line to the next, times the number of lines.
LETTER_GAP = 5
# Largest distance of a point from the upper edge, in heights of the field; more makes no
# difference.
FAR = 100
STAR, ABOVE = "*", "^"
# Colour of the horizontal lines: faint.
FAINT = "2"

Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a chart.

    Attributes:
        points: at least one, with rising x of at least 0.
        letter: letter that identifies the line; empty for none.
        is_dotted: whether the line is dotted.
        colour: code of a terminal colour; empty for none.
        star: a point to mark with a star.
    """

    points: Sequence[Point]
    letter: str
    is_dotted: bool = False
    colour: str = ""
    star: Point | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Content of a chart.

    Attributes:
        lines: at least one; a later line is drawn over an earlier one.
        levels: height and name, in ASCII, of each horizontal line.
        x_title: title of the x axis, which begins at 0.
        y_title: title of the y axis.
        low: lower end of the y axis, at or below the lowest point and level.
        high: upper end of the y axis, above `low`. Higher points are marked at the upper edge.
    """

    lines: Sequence[Line]
    levels: Sequence[tuple[float, str]]
    x_title: str
    y_title: str
    low: float
    high: float


def draw_chart(chart: Chart, columns: int, rows: int, *, plain: bool, colours: bool) -> list[str]:
    """Draw a chart.

    Args:
        chart: content of the chart.
        columns: width of the chart in columns; at least 12.
        rows: height of the field between the axes in lines.
        plain: whether to write ASCII only; then every line needs a letter.
        colours: whether to write colours.

    Returns:
        The lines of text: the title of the y axis, the field with the y axis, and the x axis.
    """
    step = next(_steps((chart.high - chart.low) / max(rows / 3, 2)))
    first, last = math.ceil(chart.low / step), math.floor(chart.high / step)
    ticks = [number * step for number in range(first, last + 1)]
    labels = [format_tick(tick, step, chart.high) for tick in ticks]
    margin = max(map(len, labels), default=0)
    field = _Field(chart, max(columns - margin - 2, 4), rows, plain=plain)
    beside = {field.locate((0, tick))[0]: label for tick, label in zip(ticks, labels, strict=True)}
    bar, tick_bar = "|+" if plain else "\u2502\u2524"
    lines = wrap(chart.y_title, columns)
    for row, tiles in enumerate(field.draw()):
        shown = paint(tiles, colours=colours).rstrip()
        axis = tick_bar if row in beside else bar
        lines.append(f"{beside.get(row, ''):>{margin}} {axis}{shown}")
    return [*lines, *_x_axis(chart, field, margin, plain=plain)]


def format_tick(value: float, step: float, most: float) -> str:
    """Write the value of a tick with as many digits as tell it from the next one.

    >>> format_tick(1_500_000, 500_000, 4e6), format_tick(0.3, 0.1, 1), format_tick(1500, 500, 2e3)
    ('1.5M', '0.3', '1,500')
    """
    scale, unit = next(
        ((scale, unit) for scale, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")) if most >= scale),
        (1.0, ""),
    )
    scale = 1e3 if unit == "k" else scale
    digits = max(-math.floor(math.log10(step / scale) + 1e-9), 0)
    return f"{value / scale:,.{digits}f}{unit}" if value else "0"


def _steps(least: float) -> Iterator[float]:
    """Yield round distances between ticks in rising order (1, 2, 5, 10 ...), from `least` on."""
    power = math.floor(math.log10(least))
    while True:
        for factor in (1, 2, 5):
            # Dividing by a whole number gives 0.3; multiplying by 0.1 gives 0.30000000000000004.
            step = factor * 10**power if power >= 0 else factor / 10**-power
            if step >= least:
                yield step
        power += 1


def _x_axis(chart: Chart, field: "_Field", margin: int, *, plain: bool) -> Iterator[str]:
    """Yield the axis, the labels of its ticks and its title, on one line if there is room."""
    size = field.columns
    for step in _steps(field.right / size):
        ticks = [number * step for number in range(math.floor(field.right / step) + 1)]
        labels = [format_tick(tick, step, field.right) for tick in ticks]
        if (max(map(len, labels)) + 2) * (len(labels) - 1) < size or len(labels) == 1:
            break
    corner, flat, mark = "+-+" if plain else "\u2514\u2500\u252c"
    axis, below = [flat] * size, ""
    for tick, label in zip(ticks, labels, strict=True):
        column = field.locate((tick, 0))[1]
        axis[column] = mark
        begin = max(min(column - len(label) // 2, size - len(label)), 0)
        if not below or begin > len(below):  # there is room for the label
            below = below.ljust(begin) + label
    yield f"{'':{margin}} {corner}{''.join(axis)}"
    indent = " " * (margin + 2)
    if len(below) + 2 + len(chart.x_title) <= size:
        yield indent + below.ljust(size - len(chart.x_title)) + chart.x_title
    else:
        yield from (indent + below, indent + chart.x_title.rjust(size))


class _Field:
    """The field between the axes, a grid of tiles."""

    def __init__(self, chart: Chart, columns: int, rows: int, *, plain: bool) -> None:
        self.columns, self.rows, self._chart, self._plain = columns, rows, chart, plain
        stars = [line.star for line in chart.lines if line.star is not None]
        ends = [*(line.points[-1] for line in chart.lines), *stars]
        self.right = max(x for x, _ in ends) or 1.0
        self._across, self._down = (1, 1) if plain else (2, 4)
        self._tiles = [[Tile(" ")] * columns for _ in range(rows)]

    def _dot(self, point: Point) -> tuple[int, int]:
        """Return the row and the column of a dot. Rows above the field are negative."""
        low, high = self._chart.low, self._chart.high
        wide, tall = self.columns * self._across - 1, self.rows * self._down - 1
        down = max((high - point[1]) / (high - low), -FAR)
        return round(down * tall), round(point[0] / self.right * wide)

    def locate(self, point: Point) -> tuple[int, int]:
        """Return the row and the column of a tile."""
        row, column = self._dot(point)
        return row // self._down, column // self._across

    def draw(self) -> list[list[Tile]]:
        """Draw all lines and return the rows of the field."""
        taken: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for number, line in enumerate(self._chart.lines):
            for count, (row, column) in enumerate(self._path(line)):
                if row >= 0 and not (line.is_dotted and not self._plain and count % GAP):
                    bit = DOTS[row % self._down][column % self._across]
                    position = row // self._down, column // self._across
                    taken.setdefault(position, []).append((number, bit))
        for (row, column), drawn in taken.items():
            self._tiles[row][column] = self._tile(column, drawn)
        self._add_letters(taken)
        self._draw_levels()
        self._draw_marks()
        return self._tiles

    def _tile(self, column: int, drawn: Sequence[tuple[int, int]]) -> Tile:
        """Return the tile of dots, each with the number of its line; several lines take turns."""
        lines, numbers = self._chart.lines, sorted({number for number, _ in drawn})
        line = lines[numbers[column % len(numbers)]]
        if self._plain:
            return Tile(line.letter, line.colour)
        for number in numbers:
            turns = LETTER_GAP * len(lines)
            if lines[number].letter and column % turns == LETTER_GAP * number + LETTER_GAP // 2:
                return Tile(lines[number].letter, lines[number].colour)
        bits = 0
        for _, bit in drawn:
            bits |= bit
        return Tile(chr(BRAILLE + bits), line.colour)

    def _add_letters(self, taken: dict[tuple[int, int], list[tuple[int, int]]]) -> None:
        """Give each line without a letter its letter, where it is alone if there is such a place.

        A line may be short, or lie below others at all columns in which it has its turn.
        """
        letters = {tile.text for tiles in self._tiles for tile in tiles}
        for number, line in enumerate(self._chart.lines):
            if not line.letter or line.letter in letters:
                continue
            own = [place for place, drawn in taken.items() if number in {of for of, _ in drawn}]
            free = [
                (row, column) for row, column in own if not self._tiles[row][column].text.isalpha()
            ]
            alone = [place for place in free if {of for of, _ in taken[place]} == {number}]
            if places := alone or free or own:
                row, column = places[len(places) // 2]
                self._tiles[row][column] = Tile(line.letter, line.colour)

    def _path(self, line: Line) -> Iterator[tuple[int, int]]:
        """Yield the row and the column of each dot along a line."""
        yield self._dot(line.points[0])
        for (row, column), (to_row, to_column) in pairwise(map(self._dot, line.points)):
            count = max(abs(to_row - row), abs(to_column - column))
            for step in range(1, count + 1):
                share = step / count
                yield (
                    round(row + share * (to_row - row)),
                    round(column + share * (to_column - column)),
                )

    def _draw_levels(self) -> None:
        dash = Tile("-" if self._plain else "\u254c", FAINT)
        for height, name in self._chart.levels:
            row = self.locate((0, height))[0]
            if row < 0:
                continue
            tiles = self._tiles[row]
            for column, tile in enumerate(tiles):
                if tile.text == " ":
                    tiles[column] = dash
            # The name stands as far to the right as there is room, with a dash before it.
            free = [tile == dash for tile in tiles]
            begins = range(self.columns - len(name), 0, -1)
            fits = (begin for begin in begins if all(free[begin - 1 : begin + len(name) + 1]))
            if (begin := next(fits, None)) is not None:
                tiles[begin : begin + len(name)] = [Tile(letter, FAINT) for letter in name]

    def _draw_marks(self) -> None:
        for line in self._chart.lines:
            for point in line.points:
                if point[1] > self._chart.high:
                    self._tiles[0][self.locate(point)[1]] = Tile(ABOVE, line.colour)
        for line in self._chart.lines:
            if line.star is not None and line.star[1] <= self._chart.high:
                row, column = self.locate(line.star)
                self._tiles[row][column] = Tile(STAR, line.colour)


def format_legend(entries: Sequence[tuple[str, str, str]], columns: int, *, colours: bool) -> str:
    """Write the legend of a chart, with as many entries on a line as there is room for.

    Args:
        entries: for each line of the chart a sample, the code of its colour, and its description.
        columns: width of the legend in columns. A longer description is wrapped between words.
        colours: whether to write colours.
    """
    lines, taken = list[str](), 0
    for sample, colour, text in entries:
        size = width(f"{sample} {text}")
        painted = paint([Tile(sample, colour)], colours=colours)
        if lines and taken + 3 + size <= columns:
            lines[-1] += f"   {painted} {text}"
            taken += 3 + size
            continue
        first, *rest = wrap(text, max(columns - width(sample) - 1, 4))
        lines += [f"{painted} {first}", *(f"{'':{width(sample)}} {line}" for line in rest)]
        taken = width(f"{sample} {first}") if not rest else columns
    return "\n".join(lines)
