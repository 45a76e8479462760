"""What a client sends: the body of its request, and that it is gone."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive

from textgen.serve.http.errors import RefusedError
from textgen.serve.http.limits import BODY_SECONDS

# Bodies of more bytes are parsed in a thread, so that other requests go on.
LARGE_BODY = 32 * 1024
# Most bytes of a body that is too large which are read before the client is told so.
MOST_DROPPED = 2**28
Result = TypeVar("Result")


async def body_of(request: Request) -> bytes:
    """Return the body of a request.

    Raises:
        RefusedError: if it is too large, or arrives too slowly.
    """
    most = request.app.state.service.limits.max_body
    given = request.headers.get("content-length", "0")
    is_known = given.isascii() and given.isdigit() and int(given[:20]) > most
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            # A client that asks whether to go on is answered at once. Any other one first sends all
            # of its body, and only then reads the answer.
            if not (is_known and "expect" in request.headers):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size <= most:
                        body += chunk
                    elif size > MOST_DROPPED:
                        break
    except TimeoutError:
        raise RefusedError(
            f"the body did not arrive within {BODY_SECONDS:g} seconds",
            status=408,
            headers={"Connection": "close"},
        ) from None
    if is_known or size > most:
        raise RefusedError(f"the body has more than {most:,} bytes", status=413)
    return bytes(body)


async def beside(body: bytes, work: Callable[[], Result]) -> Result:
    """Do work on a body, in a thread if it may take long."""
    return await asyncio.to_thread(work) if len(body) > LARGE_BODY else work()


async def while_connected(request: Request, work: Coroutine[Any, Any, Response]) -> Response:
    """Return what work returns, or stop it when the client is gone.

    Raises:
        ClientDisconnect: if the client is gone.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(wait_until_gone(request.receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        await cancelled(working, leaving)


async def wait_until_gone(receive: Receive) -> None:
    """Wait until the client has closed its connection. The whole request must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended. What they raise is dropped."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
