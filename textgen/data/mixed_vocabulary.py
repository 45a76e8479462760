"""The alphabet of several networks that write together, and what each of them reads of it.

The first network decides what ends a text. If it knows no end of a document, the mixture knows
none: a network that does takes the end of a line for the end of its document, or never ends one
where it knows both. If the first one writes documents of one line, which hold no newline, the end
of a line is the end of a document for all.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import END, UNICODE, UNKNOWN_ID, Vocabulary

# Each of these two is read as the other one by a network that knows only that.
TWINS = {END: "\n", "\n": END}


def mixed_vocabulary(vocabularies: Sequence[Vocabulary]) -> Vocabulary:
    """Return the vocabulary of a mixture: the ids of the first one, and then all others.

    >>> mixed_vocabulary([Vocabulary("ba"), Vocabulary("cab")]).characters
    'bac'
    """
    first, characters = vocabularies[0], {*"".join(each.characters for each in vocabularies)}
    if first.end_id is None and END in characters:
        characters = characters - {END} | {"\n"}
    elif first.end_id is not None and "\n" not in first:
        characters -= {"\n"}
    return first.grown("".join(characters))


class PartIds(NamedTuple):
    """What a network of V ids makes of the ids of a mixture, of which there are U.

    Attributes:
        readings: int32 [U], the id that the network reads for each id of the mixture.
        shares: float64 [U], the part of the probability of that id that the network gives to each
            id of the mixture, in [0, 1].
        silent: int64 [K], ids of the network that the mixture never writes. What the network gives
            to each of the others is given to the mixture, so that the sum stays 1.
        written: int32 [V], the id of the mixture for each id of the network.
    """

    readings: NDArray[np.int32]
    shares: NDArray[np.float64]
    silent: NDArray[np.int64]
    written: NDArray[np.int32]


def part_ids(mixed: Vocabulary, own: Vocabulary) -> PartIds:
    """Compare the vocabulary of a mixture with that of one of its networks.

    A network gives one probability to all the characters that it does not know together. It is
    divided equally among these characters of Unicode, as `charge_unknown` does it. The mixture's
    unknown character keeps the rest.

    Args:
        mixed: the vocabulary of the mixture, as `mixed_vocabulary` makes it.
        own: that of the network.
    """
    known = {symbol: number for number, symbol in enumerate(own.characters, start=1)}
    others = UNICODE - len(known)
    readings = np.zeros(len(mixed), np.int32)
    shares = np.zeros(len(mixed))
    shares[UNKNOWN_ID] = 1
    for number, symbol in enumerate(mixed.characters, start=1):
        twin = TWINS.get(symbol, symbol)
        readings[number] = known.get(symbol, known.get(twin, UNKNOWN_ID))
        if symbol in known or (twin in known and twin not in mixed.characters):
            shares[number] = 1
        elif symbol != END and not readings[number]:
            shares[number] = 1 / others
            shares[UNKNOWN_ID] -= 1 / others
    silent = np.setdiff1d(np.arange(1, len(own)), readings[shares > 0])
    ids = {symbol: number for number, symbol in enumerate(mixed.characters, start=1)}
    twins = [ids.get(symbol, ids.get(TWINS.get(symbol, ""), UNKNOWN_ID)) for symbol in known]
    return PartIds(readings, shares, silent, np.array([UNKNOWN_ID, *twins], np.int32))
