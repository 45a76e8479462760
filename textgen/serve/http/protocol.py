"""HTTP as uvicorn speaks it, with an end for clients that send or take nothing."""

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from textgen.serve.http.errors import RefusedError, error_object
from textgen.serve.http.limits import (
    HEAD_SECONDS,
    MAX_CONNECTIONS,
    MAX_HEAD_BYTES,
    STALL_SECONDS,
)

# Seconds for which the rest of a refused request is read.
LINGER_SECONDS = 1.0
MALFORMED = (
    f"this is no request that HTTP allows, or its first line and headers have more than "
    f"{MAX_HEAD_BYTES:,} bytes"
)
TOO_SLOW = f"the first line and the headers did not arrive within {HEAD_SECONDS:g} seconds"
HALF_CLOSED = "the client closed its side before it was answered; keep the connection open"


class PatientProtocol(H11Protocol):
    """One connection. What is wrong with it is answered in the form of all other errors.

    A client has some seconds to send the head of a request, and some seconds in which it may take
    nothing of its answer. One that closes its side of the connection is taken to be gone: it cannot
    be told from one that has vanished.
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        for timer in (self._head_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request. What follows a request that was refused is dropped."""
        if self._is_refused:
            return
        super().data_received(data)
        self._watch_head()

    def eof_received(self) -> None:
        """Take note that the client sends nothing more."""
        cycle = self.cycle
        if self._is_refused:
            self.transport.close()
        elif cycle is None or cycle.response_complete:
            if self.conn.trailing_data[0]:
                self._refuse(400, MALFORMED)
        else:
            is_begun, cycle.response_started, cycle.disconnected = (
                cycle.response_started,
                True,
                True,
            )
            cycle.message_event.set()
            if is_begun:
                self.transport.abort()
            else:
                self._refuse(400, HALF_CLOSED)
                self.transport.close()

    def pause_writing(self) -> None:
        """Take note that the client takes less than it is sent."""
        super().pause_writing()
        self._stall_timer = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Take note that the client takes more again."""
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(400, MALFORMED)

    def _watch_head(self) -> None:
        is_waiting = self.conn.their_state is h11.IDLE and not self._is_refused
        if is_waiting and self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408, TOO_SLOW)
        elif not is_waiting and self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _refuse(self, status: int, message: str) -> None:
        """Answer a request that did not arrive, as far as it can still be answered; then close.

        What the client still sends is read for a moment. Otherwise the system would take the answer
        back.
        """
        if self.transport.is_closing() or self._is_refused:
            return
        self._is_refused = True
        body = json.dumps(error_object(RefusedError(message, status=status))).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            reason = STATUS_PHRASES[status]
            head = h11.Response(status_code=status, headers=headers, reason=reason)
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)
