"""Characters and their ids."""

from collections.abc import Iterable
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from textgen.data.nearest import nearest, respell
from textgen.errors import SettingError, UnknownCharacterError
from textgen.settings import OnUnknown

UNKNOWN_ID = 0
REPLACEMENT = "\ufffd"
# Number of code points of Unicode, without the halves of surrogate pairs.
UNICODE = 0x110000 - 0x800
# Stands for the end symbol in `Vocabulary.characters` and in decoded text. Half of a surrogate pair
# is no character, and no encoding has it, so that it is in no text.
END = "\ud800"
# Characters of a long text that are looked at together.
AT_ONCE = 2**20


class Vocabulary:
    """A bijection between characters and the ids 1 to V - 1; id 0 is the unknown character.

    The model can read the unknown character, but never writes it. The characters are in the order
    of their ids; the order is stored with a model and never recomputed. If the text is made of
    documents, one of the ids is that of the end symbol, which is no character.

    Attributes:
        characters: the characters in the order of their ids, with `END` for the end symbol.
        end_id: id of the end symbol; None if there is none.

        >>> vocabulary = Vocabulary("abc")
        >>> vocabulary.encode("cab")
        array([3, 1, 2], dtype=int32)
        >>> vocabulary.decode([3, 1, 2])
        'cab'
    """

    def __init__(self, characters: str) -> None:
        if not characters or len(set(characters)) != len(characters):
            raise SettingError("characters", characters[:20], "distinct, and at least one")
        self.characters = characters
        self.end_id = characters.find(END) + 1 or None
        points = _code_points(characters)
        # The id of each code point up to the largest known one, and of one more, which has none.
        self._ids = np.zeros(int(points.max()) + 2, np.int32)
        self._ids[points] = np.arange(1, len(points) + 1)
        self._table = _code_points(REPLACEMENT + characters)

    def __len__(self) -> int:
        """Return V, the number of ids."""
        return len(self.characters) + 1

    @property
    def alphabet(self) -> str:
        """The characters in the order of their ids, without the end symbol."""
        return self.characters.replace(END, "")

    def grown(self, characters: str) -> "Vocabulary":
        """Return a vocabulary with the same ids, and new ones at the end for what is not known.

        Args:
            characters: characters that need an id, with `END` for the end symbol.
        """
        return Vocabulary(self.characters + in_order({*characters} - {*self.characters}))

    def __contains__(self, character: str) -> bool:
        """Return whether a single character has an id of its own."""
        return character in self.characters and character != END

    def nearest(self, character: str) -> str | None:
        """Return the characters of the vocabulary that are nearest to a character.

        A character with an id is its own replacement. The replacement of any other is found by
        Unicode decomposition, by case or among similar marks: `e` for e acute, `ss` for sharp s,
        `...` for an ellipsis.

            >>> Vocabulary("ABC").nearest("b")
            'B'

        Returns:
            The replacement. It is empty for an accent or an invisible character, and None if no
            character of the vocabulary is near.
        """
        return nearest(character, self.characters)

    def encode(self, text: str, on_unknown: OnUnknown = "error") -> NDArray[np.int32]:
        """Turn text into ids; none of them is that of the end symbol.

        Args:
            text: any text.
            on_unknown: what to do with a character that has no id: `error` raises an error,
                `nearest` replaces it as the method `nearest` does, `skip` leaves it out, `replace`
                gives it the id 0.

        Returns:
            int32 [T], one id per character. T is the length of the text, unless characters were
            skipped or replaced by the nearest ones.

        Raises:
            UnknownCharacterError: at the first character without an id if `on_unknown` is `error`,
                and at the first without a replacement if it is `nearest`.
            SettingError: if `on_unknown` is none of the four.
        """
        return self._encode(text, on_unknown, has_ends=False)

    def encode_documents(self, text: str, on_unknown: OnUnknown = "error") -> NDArray[np.int32]:
        """Turn a text of documents into ids, as `encode` does.

        `END` gets the id of the end symbol, or that of the newline if there is no end symbol.
        """
        if self.end_id is None:
            return self.encode(text.replace(END, "\n"), on_unknown)
        return self._encode(text, on_unknown, has_ends=True)

    def _encode(self, text: str, on_unknown: OnUnknown, *, has_ends: bool) -> NDArray[np.int32]:
        if on_unknown not in get_args(OnUnknown):
            raise SettingError("on_unknown", on_unknown, "error, nearest, skip or replace")
        points = _code_points(text)
        if len(points) and int(points.max()) >= len(self._ids):
            points = points.clip(max=len(self._ids) - 1)
        ids = self._ids.take(points)
        if not has_ends and self.end_id is not None:
            ids[points == ord(END)] = UNKNOWN_ID
        known = ids != UNKNOWN_ID
        if on_unknown == "nearest" and not known.all():
            return self._encode(respell(text, self.characters), "error", has_ends=has_ends)
        if on_unknown == "error" and not known.all():
            position = int(np.argmin(known))
            raise UnknownCharacterError(text[position], position)
        return ids[known] if on_unknown == "skip" else ids

    def count_unknown(self, text: str) -> int:
        """Return how many characters of a text have no id; `END` is no character."""
        count = 0
        for begin in range(0, len(text), AT_ONCE):
            points = _code_points(text[begin : begin + AT_ONCE])
            ids = self._ids.take(points.clip(max=len(self._ids) - 1))
            count += int(np.count_nonzero((ids == UNKNOWN_ID) & (points != ord(END))))
        return count

    def encode_start(self, start: str) -> NDArray[np.int32]:
        """Return the id of what is read before a text, int32 [1]: a character, or `END`."""
        is_end = start == END and self.end_id is not None
        return np.array([self.end_id], np.int32) if is_end else self.encode(start)

    def decode(self, tokens: object) -> str:
        """Turn ids, int [T] with values in [0, V), into text.

        The id 0 becomes U+FFFD, and that of the end symbol `END`.
        """
        points = self._table[np.asarray(tokens, np.int64)]
        return points.tobytes().decode("utf-32-le", "surrogatepass")


def in_order(characters: Iterable[str]) -> str:
    """Return characters in the order of their code points, with `END` as the last."""
    return "".join(sorted(characters, key=lambda character: (character == END, character)))


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))
