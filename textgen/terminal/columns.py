"""How many columns of a terminal a text takes."""

import unicodedata


def width(text: str) -> int:
    """Return the columns that a text without controls takes."""
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """Return a line cut to a width, with an ellipsis where something is missing.

    >>> cut("seventeen", 6)
    'seven\u2026'
    """
    if width(text) <= columns:
        return text
    kept, room = "", columns - 1
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        kept += character
    return (kept + "\u2026")[: max(columns, 0)]
