"""Text for people: safe to show, with escapes read, cut and wrapped to a width in columns."""

import re
import unicodedata

# Characters that reorder or hide what stands around them.
_DIRECTIONS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}


def visible(text: str) -> str:
    """Make a text safe to show: no character of it can drive a terminal.

    Newlines and tabs stay. Other controls below U+0020 and U+007F become their control pictures,
    C1 controls and marks of direction become `<U+009B>`.

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
    r"""Replace what stands for characters that are hard to type.

    `\n` is a new line, `\t` a tab, `\\` a backslash and `\u00e9` the character of that code
    point; any other backslash stays as it is, and so does half of a surrogate pair.

        >>> unescape(r"one\ntwo \d")
        'one\ntwo \\d'
    """
    return re.sub(r"\\(n|t|\\|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})", _unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    name = match[1]
    return chr(int(name[1:], 16)) if name[0] == "u" else {"n": "\n", "t": "\t"}.get(name, name)


def one_line(text: str) -> str:
    """Make a message safe to show on one line."""
    return " ".join(visible(text).split())


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
