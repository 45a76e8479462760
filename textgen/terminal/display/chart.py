"""Lines over two axes as text: in the dots of Braille characters, or in plain letters."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from textgen.readable import width, wrap

RESET = "\x1b[0m"
# A Braille character has two by four dots; these are their bits.
BRAILLE = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
# Of a dotted line, one dot in so many is drawn.
GAP = 3
# Columns from one letter of a line to the next, for each line that has letters.
LETTER_GAP = 5
# Fields above the upper edge beyond which it makes no difference where a point lies.
FAR = 100
STAR, ABOVE = "*", "^"

Point = tuple[float, float]
# Of a cell: what stands there, and the code of its colour.
Cell = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a chart.

    Attributes:
        points: at least one, x rising and not below 0.
        letter: that tells it from others; empty where its dots do so already.
        is_dotted: whether it is drawn in dots.
        colour: code of a colour terminal, empty for none.
        star: a point to be marked.
    """

    points: Sequence[Point]
    letter: str
    is_dotted: bool = False
    colour: str = ""
    star: Point | None = None


@dataclass(frozen=True, kw_only=True)
class Chart:
    """What is drawn.

    Attributes:
        lines: at least one; later ones lie above earlier ones.
        levels: horizontal lines: their heights and names in ASCII.
        x_title: what the x axis counts from 0 on.
        y_title: what the y axis measures.
        low: where the y axis begins, at or below the lowest point and level.
        high: where it ends, above `low`; what lies above is marked at the upper edge.
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
        chart: what to draw.
        columns: the most a line may take; at least 12.
        rows: lines of the field between the axes.
        plain: whether there is ASCII only; then every line needs a letter.
        colours: whether to write colours.

    Returns:
        The lines: a title, the field with the y axis, and the x axis.
    """
    step = next(_steps((chart.high - chart.low) / max(rows / 3, 2)))
    first, last = math.ceil(chart.low / step), math.floor(chart.high / step)
    ticks = [number * step for number in range(first, last + 1)]
    labels = [format_tick(tick, step, chart.high) for tick in ticks]
    margin = max(map(len, labels), default=0)
    field = _Field(chart, max(columns - margin - 2, 4), rows, plain=plain)
    beside = {field.place((0, tick))[0]: label for tick, label in zip(ticks, labels, strict=True)}
    bar, tick_bar = "|+" if plain else "\u2502\u2524"
    lines = [chart.y_title]
    for row, cells in enumerate(field.draw()):
        shown = "".join(_paint(cells, colours=colours)).rstrip()
        axis = tick_bar if row in beside else bar
        lines.append(f"{beside.get(row, ''):>{margin}} {axis}{shown}")
    return [*lines, *_x_axis(chart, field, margin, plain=plain)]


