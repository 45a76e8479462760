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


def wrap(text: str, columns: int) -> list[str]:
    """Break a text into lines between words, and inside of words that are too long.

    >>> wrap("one two seventeen", 7)
    ['one two', 'sevente', 'en']
    """
    lines = [""]
    for word in text.split():
        if lines[-1] and width(f"{lines[-1]} {word}") <= columns:
            lines[-1] += f" {word}"
            continue
        lines += [""] * bool(lines[-1])
        for character in word:
            if width(lines[-1] + character) > columns:
                lines.append("")
            lines[-1] += character
    return lines
