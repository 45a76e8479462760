"""What an unknown character is written as: the nearest characters that a model knows."""

import unicodedata
from collections.abc import Container, Iterator

from textgen.errors import UnknownCharacterError

# So many steps at most from a character to what is written: é -> e -> E.
FARTHEST = 3

# Families of marks that stand for each other, the plainest first; then those of its own group are
# nearer to a mark than the others of the family.
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

# Letters and signs that Unicode does not take apart.
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

# At these, str.splitlines ends a line.
LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def nearest(character: str, known: Container[str]) -> str | None:
    """Return what a character is written as with known ones.

    Itself if it is known; else what its Unicode decomposition, the other case or a table of alike
    marks gives in the fewest steps. Accents and what cannot be seen are left out.

        >>> nearest("é", "abcdef")
        'e'
        >>> nearest("½", "0123456789/")
        '1/2'

    Args:
        character: a single one.
        known: which characters may be used.

    Returns:
        None if nothing near is known; the empty text if the character can be left out.
    """
    steps = range(FARTHEST + 1)
    written = (_written(character, known, most) for most in steps)
    return next((text for text in written if text is not None), None)


def respell(text: str, known: Container[str]) -> str:
    """Return a text with each unknown character written as the nearest known ones.

    Raises:
        UnknownCharacterError: at the first character that nothing known is near to.
    """
    spelled = _spelled(text, known)
    if None in spelled.values():
        place, character = next(
            (place, character)
            for place, character in enumerate(text)
            if spelled.get(character, "") is None
        )
        raise UnknownCharacterError(character, place)
    if "\r" in spelled:
        text = text.replace("\r\n", "\n")
    if any(unicodedata.combining(character) for character in spelled):
        # An accent on its own may be part of a letter that is known.
        composed = unicodedata.normalize("NFC", text)
        spelled_composed = _spelled(composed, known)
        if None not in spelled_composed.values():
            text, spelled = composed, spelled_composed
    return text.translate({ord(character): near for character, near in spelled.items()})


def _spelled(text: str, known: Container[str]) -> dict[str, str | None]:
    unknown = [character for character in set(text) if character not in known]
    return {character: nearest(character, known) for character in unknown}


def _written(character: str, known: Container[str], steps: int) -> str | None:
    if character in known:
        return character
    for spelling in _spellings(character) if steps else ():
        parts = [_written(part, known, steps - 1) for part in spelling]
        if None not in parts:
            return "".join(part for part in parts if part)
    return None


def _spellings(character: str) -> Iterator[str]:
    """Yield other ways to write a character, the nearest first."""
    for form in ("NFC", "NFD", "NFKD"):
        whole = unicodedata.normalize(form, character)
        bare = "".join(part for part in whole if not unicodedata.combining(part))
        # An accent that stands alone is a space with an accent to Unicode.
        if whole != character and (bare.strip() or character.isspace()):
            yield whole
            yield bare
    if _is_unseen(character):
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


def _is_unseen(character: str) -> bool:
    is_variation = "\ufe00" <= character <= "\ufe0f"
    is_format = unicodedata.category(character) == "Cf"
    return is_variation or is_format or unicodedata.combining(character) > 0
