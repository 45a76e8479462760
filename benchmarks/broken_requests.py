"""Broken requests made by Hypothesis, and a way to send them without a socket."""

import asyncio
import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

from textgen.serve.http.asked import IGNORED, PENALTIES
from textgen.settings import SamplingSettings, setting_options

NAMES = [
    "model",
    "prompt",
    "messages",
    "max_tokens",
    "length",
    "n",
    "best_of",
    "seed",
    "stream",
    "stream_options",
    "echo",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "suffix",
    "label",
    "on_unknown",
    "continue",
    "tools",
    "tokens",
    *IGNORED,
    *PENALTIES,
    *setting_options(SamplingSettings),
]
PATHS = ["/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize"]
NUMBERS = st.one_of(
    st.integers(-3, 30),
    st.integers(),
    st.floats(),
    st.sampled_from([0.5, 1.0, 10**12, 2**63, 10**30, -0.0]),
)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["the ", "fox", "", "\ud800", "\0", "1,0.5,0.2", "0.4..1", "1,2", "a=b", "é"]),
)
PLAIN = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=6,
)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": TEXTS, "content": st.one_of(TEXTS, VALUES)}), max_size=3
)
OBJECTS = st.builds(
    lambda some, prompt: {"max_tokens": 3} | some | prompt,
    st.dictionaries(st.one_of(st.sampled_from(NAMES), st.text(max_size=5)), VALUES, max_size=5),
    st.one_of(
        st.just({"prompt": "the "}),
        st.builds(lambda value: {"messages": value}, st.one_of(MESSAGES, VALUES)),
        st.just({}),
    ),
)
BODIES = st.one_of(
    OBJECTS.map(lambda content: json.dumps(content).encode()),
    VALUES.map(lambda content: json.dumps(content).encode()),
    st.binary(max_size=40),
    st.sampled_from([b"[" * 10**5, b'{"a":' * 10**5, b'{"n": 1' + b"0" * 5000 + b"}", b"\xff"]),
)


class Asked(NamedTuple):
    """A request: its path, its headers and its body."""

    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"host", b"origin", b"content-type", b"content-length", b"accept"]),
        st.one_of(st.binary(max_size=8), st.sampled_from([b"localhost", b"1", b"99999999999"])),
    ),
    max_size=2,
)
REQUESTS = st.builds(Asked, st.sampled_from(PATHS), HEADERS, BODIES)


class Told(NamedTuple):
    """An answer: its status and its body."""

    status: int
    body: bytes


async def send(app: Any, asked: Asked, method: str = "POST") -> Told:
    """Give a request to an ASGI application and return its answer."""
    arriving = [{"type": "http.request", "body": asked.body, "more_body": False}]
    status, body = 0, b""

    async def receive() -> dict[str, Any]:
        if arriving:
            return arriving.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def take(message: dict[str, Any]) -> None:
        nonlocal status, body
        status = message.get("status", status)
        body += message.get("body", b"")

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": asked.path,
        "raw_path": asked.path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": asked.headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8888),
    }
    await app(scope, receive, take)
    return Told(status, body)


def check(told: Told) -> None:
    """Check that an answer is a result, or an error that the request has caused."""
    assert 200 <= told.status < 500, told
    if told.status >= 400:
        error = json.loads(told.body)["error"]
        assert {*error} == {"message", "type", "param", "code"}
        assert error["message"]
        assert "Traceback" not in error["message"]
    elif told.body.startswith(b"data: "):
        assert told.body.endswith(b"data: [DONE]\n\n")
    else:
        assert isinstance(json.loads(told.body), dict)
