"""Text for people: make it safe to show, replace escapes, cut and wrap it to a width."""

import re
import unicodedata

# Code points that can reorder or hide the characters around them.
_DIRECTIONS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}


def visible(text: str) -> str:
    """Make a text safe to show: the result cannot control a terminal.

    Newlines and tabs stay. The other control characters below U+0020, and U+007F, become their
    control pictures. C1 controls, direction marks and surrogates become their code point, such as
    `<U+009B>`.

        >>> visible("a" + chr(27) + "[2J")
        'a\u241b[2J'
    """
    return "".join(map(_visible_character, text))


def _visible_character(character: str) -> str:
    code = ord(character)
    if code < 0x20 and character not in "\n\t":
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if 0x80 <= code < 0xA0 or code in _DIRECTIONS or unicodedata.category(character) == "Cs":
        return f"<U+{code:04X}>"
    return character


def unescape(text: str) -> str:
    r"""Replace escape sequences by the characters they stand for.

    `\n` is a new line, `\t` a tab, `\\` a backslash and `\u00e9` the character of that code
    point. Any other backslash stays as it is, and so does the escape of a surrogate.

        >>> unescape(r"one\ntwo \d")
        'one\ntwo \\d'
    """
    return re.sub(r"\\(n|t|\\|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})", _unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    name = match[1]
    return chr(int(name[1:], 16)) if name[0] == "u" else {"n": "\n", "t": "\t"}.get(name, name)


def one_line(text: str) -> str:
    """Make a message safe to show on one line: white space becomes single spaces."""
    return " ".join(visible(text).split())


def width(text: str) -> int:
    """Return the width of a text without control characters, in columns."""
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """Return a line cut to a width in columns; an ellipsis marks the cut.

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
    """Break a text into lines of a width in columns, inside a word only if it is too long.

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
