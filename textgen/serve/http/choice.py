"""One text of an answer in the forms of clients: what is new of it, and its log-probabilities."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from textgen.data.vocabulary import Vocabulary
from textgen.serve.http.characters import BOUNDARY, Read, spell
from textgen.serve.order import Likely, Part

# What stands for the logarithm of a probability of 0, which JSON cannot hold.
IMPOSSIBLE = -9999.0


class Place(NamedTuple):
    """A character of an answer with its log-probabilities, and those of others in its place.

    Attributes:
        text: the character.
        logprob: None if nothing predicted it.
        top: the likeliest characters in its place and their log-probabilities, itself included.
    """

    text: str
    logprob: float | None
    top: tuple[tuple[str, float], ...]


class News(NamedTuple):
    """What is new of a text.

    Attributes:
        text: the characters.
        offset: number of characters before them.
        places: a place for each character, and for the symbol after a text, if they are asked for.
    """

    text: str
    offset: int
    places: tuple[Place, ...]


class Choice:
    """One text of an answer, as it grows.

    Attributes:
        index: its number in the answer.
        written: number of characters that were written.
        read: number of characters of its prompt that were read anew.
        reason: why it ends; None if it does not.
    """

    def __init__(
        self, index: int, vocabulary: Vocabulary, read: Read, *, echoes: bool, is_scored: bool
    ) -> None:
        self.index, self.written, self.read = index, 0, 0
        self.reason: str | None = None
        self._vocabulary, self._prompt = vocabulary, read
        self._echoes, self._is_scored = echoes, is_scored
        self._offset, self._has_begun = 0, False
        # Sum and number of the log-probabilities of what was written.
        self._nats, self._scored = 0.0, 0

    def take(self, parts: Sequence[Part]) -> News:
        """Take parts of the text and return what is new."""
        text, places, offset = "", list[Place](), self._offset
        for part in parts:
            if not self._has_begun:
                self._has_begun, self.read = True, part.read
                if self._echoes:
                    text += spell(self._vocabulary, self._prompt.tokens)
                    if self._prompt.has_boundary:
                        text = BOUNDARY + text
                        places.append(Place(BOUNDARY, None, ()))
                    places += map(self._place, part.prompt_likely)
            text += part.text
            self.written += len(part.text)
            self._nats += sum(one.logprob for one in part.likely)
            self._scored += len(part.likely)
            places += map(self._place, part.likely)
            self.reason = part.finish
        self._offset += len(text)
        return News(text, offset, tuple(places) if self._is_scored else ())

    @property
    def mean_logprob(self) -> float:
        """Mean of the log-probabilities of what was written; the lowest for an empty text."""
        return self._nats / self._scored if self._scored else -math.inf

    def _place(self, likely: Likely) -> Place:
        def told(token: int, logprob: float) -> tuple[str, float]:
            finite = logprob if math.isfinite(logprob) else IMPOSSIBLE
            return spell(self._vocabulary, [token]), finite

        own = told(likely.token, likely.logprob)
        top = [told(token, logprob) for token, logprob in likely.top]
        if likely.token not in (token for token, _ in likely.top):
            top.append(own)
        return Place(*own, tuple(top))


def completion_logprobs(news: News) -> dict[str, list[Any]]:
    """Return log-probabilities in the form of `/v1/completions`."""
    offsets, at = list[int](), news.offset
    for place in news.places:
        offsets.append(at)
        at += len(place.text)
    return {
        "tokens": [place.text for place in news.places],
        "token_logprobs": [place.logprob for place in news.places],
        "top_logprobs": [dict(place.top) or None for place in news.places],
        "text_offset": offsets,
    }


def chat_logprobs(places: Iterable[Place], top: int) -> dict[str, Any]:
    """Return log-probabilities in the form of `/v1/chat/completions`, `top` at each position."""
    content = [
        _chat_token(place.text, place.logprob)
        | {"top_logprobs": [_chat_token(*one) for one in place.top[:top]]}
        for place in places
    ]
    return {"content": content, "refusal": None}


def _chat_token(text: str, logprob: float | None) -> dict[str, Any]:
    encoded = text.encode("utf-8", "surrogatepass")
    return {"token": text, "logprob": logprob, "bytes": list(encoded)}
