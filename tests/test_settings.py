import dataclasses
import json
import re

import pytest

from textgen.errors import SettingError, TextgenError
from textgen.settings import ModelSettings, SamplingSettings, TrainingSettings, check_number

MODEL = ModelSettings(
    vocab_size=66, embedding_size=32, hidden_size=64, num_layers=2, dropout_rate=0.1
)
PLAN = TrainingSettings(
    first_step=7,
    steps=100,
    batch_size=8,
    sequence_length=10,
    learning_rate=0.0123,
    warmup_steps=3,
    seed=2**62,
    devices=2,
    eval_every=5,
    checkpoint_every=6,
)


@pytest.mark.parametrize(
    "settings",
    [MODEL, PLAN, SamplingSettings(top_k=3, min_p=0.25, stop=("a",), temperature="0.4..1.1")],
)
def test_settings_come_back_from_json(settings: ModelSettings) -> None:
    values = json.loads(json.dumps(settings.to_json()))
    assert type(settings).from_json(values) == settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": "64"}, "hidden_size must be a whole number .*, got '64'"),
        ({"hidden_size": True}, "hidden_size"),
        ({"dropout_rate": float("nan")}, "dropout_rate"),
        ({"projected": "first"}, "projected must be last or all, got 'first'"),
        ({"surprise": 1}, "surprise must be left out"),
    ],
)
def test_json_that_is_wrong_is_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        ModelSettings.from_json(MODEL.to_json() | changes)


def test_a_missing_setting_is_named() -> None:
    values = MODEL.to_json()
    del values["num_layers"]
    with pytest.raises(SettingError, match="num_layers must be present"):
        ModelSettings.from_json(values)


def test_a_setting_that_came_later_is_what_was_done_before() -> None:
    values = dataclasses.replace(PLAN, reset_rate=0.3).to_json()
    del values["reset_rate"]
    assert TrainingSettings.from_json(values) == dataclasses.replace(PLAN, reset_rate=0.0)
    values = dataclasses.replace(MODEL, projected="all").to_json()
    del values["projected"]
    assert ModelSettings.from_json(values) == dataclasses.replace(MODEL, projected="last")


@pytest.mark.parametrize("value", [10**400, 2**63])
def test_a_number_however_large_is_refused_and_not_computed_with(value: int) -> None:
    with pytest.raises(SettingError, match="seed"):
        dataclasses.replace(PLAN, seed=value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"forbid": 5}, "forbid must be text, got 5"),
        ({"only": ["a"]}, "only must be text"),
        ({"stop": "end"}, "stop must be texts, got 'end'"),
        ({"words": [1]}, "words must be texts"),
        ({"top_k": 10**30}, "top_k must be"),
        ({"lines": 10**30}, "lines must be"),
        ({"repetition_penalty": 1e-40}, "repetition_penalty must be"),
        ({"starts": ["a\nb"]}, "starts must be without a newline"),
        (
            {"starts": ["a" * 60_000, "b" * 5537]},
            "starts must be texts of at most 65,536 characters together, got 65537 characters",
        ),
        ({"stop": ["a" * 65_537]}, "stop must be texts of at most 65,536 characters together"),
        ({"temperature": None}, "temperature must be"),
        ({"temperature": True}, "temperature must be"),
        ({"temperature": "1,,2"}, "temperature must be"),
        ({"temperature": "0.1,200"}, "temperature must be"),
        ({"temperature": "0..nan"}, "temperature must be"),
    ],
)
def test_sampling_settings_of_the_wrong_kind_are_refused_by_name(
    values: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingError, match=re.escape(message)):
        SamplingSettings.from_json(values)


def test_controls_are_counted_where_they_are_on() -> None:
    controls = {
        "top_k": 3,
        "typical_p": 0.9,
        "top_p": 0.9,
        "min_p": 0.1,
        "repetition_penalty": 1.1,
        "words": ["a"],
        "starts": ["a"],
        "max_copy": 5,
    }
    others = {"temperature": 0.5, "repetition_window": 9, "forbid": "a", "stop": ["a"], "lines": 2}
    for name, value in controls.items():
        assert SamplingSettings(**{name: value}).num_controls == 1, name  # type: ignore[arg-type]
    assert SamplingSettings(**others).num_controls == 0  # type: ignore[arg-type]
    assert SamplingSettings(**controls, **others).num_controls == 8  # type: ignore[arg-type]


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        MODEL.hidden_size = 3  # type: ignore[misc]


def test_a_batch_that_devices_cannot_share_is_refused() -> None:
    with pytest.raises(SettingError, match="batch_size must be a multiple of the 2 devices, got 9"):
        dataclasses.replace(PLAN, batch_size=9)


def test_the_ends_of_an_interval_belong_to_it_or_do_not() -> None:
    check_number("x", 0, 0, 1)
    check_number("x", 1, 0, 1)
    for value, options in ((0, {"open_low": True}), (1, {"open_high": True})):
        with pytest.raises(SettingError):
            check_number("x", value, 0, 1, **options)


def test_an_error_carries_its_data() -> None:
    with pytest.raises(TextgenError) as caught:
        SamplingSettings(top_p=1.5)
    assert isinstance(caught.value, SettingError)
    assert (caught.value.name, caught.value.value) == ("top_p", 1.5)
    assert str(caught.value) == "top_p must be a number in (0, 1], got 1.5"


@pytest.mark.parametrize(("share", "rows"), [(0.0, 0), (0.01, 1), (0.3, 2), (0.99, 7)])
def test_a_share_of_an_old_text_leaves_rows_to_both_texts(share: float, rows: int) -> None:
    plan = dataclasses.replace(PLAN, forget_less=share)
    assert plan.old_rows == rows
    assert plan.new_characters_per_step == (8 - rows) * 10
    assert ("forget_less" in plan.to_json()) == (share > 0)
    assert TrainingSettings.from_json(plan.to_json()) == plan


def test_a_batch_of_one_sequence_cannot_read_two_texts() -> None:
    with pytest.raises(SettingError, match="forget_less must be 0 if a batch has one sequence"):
        dataclasses.replace(PLAN, batch_size=1, devices=1, forget_less=0.5)
