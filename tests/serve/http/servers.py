"""A server in this process, and what asks it."""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from textgen.generation.model import Model
from textgen.serve.http.app import make_app
from textgen.serve.http.filler import Filler
from textgen.serve.http.limits import Limits
from textgen.serve.http.server import HttpServer, address_of, listen
from textgen.serve.http.service import Service
from textgen.serve.scheduler import Scheduler


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The message of an error, which has the form that clients expect."""
        error = self.json["error"]
        assert {*error} == {"message", "type", "param", "code"}
        assert "\n" not in error["message"]
        return str(error["message"])

    @property
    def events(self) -> list[Any]:
        """What a stream has sent, without its end."""
        *events, last, rest = self.body.decode().split("\n\n")
        assert (last, rest) == ("data: [DONE]", "")
        return [json.loads(event.removeprefix("data: ")) for event in events]


@dataclass(frozen=True)
class Served:
    url: str
    port: int
    scheduler: Scheduler
    service: Service

    def ask(
        self, path: str, content: Any = None, *, headers: dict[str, str] | None = None
    ) -> Answer:
        """Send a request: content is JSON, bytes as they are, or None for a GET."""
        body = content if isinstance(content, bytes | None) else json.dumps(content).encode()
        request = urllib.request.Request(self.url + path, body, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def complete(self, **content: Any) -> Answer:
        return self.ask("/v1/completions", content)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def send(self, data: bytes) -> bytes:
        """Send bytes and return everything that comes until the server closes."""
        with self.connect() as connection:
            connection.sendall(data)
            return read_all(connection)


def post(body: bytes, *more: bytes, version: bytes = b"1.1") -> bytes:
    """Return a request for a completion."""
    lines = [
        b"POST /v1/completions HTTP/" + version,
        b"Host: localhost",
        b"Content-Length: %d" % len(body),
        *more,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def read_all(connection: socket.socket) -> bytes:
    found = b""
    while chunk := connection.recv(65536):
        found += chunk
    return found


def wait_until(claim: Callable[[], bool], seconds: float = 5.0) -> float:
    """Wait until a claim is true, and return how many seconds that took."""
    begun = time.monotonic()
    while not claim():
        assert time.monotonic() - begun < seconds
        time.sleep(0.001)
    return time.monotonic() - begun


@contextmanager
def served(
    models: Sequence[Model],
    *,
    fillers: Sequence[Filler] = (),
    limits: Limits | None = None,
    make_page: Callable[[str], bytes] | None = None,
    **options: Any,
) -> Iterator[Served]:
    """Serve models as long as the context lasts."""
    limits = limits or Limits(max_running=4)  # so that loops for few texts are compiled
    scheduler = Scheduler(
        models, max_running=limits.max_running, max_waiting=limits.max_waiting, sessions=8
    )
    scheduler.start()
    service = Service(
        scheduler=scheduler,
        fillers={filler.name: filler for filler in fillers},
        limits=limits,
        make_page=make_page,
    )
    listener = listen("127.0.0.1", 0)
    server = HttpServer(make_app(service, **options), listener)
    server.start()
    port = address_of(listener)[1]
    try:
        yield Served(f"http://127.0.0.1:{port}", port, scheduler, service)
    finally:
        scheduler.close(0)
        server.stop()
