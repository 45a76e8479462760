"""A learning curve as an SVG picture, drawn without any other package."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from textgen.evaluation.curves import MOST_BITS, TRAINING, VALIDATION

# Size of the picture, and of the margins around its field: left, right, top, bottom. In pixels.
WIDTH, HEIGHT = 640, 240
MARGINS = 44, 12, 12, 34
# Colours that are told apart on light and on dark pages, and with every kind of colour vision.
COLOURS = {TRAINING: "#999999", VALIDATION: "#0072b2"}
NAMES = {TRAINING: "training", VALIDATION: "validation"}
# About how many lines a scale has.
TICKS = 4
# Smallest range of the losses, in bits.
LEAST_RANGE = 0.1


def ticks_between(low: float, high: float) -> list[float]:
    """Return round numbers between two numbers, about four; their distance is 1, 2 or 5 times 10^n.

    >>> ticks_between(0, 950)
    [0.0, 200.0, 400.0, 600.0, 800.0]
    """
    if not low < high:
        return [low]
    unit = 10.0 ** math.floor(math.log10((high - low) / TICKS))
    distance = next(unit * n for n in (1, 2, 5, 10) if (high - low) / (unit * n) <= TICKS + 1)
    first = math.ceil(low / distance)
    return [round(n * distance, 10) for n in range(first, math.floor(high / distance + 1e-9) + 1)]


def curve_picture(rows: Sequence[Mapping[str, Any]], last_step: int) -> str:
    """Draw the losses of a run over its steps; an empty text if there are none yet.

    Args:
        rows: rows of metrics, in the order of the steps.
        last_step: last step of the plan, where the picture ends.
    """
    lines = {
        key: [(int(row["step"]), min(float(row[key]), MOST_BITS)) for row in rows if key in row]
        for key in COLOURS
    }
    losses = [loss for points in lines.values() for _, loss in points]
    if not losses:
        return ""
    low, high = min(losses), max(losses)
    high = max(high, low + LEAST_RANGE)
    last = max(last_step, *(int(row["step"]) for row in rows), 1)
    left, right, top, bottom = MARGINS

    def x(step: float) -> float:
        return round(left + (WIDTH - left - right) * step / last, 1)

    def y(loss: float) -> float:
        return round(top + (HEIGHT - top - bottom) * (high - loss) / (high - low), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'style="max-width:{WIDTH}px;width:100%" role="img" font-family="sans-serif" '
        'font-size="11" fill="currentColor"><title>Learning curve, in bits per character</title>'
    ]
    for loss in ticks_between(low, high):
        parts.append(
            f'<path d="M{left} {y(loss)}H{WIDTH - right}" stroke="currentColor" opacity=".15"/>'
            f'<text x="{left - 6}" y="{y(loss) + 4}" text-anchor="end">{loss:g}</text>'
        )
    for step in ticks_between(0, last):
        parts.append(
            f'<text x="{x(step)}" y="{HEIGHT - bottom + 15}" text-anchor="middle">{step:,.0f}'
            "</text>"
        )
    for key, points in lines.items():
        if points:
            parts += _line([(x(step), y(loss)) for step, loss in points], COLOURS[key])
    parts += _legend()
    return "".join([*parts, "</svg>"])


def _line(points: Sequence[tuple[float, float]], colour: str) -> Iterator[str]:
    path = "L".join(f"{x} {y}" for x, y in points)
    yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    yield from (f'<circle cx="{x}" cy="{y}" r="2" fill="{colour}"/>' for x, y in points)


def _legend() -> Iterator[str]:
    yield f'<text x="{MARGINS[0]}" y="{HEIGHT - 4}">bits per character over steps:</text>'
    for number, (key, colour) in enumerate(COLOURS.items()):
        x = MARGINS[0] + 180 + 90 * number
        yield f'<circle cx="{x}" cy="{HEIGHT - 8}" r="3" fill="{colour}"/>'
        yield f'<text x="{x + 8}" y="{HEIGHT - 4}">{NAMES[key]}</text>'
