"""The two forms of an answer: a completion, and a message of a chat."""

from collections.abc import Sequence
from typing import Any, Protocol

from textgen.serve.http.choice import News, chat_logprobs, completion_logprobs


class Form(Protocol):
    """How an answer looks.

    Attributes:
        prefix: beginning of the id of an answer.
        whole: what a whole answer is called.
        chunk: what a part of a stream is called.
    """

    prefix: str
    whole: str
    chunk: str

    def choice(self, index: int, news: News, reason: str | None, top: int | None) -> dict[str, Any]:
        """Return a whole text.

        Args:
            index: its number.
            news: all of it.
            reason: why it ends; None if it does not.
            top: log-probabilities at each position; None for none.
        """
        ...

    def delta(self, index: int, news: News, reason: str | None, top: int | None) -> dict[str, Any]:
        """Return a part of a text in a stream; the arguments are those of `choice`."""
        ...


class CompletionForm:
    """The form of `/v1/completions`."""

    prefix, whole, chunk = "cmpl-", "text_completion", "text_completion"

    def choice(self, index: int, news: News, reason: str | None, top: int | None) -> dict[str, Any]:
        """Return a whole text."""
        logprobs = None if top is None else completion_logprobs(news)
        return {"index": index, "text": news.text, "logprobs": logprobs} | _ending(reason)

    def delta(self, index: int, news: News, reason: str | None, top: int | None) -> dict[str, Any]:
        """Return a part of a text, which has the form of a whole one."""
        return self.choice(index, news, reason, top)


class ChatForm:
    """The form of `/v1/chat/completions`."""

    prefix, whole, chunk = "chatcmpl-", "chat.completion", "chat.completion.chunk"

    def choice(self, index: int, news: News, reason: str | None, top: int | None) -> dict[str, Any]:
        """Return a whole text as a message."""
        message = {"role": "assistant", "content": news.text, "refusal": None}
        return self._described("message", message, index, news, reason, top)

    def delta(self, index: int, news: News, reason: str | None, top: int | None) -> dict[str, Any]:
        """Return a part of a message; the first one says who speaks."""
        delta = {"content": news.text}
        if not news.offset:
            delta = {"role": "assistant"} | delta
        return self._described("delta", delta, index, news, reason, top)

    def _described(
        self,
        name: str,
        message: dict[str, Any],
        index: int,
        news: News,
        reason: str | None,
        top: int | None,
    ) -> dict[str, Any]:
        logprobs = None if top is None else chat_logprobs(news.places, top)
        return {"index": index, name: message, "logprobs": logprobs} | _ending(reason)


# Why a text ends, as clients know it: all other reasons are `stop`.
CUT_SHORT = ("length", "cut")
COMPLETION, CHAT = CompletionForm(), ChatForm()


def _ending(reason: str | None) -> dict[str, str | None]:
    # Clients know two reasons; the second field has the word of textgen.
    known = "length" if reason in CUT_SHORT else "stop"
    return {"finish_reason": reason and known, "stop_reason": reason}


def joined(news: Sequence[News]) -> News:
    """Return the news of a text as one."""
    text = "".join(one.text for one in news)
    return News(text, 0, tuple(place for one in news for place in one.places))
