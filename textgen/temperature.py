"""The temperature of each character of a text: a constant, a ramp or a cycle."""

import re
from dataclasses import dataclass
from typing import Literal, Self

from textgen.errors import SettingError

MAX_TEMPERATURE = 100
# Two whole numbers and a comma: in many countries this is how one number is written.
_AMBIGUOUS = re.compile(r"\s*([0-9]+)\s*,\s*([0-9]+)\s*")


@dataclass(frozen=True)
class TemperatureSchedule:
    """The temperature of each character of a text.

    Attributes:
        kind: how the temperature changes over the text.
        values: the constant temperature, both ends of the ramp, or the members of the cycle.
    """

    kind: Literal["constant", "ramp", "cycle"]
    values: tuple[float, ...]

    @classmethod
    def parse(cls, given: float | str) -> Self:
        """Read a number, a ramp such as `0.4..1.1`, or a cycle such as `1,0.5,0.2`.

        Raises:
            SettingError: if it is none of these, if a temperature lies outside [0, 100], or if it
                can be a number with a decimal comma as well as a cycle.
        """
        allowed = f"a number in [0, {MAX_TEMPERATURE}], a ramp 0.4..1.1 or a cycle 1,0.5,0.2"
        if isinstance(given, str) and (pair := _AMBIGUOUS.fullmatch(given)):
            first, second = pair.groups()
            allowed = (
                f"written {first}.{second} as a number, or {first},{second},{first},{second} as a "
                f"cycle of {first} and {second}"
            )
            raise SettingError("temperature", given, allowed)
        if isinstance(given, str) and ".." in given:
            kind, parts = "ramp", given.split("..")
        elif isinstance(given, str) and "," in given:
            kind, parts = "cycle", given.split(",")
        else:
            kind, parts = "constant", [str(given)]
        try:
            values = tuple(float(part) for part in parts)
        except ValueError:
            raise SettingError("temperature", given, allowed) from None
        is_inside = all(0 <= value <= MAX_TEMPERATURE for value in values)  # NaN is not
        if isinstance(given, bool) or not is_inside or (kind == "ramp" and len(values) != 2):
            raise SettingError("temperature", given, allowed)
        return cls(kind, values)  # type: ignore[arg-type]


def unambiguous(given: str) -> str:
    """Return a temperature in which two whole numbers are a cycle as `parse` takes it.

    >>> unambiguous("0,8"), unambiguous("1,0.5")
    ('0,8,0,8', '1,0.5')
    """
    return f"{given},{given}" if _AMBIGUOUS.fullmatch(given) else given
