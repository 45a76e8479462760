"""Text for people: make it safe to show, replace escapes, cut and wrap it to a width."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

# Smallest surprise of each step, in bits, where colours show the surprise of a character.
SURPRISE_STEPS = (0.0, 1.0, 2.0, 4.0, 7.0)
# Code points that can reorder or hide the characters around them.
_DIRECTIONS = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}


# Half of a surrogate pair that stands for the end of a document; it shows as that picture.
END_SYMBOL = 0xD800


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
    if code == END_SYMBOL:
        return "\u2403"
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


def escape_note(text: str) -> str:
    r"""Return how the first escape is read that a letter follows; an empty text if none is.

    Such an escape may be meant as a word with a backslash, as in LaTeX.

        >>> escape_note(r"one\n \\nu $\nabla$")
        "'\\nabla' is read as a new line and 'abla'; for a backslash write '\\\\nabla'"
    """
    for name, word in re.findall(r"\\(n|t|\\)([A-Za-z]*)", text):
        if name != "\\" and word:
            meaning = "a new line" if name == "n" else "a tab"
            return (
                f"'\\{name}{word}' is read as {meaning} and '{word}'; "
                f"for a backslash write '\\\\{name}{word}'"
            )
    return ""


def _unescaped(match: re.Match[str]) -> str:
    name = match[1]
    return chr(int(name[1:], 16)) if name[0] == "u" else {"n": "\n", "t": "\t"}.get(name, name)


def with_point(text: str) -> str:
    """Return the end of a message about a number that has a comma: how to write it.

    >>> with_point("0,9"), with_point("10,000"), with_point("nine")
    ('; write 0.9', '; write 10000', '')
    """
    plain = text.strip()
    if re.fullmatch(r"[1-9][0-9]{0,2}(,[0-9]{3})+", plain):
        return f"; write {plain.replace(',', '')}"
    return (
        f"; write {plain.replace(',', '.')}" if re.fullmatch(r"[+-]?[0-9]*,[0-9]+", plain) else ""
    )


def one_line(text: str) -> str:
    """Make a message safe to show on one line: white space becomes single spaces."""
    return " ".join(visible(text).split())


def width(text: str) -> int:
    """Return the width of a text without control characters, in columns."""
    return sum(map(_width, text))


@cache
def _width(character: str) -> int:
    # The vowels and final consonants of decomposed Korean are drawn into the syllable before them.
    if "\u1160" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7fb":
        return 0
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

    White space becomes single spaces, or the end of a line.

    >>> wrap("one two seventeen", 7)
    ['one two', 'sevente', 'en']
    """
    return wrap_lines(" ".join(text.split()), columns).split("\n")


def wrap_lines(text: str, columns: int) -> str:
    """Break the lines of a text at a width in columns, as `StreamWrapper` does."""
    wrapper = StreamWrapper(columns)
    return wrapper.feed(text) + wrapper.flush()


class StreamWrapper:
    """Breaks a text into lines while it arrives, piece by piece.

    Lines are broken between words, and before or after a wide character, such as a Chinese one. A
    word is broken only if it is wider than a line. Where a line is broken, the white space between
    the words is left out, and the next line has the same indentation. The newlines of the text
    stay; tabs become spaces.

    Attributes:
        columns: width of a line in columns. It may change between two calls.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._start_line()
        self._word = ""

    def _start_line(self) -> None:
        # Width of what is written on the line, and whether this includes a word.
        self._column, self._has_word = 0, False
        # White space before the first word, and since the last word.
        self._indent = self._spaces = ""

    def feed(self, text: str) -> str:
        """Return what can be written after the next piece of a text. A word waits for its end."""
        return "".join(map(self._take, text))

    def flush(self) -> str:
        """Return what is left, as at the end of the text. More of the line may follow."""
        written = self._write_word()
        spaces, self._spaces = self._spaces[: max(self.columns - self._column, 0)], ""
        self._column += len(spaces)
        return written + spaces

    def _take(self, character: str) -> str:
        if character == "\n":
            written = self.flush()
            self._start_line()
            return written + "\n"
        if character in " \t":
            written = self._write_word()
            missing = 8 - (self._column + len(self._spaces)) % 8
            self._spaces += " " * (missing if character == "\t" else 1)
            return written
        written = ""
        if self._word and _may_break_between(self._word[-1], character):
            written = self._write_word()
        if not (self._has_word or self._word or self._column):
            # An indentation of more than half the width would leave too little room.
            self._indent = self._spaces = self._spaces[: self.columns // 2]
        if self._word and width(self._word + character) > self.columns - len(self._indent):
            written += self._write_word()
        self._word += character
        return written

    def _write_word(self) -> str:
        if not self._word:
            return ""
        written, taken = "", width(self._word)
        if self._has_word and self._column + len(self._spaces) + taken > self.columns:
            written, self._column = f"\n{self._indent}", len(self._indent)
        else:
            written, self._column = self._spaces, self._column + len(self._spaces)
        written += self._word
        self._column += taken
        self._word = self._spaces = ""
        self._has_word = True
        return written


def breakable(text: str) -> Iterator[str]:
    """Yield the pieces of a text between which a line may be broken; together they are the text.

    White space belongs to the piece before it.

    >>> list(breakable("one two  "))
    ['one ', 'two  ']
    """
    begin = 0
    for index in range(1, len(text)):
        before, after = text[index - 1], text[index]
        is_end = before in " \t\n" and after not in " \t\n"
        if is_end or before == "\n" or _may_break_between(before, after):
            yield text[begin:index]
            begin = index
    if text:
        yield text[begin:]


def _may_break_between(before: str, after: str) -> bool:
    """Return whether a line may be broken between two characters that are no white space."""
    if 2 not in (_width(before), _width(after)) or not _width(after) or before == "\u200d":
        return False
    if before in " \t\n" or after in " \t\n":
        return False
    # No line begins with a closing sign or a modifier, and none ends with an opening sign.
    joins_left = unicodedata.category(after) in ("Pe", "Pf", "Po", "Lm", "Sk")
    return not joins_left and unicodedata.category(before) not in ("Ps", "Pi")
