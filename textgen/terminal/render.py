"""Numbers, sizes and texts for people."""

import re
import unicodedata
from collections.abc import Sequence

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


def format_duration(seconds: float) -> str:
    """Write a duration: `42 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def format_bytes(count: int) -> str:
    """Write a size: `512 bytes`, `4.2 MB`, in thousands as disks are sold.

    >>> format_bytes(512), format_bytes(4_200_000)
    ('512 bytes', '4.2 MB')
    """
    size, units = float(count), iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while size >= 999.5 and unit != "TB":
        size, unit = size / 1000, next(units)
    return f"{count} bytes" if unit == "bytes" else f"{size:.{1 if size < 99.5 else 0}f} {unit}"


def format_bits(bits: float | None) -> str:
    """Write a loss in bits per character, or a dash where there is none."""
    return "-" if bits is None else f"{bits:.3f}"


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows in columns, the first row being the head; numbers stand to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = [
        all(row[place][:1].isdecimal() or row[place] == "-" for row in rows[1:])
        for place in range(len(widths))
    ]
    lines = (
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines)
