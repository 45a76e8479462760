"""Which characters the fonts of this machine can draw, and what stands for the others."""

import unicodedata
from functools import cache
from typing import NamedTuple

from textgen.readable import visible, width

# These fonts come with matplotlib.
SANS, MONO = "DejaVu Sans", "DejaVu Sans Mono"
# Fonts for other characters, of Linux, Windows and macOS. Those that are installed are used.
FALLBACKS = (
    "Noto Sans Mono CJK JP",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Source Han Sans",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "IPAGothic",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Arial Unicode MS",
    "Unifont",
    "Noto Emoji",
    "Symbola",
)
# Signs for white space.
SIGNS = {"\n": "\u21b5", "\t": "\u21e5", " ": "\u2423"}
# A combining mark stands on this circle.
CIRCLE = "\u25cc"


class Glyph(NamedTuple):
    """What is drawn for a character.

    Attributes:
        text: the character, a sign for it, or the hexadecimal digits of its code point.
        columns: its width in columns, each as wide as a letter.
        is_code: whether the text is a code point, drawn small in a frame.
    """

    text: str
    columns: int
    is_code: bool = False


@cache
def installed_fallbacks() -> tuple[str, ...]:
    """Return which of `FALLBACKS` are installed."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in FALLBACKS if name in installed)


@cache
def font_of(character: str) -> str | None:
    """Return the first font that has a character, or None; the one of equal widths goes first."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    for name in (MONO, SANS, *installed_fallbacks()):
        font = get_font(findfont(FontProperties(family=[name])))
        if font.get_char_index(ord(character)):
            return name
    return None


@cache
def glyph_of(character: str) -> Glyph:
    """Return what is drawn for a character.

    >>> glyph_of("a"), glyph_of(chr(10)).text, glyph_of(chr(27))
    (Glyph(text='a', columns=1, is_code=False), '↵', Glyph(text='1B', columns=2, is_code=True))
    """
    if character in SIGNS:
        return Glyph(SIGNS[character], 1)
    kind = unicodedata.category(character)
    if kind[0] not in "CMZ" and font_of(character):
        return Glyph(character, max(width(character), 1))
    if kind == "Mn" and font_of(character) == font_of(CIRCLE):
        return Glyph(CIRCLE + character, 1)
    code = f"{ord(character):02X}"
    return Glyph(code, 2 if len(code) <= 4 else 3, is_code=True)


def drawable(text: str) -> str:
    """Make a title or a label safe to draw: a character that no font has becomes its code point.

    >>> drawable("caf" + chr(233) + chr(0x10FFFF))
    'café<U+10FFFF>'
    """
    return "".join(map(_drawable_character, text))


@cache
def _drawable_character(character: str) -> str:
    if character.isspace() or (visible(character) == character and font_of(character)):
        return character
    return f"<U+{ord(character):04X}>"
