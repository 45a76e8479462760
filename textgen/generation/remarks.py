"""What a user should know about settings that a model can follow only in part."""

import re
from collections.abc import Iterable

from textgen.data.vocabulary import Vocabulary
from textgen.settings import SamplingSettings

# Settings that hold characters, about which there may be a remark.
REMARKED = ("only", "forbid", "words", "stop")
# Largest number of characters that a remark names.
MOST_NAMED = 8
# What looks like a range of letters or digits, such as `a-z`.
_RANGE = re.compile("[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]")


def remarks(settings: SamplingSettings, vocabulary: Vocabulary) -> list[str]:
    """Return what a user should know about all settings; see `remark`."""
    found = (remark(name, settings, vocabulary) for name in REMARKED)
    return [each for each in found if each]


def remark(name: str, settings: SamplingSettings, vocabulary: Vocabulary) -> str:
    """Return what a user should know about a setting: what of it the model does not know.

    Args:
        name: name of the setting.
        settings: all settings, with which the model can write.
        vocabulary: of the model.

    Returns:
        One line; an empty text if the model can follow the setting in all its parts.
    """
    parts: list[str] = []
    if name in ("only", "forbid"):
        characters: str = getattr(settings, name)
        parts = [_range(found) for found in _RANGE.findall(characters) if found[0] < found[2]]
        parts += _unknown(characters, vocabulary)
    elif name in ("words", "stop"):
        texts: tuple[str, ...] = getattr(settings, name)
        lost = [text for text in texts if not all(each in vocabulary for each in text)]
        if lost:
            what = f"{len(lost):,} of {len(texts):,} words, such as {lost[0]!r}, are left out"
            if name == "stop":
                what = f"the text never ends at {lost[0]!r}"
            (unknown,) = _unknown("".join(lost), vocabulary)
            parts = [f"{what}, since {unknown}"]
    return f"{name}: {'; '.join(parts)}" if parts else ""


def _range(found: str) -> str:
    """Say that a range is not one, and what to write for it."""
    first, last = found[0], found[2]
    whole = "".join(map(chr, range(ord(first), ord(last) + 1)))
    three = f"the three characters {first!r}, '-' and {last!r}"
    return f"{found!r} is {three}; for the range write {whole}"


def _unknown(characters: Iterable[str], vocabulary: Vocabulary) -> list[str]:
    unknown = [repr(each) for each in dict.fromkeys(characters) if each not in vocabulary]
    if not unknown:
        return []
    more = len(unknown) - MOST_NAMED
    named = unknown[:MOST_NAMED] + ([f"{more:,} more"] if more > 0 else [])
    listed = " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
    return [f"the model does not know {listed}"]
