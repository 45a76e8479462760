"""The server in a thread of its own: its address, its start and its end."""

import asyncio
import errno
import socket
import threading
import time
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

from textgen.errors import UsageError, reason
from textgen.serve.http.limits import MAX_CONNECTIONS, MAX_HEAD_BYTES
from textgen.serve.http.protocol import PatientProtocol

# Connections that wait until the server takes them.
BACKLOG = 2048
# Seconds for which a connection stays open between two requests.
KEEP_ALIVE_SECONDS = 30
# Files that a process has open besides its connections.
OTHER_FILES = 256
# Seconds in which clients can take the ends of their answers, before their connections are cut.
LAST_SECONDS = 1.0


def listen(host: str, port: int) -> socket.socket:
    """Take a port and listen to it.

    Args:
        host: name or address of this machine.
        port: the port; 0 for a free one.

    Raises:
        UsageError: if it cannot be taken. The message says why.
    """
    where = f"port {port} of {host}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"host must be an address of this machine, got {host!r}") from error
    family, kind, protocol, _, address = found[0]
    # Only if it knows the protocol does asyncio send small parts at once.
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        reasons = {
            errno.EADDRINUSE: f"{where} is taken; choose another --port, or 0 for a free one",
            errno.EACCES: f"{where} is reserved for the system; choose a --port of at least 1024",
            errno.EADDRNOTAVAIL: f"host must be an address of this machine, got {host!r}",
        }
        told = reasons.get(error.errno or 0, f"cannot listen to {where}: {reason(error)}")
        raise UsageError(told) from error
    return listener


def address_of(listener: socket.socket) -> tuple[str, int]:
    """Return the address and the port that a socket listens to."""
    host, port = listener.getsockname()[:2]
    return str(host), int(port)


def permit_connections() -> None:
    """Let this process have as many open connections as the server takes, as far as it may."""
    with suppress(ImportError):  # only POSIX systems have such a limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MAX_CONNECTIONS + OTHER_FILES
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class HttpServer:
    """Answers requests in a thread, until it is told to stop."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        """Prepare to answer requests.

        Args:
            app: the application.
            listener: a socket that listens.
        """
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        )
        self._server, self._listener = uvicorn.Server(config), listener
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="textgen serve", daemon=True)

    def start(self) -> None:
        """Begin to answer requests, and return when the server does."""
        permit_connections()
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(0.005)

    def refuse_new(self) -> None:
        """Take no new connections. Requests that were taken are still answered."""
        self._server.should_exit = True

    def stop(self) -> None:
        """End. What is not answered within a second is cut."""
        self.refuse_new()
        self._thread.join(LAST_SECONDS)
        if self._thread.is_alive() and self._loop is not None:
            self._loop.call_soon_threadsafe(self._cut)
            self._thread.join(LAST_SECONDS)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._listener])

    def _cut(self) -> None:
        self._server.force_exit = True
        for connection in [*self._server.server_state.connections]:
            connection.transport.abort()
