"""Replace unknown characters by the nearest characters that a model knows."""

import re
import unicodedata
from collections.abc import Container, Iterator

from textgen.errors import UnknownCharacterError

# Most steps from a character to its replacement. For example, é -> e -> E takes two.
MAX_REPLACEMENT_STEPS = 3

# Families of marks that can replace each other. The first mark of a family is the plainest, and is
# tried first; then the marks of the character's own group; then all others of the family.
FAMILIES = (
    (
        '"',
        "\u201c\u201e\u201f\u00ab\u301d\u300c\u300e",
        "\u201d\u00bb\u301e\u301f\u300d\u300f",
        "\u2033\u3003\u02ba",
    ),
    ("'\u2019\u02bc", "\u2018\u201a\u201b\u02bb", "\u2032\u00b4`\u02b9\u2035", "\u2039\u203a"),
    ("-\u2010\u2011\u2212\u2043", "\u2013\u2012", "\u2014\u2015\u2e3a"),
    ("*\u2217\u2605", "\u2022\u00b7\u2219\u22c5\u2027\u30fb", "\u25cf\u25e6\u25aa\u25a0\u2023"),
    (".\u3002\u06d4",),
    (",\u3001\u060c",),
    (";\u061b",),
    (":\u2236",),
    ("?\u061f\u00bf",),
    ("!\u00a1",),
    ("/\u2044\u2215",),
    ("\\\u2216",),
    ("|\u00a6\u2223",),
    ("~\u223c\u301c",),
    ("^\u02c6",),
    ("<\u3008\u27e8",),
    (">\u3009\u27e9",),
    ("(", "[\u3010\u3014", "{"),
    (")", "]\u3011\u3015", "}"),
)

# Replacements of letters and signs that Unicode does not decompose.
SPELLED = {
    "\u00c6": ("AE", "Ae"),
    "\u00e6": ("ae",),
    "\u0152": ("OE", "Oe"),
    "\u0153": ("oe",),
    "\u00d8": ("O",),
    "\u00f8": ("o",),
    "\u0110": ("D",),
    "\u0111": ("d",),
    "\u00d0": ("D",),
    "\u00f0": ("d",),
    "\u00de": ("Th", "TH"),
    "\u00fe": ("th",),
    "\u0141": ("L",),
    "\u0142": ("l",),
    "\u0126": ("H",),
    "\u0127": ("h",),
    "\u0166": ("T",),
    "\u0167": ("t",),
    "\u0131": ("i",),
    "\u1e9e": ("SS",),
    "\u2014": ("\u2015", "\u2013", "--"),
    "\u2015": ("\u2014", "\u2013", "--"),
    "\u2e3a": ("\u2014\u2014", "--"),
    "\u00ab": ("\u201c", '"', "<<"),
    "\u00bb": ("\u201d", '"', ">>"),
    "\u201e": ("\u201c", '"', ",,"),
    "\u2039": ("\u2018", "'", "<"),
    "\u203a": ("\u2019", "'", ">"),
    "`": ("\u2018",),
    "\u00a9": ("(c)",),
    "\u00ae": ("(r)",),
    "\u00d7": ("x",),
    "\u00f7": ("/",),
    "\u2192": ("->",),
    "\u2190": ("<-",),
    "\u21d2": ("=>",),
    "\u2264": ("<=",),
    "\u2265": (">=",),
    "\u2260": ("!=",),
}

# The voicing marks of kana: those that stand by themselves, and those that join the kana before.
SPACING = "\u309b\u309c\uff9e\uff9f"
COMBINING = str.maketrans(SPACING, "\u3099\u309a\u3099\u309a")

# Characters at which str.splitlines ends a line.
LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def nearest(character: str, known: Container[str]) -> str | None:
    """Return the known characters that are nearest to a character.

    A known character is its own replacement. The replacement of any other is found by Unicode
    decomposition, by a change of case or in a table of similar marks, in as few steps as possible.
    Accents and invisible characters are left out.

        >>> nearest("é", "abcdef")
        'e'
        >>> nearest("½", "0123456789/")
        '1/2'

    Args:
        character: a single character.
        known: the characters that a replacement may hold.

    Returns:
        The replacement. It is empty if the character can be left out, and None if no known
        character is near.
    """
    replacements = (
        _replacement(character, known, steps) for steps in range(MAX_REPLACEMENT_STEPS + 1)
    )
    return next((text for text in replacements if text is not None), None)


