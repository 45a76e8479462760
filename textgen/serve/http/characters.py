"""Characters as tokens of a client: their ids, and a token for the symbol between two texts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import END, Vocabulary
from textgen.serve.http.asked import Prompt
from textgen.serve.http.errors import RefusedError
from textgen.serve.http.fields import shown
from textgen.settings import OnUnknown

if TYPE_CHECKING:  # it imports JAX
    from textgen.serve.served_model import ServedModel

# How clients write the symbol between two texts, which has no character.
BOUNDARY = "<|endoftext|>"


def boundary_id(vocabulary: Vocabulary) -> int:
    """Return the id of the symbol that stands before each text.

    Where the network has no such symbol, it is the first id after those of the vocabulary.
    """
    return vocabulary.end_id or len(vocabulary)


class Read(NamedTuple):
    """A prompt as the network reads it.

    Attributes:
        tokens: ids, int32 [T], without the start of a text.
        has_boundary: whether the client has written the start of the text itself.
    """

    tokens: NDArray[np.int32]
    has_boundary: bool


def read_prompt(model: "ServedModel", prompt: Prompt, on_unknown: OnUnknown) -> Read:
    """Turn a prompt into ids.

    Raises:
        RefusedError: if an id is out of range.
        UnknownCharacterError: as `Vocabulary.encode`.
    """
    if isinstance(prompt, str):
        text = prompt.removeprefix(BOUNDARY)
        return Read(model.encode(text, on_unknown), text != prompt)
    first = boundary_id(model.vocabulary)
    has_boundary = prompt[:1] == (first,)
    ids = prompt[1:] if has_boundary else prompt
    most = len(model.vocabulary)
    for one in ids:
        if not 0 <= one < most:
            raise RefusedError(
                f"the prompt has the id {shown(one)!r}; ids are in [0, {most})", param="prompt"
            )
    return Read(np.array(ids, np.int32), has_boundary)


def spell(vocabulary: Vocabulary, tokens: Sequence[int] | NDArray[np.int32]) -> str:
    """Return ids as text, with the symbol between two texts as clients write it."""
    return vocabulary.decode(tokens).replace(END, BOUNDARY)
