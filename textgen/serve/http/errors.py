"""Errors as clients of this form of HTTP read them, with the words of textgen's own errors."""

from collections.abc import Mapping
from typing import Any

from textgen.errors import (
    ClosingError,
    RunError,
    SettingError,
    TextgenError,
    UnknownCharacterError,
    UsageError,
)
from textgen.serve.http.reply import JsonReply

# Longest message, in characters: a request may hold a long value.
LONGEST = 1000
# What clients call each kind of error, by its HTTP status; any other status below 500 is a mistake
# of the request.
KINDS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class RefusedError(UsageError):
    """A request that the server does not carry out.

    Attributes:
        status: HTTP status of the answer.
        param: name of the parameter that is wrong; None if it is none.
        code: word by which a program can tell the error; None if there is none.
        headers: headers of the answer.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.param, self.code = status, param, code
        self.headers = dict(headers or {})
        super().__init__(message)


def refused(error: TextgenError) -> RefusedError:
    """Return what a client is told of an error."""
    message = str(error)
    seconds = getattr(error, "retry_after", None)
    if isinstance(error, RefusedError):
        return error
    if seconds is not None:
        headers = {"Retry-After": str(max(1, round(seconds)))}
        return RefusedError(message, status=429, code="queue_full", headers=headers)
    if isinstance(error, ClosingError):
        return RefusedError(message, status=503, code="closing")
    if isinstance(error, SettingError):
        return RefusedError(message, param=error.name)
    if isinstance(error, UnknownCharacterError):
        return RefusedError(message, param="prompt", code="unknown_character")
    if isinstance(error, UsageError):
        return RefusedError(message)
    if isinstance(error, RunError):
        return RefusedError(message, status=503, code="run_unusable")
    return RefusedError(message, status=500)


def error_object(error: RefusedError) -> dict[str, Any]:
    """Return an error as the object that clients expect."""
    kind = KINDS.get(error.status, "invalid_request_error")
    if error.status >= 500:
        kind = "server_error"
    message = str(error)
    message = message if len(message) <= LONGEST else message[:LONGEST] + "..."
    return {"error": {"message": message, "type": kind, "param": error.param, "code": error.code}}


def error_response(error: TextgenError) -> JsonReply:
    """Return the answer to a request that could not be carried out."""
    told = refused(error)
    return JsonReply(error_object(told), told.status, told.headers)