def respell(text: str, known: Container[str]) -> str:
    """Return a text with each unknown character replaced by the nearest known ones.

    Raises:
        UnknownCharacterError: at the first character that has no replacement.
    """
    found: dict[str, str] = {}
    for part, near in nearest_parts(text, known):
        if near is None:
            composed = unicodedata.normalize("NFC", part)
            named = composed if len(composed) == 1 else _first_without(part, known)
            position = text.index(part) + max(part.find(named), 0)
            raise UnknownCharacterError(named, position, "nearest")
        found[part] = near
    if "\r" in found:
        text = text.replace("\r\n", "\n")
    if all(len(part) == 1 for part in found):
        return text.translate({ord(part): near for part, near in found.items()})
    return _parts(text).sub(lambda part: found.get(part[0], part[0]), text)


def nearest_parts(text: str, known: Container[str]) -> Iterator[tuple[str, str | None]]:
    """Yield each distinct part of a text that holds an unknown character, and its replacement.

    A part is a character and the marks that follow it. They are replaced together, since they may
    be written as one known character. The replacement is None if no known character is near.

        >>> list(nearest_parts("na\u00efve cafe\u0301 \u2603", "acefinv\u00e9 "))
        [('\u00ef', 'i'), ('e\u0301', '\u00e9'), ('\u2603', None)]
    """
    for part in dict.fromkeys(_parts(text).findall(text)):
        if not all(character in known for character in part):
            yield part, _nearest_part(part, known)


def _parts(text: str) -> re.Pattern[str]:
    """Return a pattern for the parts of a text: a character, and the marks that follow it."""
    joining = "".join(character for character in set(text) if _joins(character))
    return re.compile(f".[{re.escape(joining)}]*" if joining else ".", re.DOTALL)


def _joins(character: str) -> bool:
    """Return whether a character may form another one with the character before it."""
    is_hangul = "\u1160" <= character <= "\u11ff"  # a vowel or a final consonant of a syllable
    return is_hangul or character in SPACING or unicodedata.category(character).startswith("M")


def _nearest_part(part: str, known: Container[str]) -> str | None:
    """Return the known characters that are nearest to a character and the marks after it."""
    if len(part) == 1:
        return nearest(part, known)
    combining = part.translate(COMBINING)
    for form in ("NFC", "NFD", "NFKC"):
        whole = unicodedata.normalize(form, combining)
        if all(character in known for character in whole):
            return whole
    for whole in (unicodedata.normalize("NFC", combining), part):
        near = [nearest(character, known) for character in whole]
        if None not in near:
            return "".join(character for character in near if character)
    return None


def _first_without(part: str, known: Container[str]) -> str:
    return next(character for character in part if nearest(character, known) is None)


def _replacement(character: str, known: Container[str], steps: int) -> str | None:
    """Return the first replacement found in at most this many steps, or None."""
    if character in known:
        return character
    for spelling in _spellings(character) if steps else ():
        parts = [_replacement(part, known, steps - 1) for part in spelling]
        if None not in parts:
            return "".join(part for part in parts if part)
    return None


def _spellings(character: str) -> Iterator[str]:
    """Yield other ways to write a character, the nearest first."""
    for form in ("NFC", "NFD", "NFKD"):
        whole = unicodedata.normalize(form, character)
        bare = "".join(part for part in whole if not unicodedata.combining(part))
        # Unicode decomposes a spacing accent into a space and the accent. Such a space is not a
        # replacement.
        if whole != character and (bare.strip() or character.isspace()):
            yield whole
            yield bare
    if _is_invisible(character):
        yield ""
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        yield str(digit)
    yield from SPELLED.get(character, ())
    for other in (character.lower(), character.casefold(), character.upper()):
        if other != character:
            yield other
    for family in FAMILIES:
        own = next((group for group in family if character in group), None)
        if own is not None:
            yield from (family[0][0], *own, *"".join(family))
    if character.isspace():
        yield from "\n " if character in LINE_ENDS else " \t\u00a0\n"


def _is_invisible(character: str) -> bool:
    is_variation = "\ufe00" <= character <= "\ufe0f"
    is_format = unicodedata.category(character) == "Cf"
    return is_variation or is_format or unicodedata.combining(character) > 0
