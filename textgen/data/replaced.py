"""What a user is told about characters that the model reads as others."""

import unicodedata
from collections.abc import Mapping

from textgen.data.nearest import nearest_parts
from textgen.data.vocabulary import Vocabulary

# Largest number of characters that a message names.
MOST_NAMED = 8


def find_replaced(text: str, vocabulary: Vocabulary) -> dict[str, str]:
    """Return the characters of a text that `on_unknown="nearest"` replaces, in their order.

    A character that is only written in another form, such as a letter and its accent in one code
    point or in two, is not replaced.

    Args:
        text: any text.
        vocabulary: of the model that reads it.

    Returns:
        For each replaced character what is read instead, which is empty if it is left out. A
        character without a replacement is missing.
    """
    found = {}
    for part, near in nearest_parts(text, vocabulary.characters):
        composed = unicodedata.normalize("NFC", part)
        if near is not None and unicodedata.normalize("NFC", near) != composed:
            found[composed] = near
    return found


def describe_replaced(replaced: Mapping[str, str]) -> str:
    """Return a message that says how the model reads characters that it does not know.

    >>> describe_replaced({"é": "e", "…": "..."})
    "the model does not know all characters: it reads 'é' as 'e' and '…' as '...'"
    """
    parts = [
        f"{character!r} as {near!r}" if near else f"{character!r} as nothing"
        for character, near in [*replaced.items()][:MOST_NAMED]
    ]
    more = len(replaced) - len(parts)
    parts += [f"{more} more as others"] * bool(more)
    listed = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
    return f"the model does not know all characters: it reads {listed}"
