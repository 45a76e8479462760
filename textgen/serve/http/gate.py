"""What stands before every request: who may ask, and from where."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from textgen.serve.http.errors import RefusedError, error_response
from textgen.serve.http.keys import Keys

# Paths that need no key, so that a supervisor can ask whether the server lives.
OPEN_PATHS = ("/health",)
# Requests that change nothing and cost nothing.
READING = ("GET", "HEAD", "OPTIONS")


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, reached without a network.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("a.b")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"


class Gate:
    """Refuses requests that come from where they should not, or without a key.

    A web page can send requests to a server on its reader's machine. Its browser then names the
    page's origin, which must be an allowed one. If the page's name was made to mean this machine
    (DNS rebinding), the browser names the page's host in the header `Host`.
    """

    def __init__(
        self, app: ASGIApp, *, keys: Keys | None, origins: Sequence[str], is_local: bool
    ) -> None:
        """Guard an application.

        Args:
            app: the application.
            keys: keys of which a client must give one; None if it needs none.
            origins: origins of web pages that may send requests; `*` is any.
            is_local: whether only this machine can reach the server.
        """
        self._app, self._keys, self._origins, self._is_local = app, keys, origins, is_local
        self._hosts = {urlsplit(origin).hostname for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Content-Security-Policy", "default-src 'none'")
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope, Headers(scope=scope))
        except RefusedError as error:
            await error_response(error)(scope, receive, send_safely)
            return
        await self._app(scope, receive, send_safely)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host, origin = headers.get("host", ""), headers.get("origin")
        name = _hostname(host)
        if self._is_local and host and not is_loopback(name) and name not in self._hosts:
            raise RefusedError(
                "this server listens to this machine alone, and the header Host names another one; "
                "ask for 127.0.0.1 or localhost",
                status=403,
                code="wrong_host",
            )
        is_own = origin is not None and origin.partition("://")[2].lower() == host.lower()
        is_allowed = origin is None or is_own or origin in self._origins or "*" in self._origins
        if not is_allowed and scope["method"] not in READING:
            raise RefusedError(
                "this web page may not use the server; allow its origin with --allow-origin",
                status=403,
                code="wrong_origin",
            )
        if self._keys is not None and scope["path"] not in OPEN_PATHS:
            kind, _, key = headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not self._keys.accepts(key.strip()):
                raise RefusedError(
                    "this server needs a key: send it in the header Authorization: Bearer KEY",
                    status=401,
                    code="invalid_api_key",
                    headers={"WWW-Authenticate": "Bearer"},
                )


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
