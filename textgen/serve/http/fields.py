"""The parameters of a request, taken from its JSON one by one and checked."""

import difflib
import json
from collections.abc import Collection
from typing import Any

from textgen.errors import SettingError
from textgen.serve.http.errors import RefusedError
from textgen.settings import check_number

# Longest value of a parameter that a message shows, in characters.
SHOWN = 80


def parse_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that is the body of a request.

    Raises:
        RefusedError: if it is none.
    """
    try:
        found = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise RefusedError("the body has too many brackets within brackets") from None
    except ValueError as error:  # no JSON, no UTF-8, or a number of thousands of digits
        problem = str(error).partition(":")[0] if body.strip() else "it is empty"
        raise RefusedError(
            f"the body must be a JSON object, and cannot be read: {problem}"
        ) from None
    if not isinstance(found, dict):
        raise RefusedError(f"the body must be a JSON object, got {_kind(found)}")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


class Fields:
    """The parameters of a request. Each is taken once; `finish` refuses those that are left."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._left = {name: value for name, value in body.items() if value is not None}
        self._known = set[str]()

    def take(self, *names: str) -> Any:
        """Return the value of a parameter that has several names; None if it is not given.

        Raises:
            RefusedError: if it is given by two of its names.
        """
        self._known.update(names)
        given = [name for name in names if name in self._left]
        if len(given) > 1:
            raise RefusedError(f"{given[0]} and {given[1]} mean the same; give one", param=given[1])
        return self._left.pop(given[0]) if given else None

    def whole(self, *names: str, default: int, low: int, high: int) -> int:
        """Return a whole number in [low, high]; 16.0 is one.

        Raises:
            SettingError: if it is something else.
        """
        value = self.take(*names)
        value = default if value is None else value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        _check_number(names[0], value, low, high, whole=True)
        return int(value)

    def number(self, name: str, *, default: float, low: float, high: float) -> float:
        """Return a number in [low, high].

        Raises:
            SettingError: if it is something else.
        """
        value = self.take(name)
        value = default if value is None else value
        _check_number(name, value, low, high)
        return float(value)

    def flag(self, *names: str) -> bool:
        """Return whether something is wanted; by default it is not.

        Raises:
            SettingError: if it is neither true nor false.
        """
        value = self.take(*names)
        if value is not None and not isinstance(value, bool):
            raise SettingError(names[0], shown(value), "true or false")
        return bool(value)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a text or a list of texts as a tuple; empty if there is none.

        Raises:
            SettingError: if it is something else.
        """
        value = self.take(name)
        listed = [value] if isinstance(value, str) else value or []
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise SettingError(name, shown(value), "a text or a list of texts")
        return tuple(listed)

    def ignore(self, *names: str) -> None:
        """Take parameters that clients send and that change nothing here."""
        for name in names:
            self.take(name)

    def refuse(self, name: str, why: str, harmless: Collection[Any]) -> None:
        """Refuse a parameter unless its value asks for nothing.

        Raises:
            RefusedError: if it asks for something.
        """
        value = self.take(name)
        if value is not None and not any(value == one for one in harmless):
            raise RefusedError(why, param=name, code="unsupported_parameter")

    def finish(self) -> None:
        """Refuse the parameters that were not taken.

        Raises:
            RefusedError: if there is one; the message names one that is similar.
        """
        for name in self._left:
            near = difflib.get_close_matches(name[:SHOWN], self._known, n=1)
            advice = f"; did you mean {near[0]}?" if near else ""
            raise RefusedError(
                f"there is no parameter {shown(name)!r}{advice}",
                param=str(shown(name)),
                code="unknown_parameter",
            )


def shown(value: Any) -> Any:
    """Return a value for a message: one that is long as its kind, or cut."""
    if isinstance(value, str):
        return value if len(value) <= SHOWN else value[:SHOWN] + "..."
    if isinstance(value, dict | list):
        return _Named(_kind(value))
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**40:
        return _Named("a number of more than 40 digits")
    return value


class _Named(str):
    """A description that stands without quotes in a message."""

    def __repr__(self) -> str:
        return str(self)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return {str: "a text", bool: "true or false", type(None): "null"}.get(type(value), "a number")


def _check_number(name: str, value: Any, low: float, high: float, *, whole: bool = False) -> None:
    try:
        check_number(name, value, low, high, whole=whole)
    except SettingError as error:
        raise SettingError(name, shown(value), error.allowed) from None
