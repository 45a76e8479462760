import re

import pytest

from textgen.errors import SettingError
from textgen.settings import SamplingSettings
from textgen.temperature import TemperatureSchedule


@pytest.mark.parametrize(
    ("given", "kind", "values"),
    [
        (0.8, "constant", (0.8,)),
        ("0.8", "constant", (0.8,)),
        ("0.4..1.1", "ramp", (0.4, 1.1)),
        ("1,0.5,0.2", "cycle", (1, 0.5, 0.2)),
        ("0.5,1", "cycle", (0.5, 1)),
        ("0,8,0,8", "cycle", (0, 8, 0, 8)),
    ],
)
def test_a_temperature_is_a_number_a_ramp_or_a_cycle(
    given: float | str, kind: str, values: tuple[float, ...]
) -> None:
    assert TemperatureSchedule.parse(given) == TemperatureSchedule(kind, values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("given", "number"), [("0,8", "0.8"), (" 1,5 ", "1.5"), ("0, 25", "0.25")])
def test_a_number_with_a_decimal_comma_is_no_cycle(given: str, number: str) -> None:
    with pytest.raises(SettingError) as caught:
        SamplingSettings(temperature=given)
    whole, digits = number.split(".")
    assert str(caught.value) == (
        f"temperature must be written {number} as a number, or {whole},{digits},{whole},{digits} "
        f"as a cycle of {whole} and {digits}, got {given!r}"
    )


def test_a_cycle_of_an_older_version_goes_on_as_it_was() -> None:
    settings = SamplingSettings.from_json({"temperature": "0,8"})
    assert settings.schedule.values == (0, 8, 0, 8)
    assert SamplingSettings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize("given", ["", "warm", "1,,2", "0.1,200", "1..2..3", "nan", "0..inf", True])
def test_anything_else_is_refused(given: float | str) -> None:
    with pytest.raises(SettingError, match=re.escape("a ramp 0.4..1.1 or a cycle 1,0.5,0.2")):
        TemperatureSchedule.parse(given)
