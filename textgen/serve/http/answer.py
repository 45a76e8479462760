"""Answers with texts: whole, or as a stream of events while they are written."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from textgen.errors import TextgenError
from textgen.serve.http.asked import Asked
from textgen.serve.http.choice import News
from textgen.serve.http.errors import error_object, error_response, refused
from textgen.serve.http.forms import Form, joined
from textgen.serve.http.job import Job
from textgen.serve.http.receiving import cancelled, wait_until_gone
from textgen.serve.http.reply import JsonReply
from textgen.serve.http.texts import Texts

DONE = b"data: [DONE]\n\n"
# Headers of an answer that say with which seed it was written, and what the run read instead of
# characters that it does not know.
SEED, REPLACED = "Textgen-Seed", "Textgen-Replaced"
# Most replaced characters that a header names.
MOST_REPLACED = 50


def answer_head(form: Form, name: str, model: str, asked: Asked, step: int) -> dict[str, Any]:
    """Return the fields that each answer, and each event of a stream, begins with."""
    return {
        "id": form.prefix + secrets.token_hex(12),
        "object": name,
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": f"step-{step}",
        "seed": asked.seed,
    }


def answer_headers(asked: Asked, replaced: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of an answer. They are ASCII, whatever the characters are."""
    headers = {SEED: str(asked.seed)}
    if replaced:
        headers[REPLACED] = json.dumps(dict([*replaced.items()][:MOST_REPLACED]))
    return headers


async def whole_answer(job: Job, texts: Texts, form: Form) -> Response:
    """Wait for all texts and return them.

    Raises:
        TextgenError: if one cannot be written.
    """
    asked = job.asked
    news: list[list[News]] = [[] for _ in texts.choices]
    async for choice, new in texts.news():
        news[choice.index].append(new)
    choices = list[dict[str, Any]]()
    for begin in range(0, len(texts.choices), asked.drawn):
        drawn = texts.choices[begin : begin + asked.drawn]
        best = sorted(drawn, key=lambda choice: -choice.mean_logprob)
        for choice in best[: asked.count] if asked.drawn > asked.count else drawn:
            whole = joined(news[choice.index])
            choices.append(form.choice(len(choices), whole, choice.reason, asked.top))
    head = answer_head(form, form.whole, job.model.name, asked, job.model.step)
    content = head | {"choices": choices, "usage": texts.usage()}
    return JsonReply(content, headers=answer_headers(asked, job.replaced))


class EventStream(Response):
    """An answer that is sent while it is written, as server-sent events.

    It ends when all texts have ended, or when the client is gone. What is wrong before anything was
    written is answered as any other error, and later in an event of its own.
    """

    media_type = "text/event-stream"

    def __init__(self, job: Job, texts: Texts, form: Form) -> None:
        headers = answer_headers(job.asked, job.replaced)
        # A proxy should pass on each event at once.
        headers |= {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self._job, self._texts, self._form = job, texts, form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        sending = asyncio.create_task(self._send(scope, receive, send))
        leaving = asyncio.create_task(wait_until_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            self._texts.close()
            await cancelled(sending, leaving)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        has_begun = False
        try:
            async for event in self._events():
                if not has_begun:
                    has_begun = True
                    await send(start)
                await send({"type": "http.response.body", "body": event, "more_body": True})
        except TextgenError as error:
            if not has_begun:
                await error_response(error)(scope, receive, send)
                return
            event = event_of(error_object(refused(error)))
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _events(self) -> AsyncIterator[bytes]:
        job, form, asked = self._job, self._form, self._job.asked
        head = answer_head(form, form.chunk, job.model.name, asked, job.model.step)
        usage = {"usage": None} if asked.has_usage else {}
        async for choice, news in self._texts.news():
            delta = form.delta(choice.index, news, choice.reason, asked.top)
            yield event_of(head | {"choices": [delta]} | usage)
        if asked.has_usage:
            yield event_of(head | {"choices": [], "usage": self._texts.usage()})
        yield DONE


def event_of(content: Mapping[str, Any]) -> bytes:
    """Return one event of a stream."""
    return b"data: %b\n\n" % json.dumps(content, separators=(",", ":")).encode()