def format_tick(value: float, step: float, most: float) -> str:
    """Write the value of a tick in as many digits as its distance from the next one needs.

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
    """Yield the round distances from a size on: 1, 2, 5, 10 and so on."""
    power = math.floor(math.log10(least))
    while True:
        for factor in (1, 2, 5):
            # Divided by whole numbers where it is a fraction, so that 0.3 is not 0.30000000000004.
            step = factor * 10**power if power >= 0 else factor / 10**-power
            if step >= least:
                yield step
        power += 1


def _paint(cells: Sequence[Cell], *, colours: bool) -> Iterator[str]:
    for colour, group in groupby(cells, key=lambda cell: cell[1] if colours else ""):
        text = "".join(character for character, _ in group)
        yield f"\x1b[{colour}m{text}{RESET}" if colour else text


def _x_axis(chart: Chart, field: "_Field", margin: int, *, plain: bool) -> Iterator[str]:
    """Yield the axis, the labels of its ticks, and its title where there is room for it."""
    size = field.columns
    for step in _steps(field.right / size):
        ticks = [number * step for number in range(math.floor(field.right / step) + 1)]
        labels = [format_tick(tick, step, field.right) for tick in ticks]
        if (max(map(len, labels)) + 2) * (len(labels) - 1) < size or len(labels) == 1:
            break
    corner, flat, mark = "+-+" if plain else "\u2514\u2500\u252c"
    axis, below = [flat] * size, ""
    for tick, label in zip(ticks, labels, strict=True):
        column = field.place((tick, 0))[1]
        axis[column] = mark
        begin = max(min(column - len(label) // 2, size - len(label)), 0)
        if not below or begin > len(below):  # where there is room for it
            below = below.ljust(begin) + label
    yield f"{'':{margin}} {corner}{''.join(axis)}"
    indent = " " * (margin + 2)
    if len(below) + 2 + len(chart.x_title) <= size:
        yield indent + below.ljust(size - len(chart.x_title)) + chart.x_title
    else:
        yield from (indent + below, indent + chart.x_title.rjust(size))


class _Field:
    """The field between the axes, in cells."""

    def __init__(self, chart: Chart, columns: int, rows: int, *, plain: bool) -> None:
        self.columns, self.rows, self._chart, self._plain = columns, rows, chart, plain
        self.right = max(line.points[-1][0] for line in chart.lines) or 1.0
        self._across, self._down = (1, 1) if plain else (2, 4)
        self._cells: list[list[Cell]] = [[(" ", "")] * columns for _ in range(rows)]

    def _dot(self, point: Point) -> tuple[int, int]:
        """Return the row and the column of a dot; rows above the field are below 0."""
        low, high = self._chart.low, self._chart.high
        wide, tall = self.columns * self._across - 1, self.rows * self._down - 1
        down = max((high - point[1]) / (high - low), -FAR)
        return round(down * tall), round(point[0] / self.right * wide)

    def place(self, point: Point) -> tuple[int, int]:
        """Return the row and the column of a cell."""
        row, column = self._dot(point)
        return row // self._down, column // self._across

    def draw(self) -> list[list[Cell]]:
        """Draw all lines."""
        taken: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for number, line in enumerate(self._chart.lines):
            for count, (row, column) in enumerate(self._path(line)):
                if row >= 0 and not (line.is_dotted and not self._plain and count % GAP):
                    bit = DOTS[row % self._down][column % self._across]
                    place = row // self._down, column // self._across
                    taken.setdefault(place, []).append((number, bit))
        for (row, column), drawn in taken.items():
            self._cells[row][column] = self._cell(column, drawn)
        self._draw_levels()
        self._draw_marks()
        return self._cells

    def _cell(self, column: int, drawn: Sequence[tuple[int, int]]) -> Cell:
        """Return what stands where lines pass; where several do, they take turns."""
        lines, numbers = self._chart.lines, sorted({number for number, _ in drawn})
        line = lines[numbers[column % len(numbers)]]
        if self._plain:
            return line.letter, line.colour
        for number in numbers:
            turns = LETTER_GAP * len(lines)
            if lines[number].letter and column % turns == LETTER_GAP * number + LETTER_GAP // 2:
                return lines[number].letter, lines[number].colour
        bits = 0
        for _, bit in drawn:
            bits |= bit
        return chr(BRAILLE + bits), line.colour

    def _path(self, line: Line) -> Iterator[tuple[int, int]]:
        """Yield the rows and columns of the dots of a line, one after the other."""
        yield self._dot(line.points[0])
        for (row, column), (to_row, to_column) in pairwise(map(self._dot, line.points)):
            count = max(abs(to_row - row), abs(to_column - column))
            for place in range(1, count + 1):
                share = place / count
                yield (
                    round(row + share * (to_row - row)),
                    round(column + share * (to_column - column)),
                )

    def _draw_levels(self) -> None:
        dash = "-" if self._plain else "\u254c"
        for height, name in self._chart.levels:
            row = self.place((0, height))[0]
            if row < 0:
                continue
            cells = self._cells[row]
            for column, (character, _) in enumerate(cells):
                if character == " ":
                    cells[column] = (dash, "2")
            # As far to the right as it fits between others, with a dash before it.
            free = [cell == (dash, "2") for cell in cells]
            begins = range(self.columns - len(name), 0, -1)
            fits = (begin for begin in begins if all(free[begin - 1 : begin + len(name) + 1]))
            if (begin := next(fits, None)) is not None:
                cells[begin : begin + len(name)] = [(character, "2") for character in name]

    def _draw_marks(self) -> None:
        for line in self._chart.lines:
            for point in line.points:
                if point[1] > self._chart.high:
                    self._cells[0][self.place(point)[1]] = (ABOVE, line.colour)
        for line in self._chart.lines:
            if line.star is not None and line.star[1] <= self._chart.high:
                row, column = self.place(line.star)
                self._cells[row][column] = (STAR, line.colour)


def format_legend(entries: Sequence[tuple[str, str, str]], columns: int, *, colours: bool) -> str:
    """Write what the lines of a chart are, as many entries on a line as there is room for.

    Args:
        entries: a sample of a line, the code of its colour or nothing, and what it is.
        columns: the most a line may take; what is longer is wrapped between words.
        colours: whether to write colours.
    """
    lines, taken = list[str](), 0
    for sample, colour, text in entries:
        size = width(f"{sample} {text}")
        painted = "".join(_paint([(sample, colour)], colours=colours))
        if lines and taken + 3 + size <= columns:
            lines[-1] += f"   {painted} {text}"
            taken += 3 + size
            continue
        first, *rest = wrap(text, max(columns - width(sample) - 1, 4))
        lines += [f"{painted} {first}", *(f"{'':{width(sample)}} {line}" for line in rest)]
        taken = width(f"{sample} {first}") if not rest else columns
    return "\n".join(lines)
