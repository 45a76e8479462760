"""Coloured text on a terminal, and the colours and letters that tell curves apart."""

import string
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

RESET = "\x1b[0m"
# Colours and letters of the curves of a chart, in order.
CURVE_COLOURS = ("36", "33", "35", "32", "34", "31")
CURVE_LETTERS = string.ascii_uppercase


class Tile(NamedTuple):
    """A piece of a chart or of a heat map.

    Attributes:
        text: one or more characters.
        colour: code of a terminal colour; empty for none.
    """

    text: str
    colour: str = ""


def paint(tiles: Iterable[Tile], *, colours: bool = True) -> str:
    """Join tiles into a text, with the code of a colour only where the colour changes.

    Args:
        tiles: the tiles, from left to right.
        colours: whether to write colours.
    """
    parts = []
    for colour, group in groupby(tiles, key=lambda tile: tile.colour if colours else ""):
        text = "".join(tile.text for tile in group)
        parts.append(f"\x1b[{colour}m{text}{RESET}" if colour and text else text)
    return "".join(parts)
