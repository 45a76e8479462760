import re

import pytest

from textgen.errors import SettingError
from textgen.planning.request import Request


def test_sizes_asked_for_go_before_those_chosen() -> None:
    model = Request(hidden_size=77, num_layers=3, embedding_size=5).model_settings(66, 128, 0.2)
    assert (model.hidden_size, model.num_layers, model.embedding_size) == (77, 3, 5)
    model = Request(cell="gru").model_settings(66, 128, 0.2)
    assert (model.hidden_size, model.embedding_size, model.dropout_rate) == (128, 128, 0.2)
    assert (model.cell, model.projected) == ("gru", "all")


def test_what_is_not_given_is_not_asked_for() -> None:
    assert Request(minutes=2, seed=0, cell=None).asked == {"seed": 0}
    assert Request(minutes=2).seconds == 120
    assert Request(steps=9).seconds == 300


def test_a_batch_that_the_devices_cannot_share_is_refused() -> None:
    with pytest.raises(SettingError, match="batch_size must be a multiple of the 2 devices, got 5"):
        Request(batch_size=5, devices=2)
    with pytest.raises(SettingError, match="got -1"):
        Request(batch_size=-1, devices=2)


def test_a_name_that_is_no_setting_of_training_is_a_mistake_of_the_code() -> None:
    with pytest.raises(TypeError, match="unknown settings: weight_decay, width"):
        Request(width=3, weight_decay=0.1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("minutes", 0),
        ("minutes", float("nan")),
        ("minutes", 1e308),
        ("steps", 10**10),
        ("steps", 0),
        ("hidden_size", 0),
        ("num_layers", -1),
        ("embedding_size", 0),
        ("sequence_length", 0),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("dropout_rate", 1.0),
        ("seed", -1),
        ("devices", 0),
        ("eval_every", 0),
        ("checkpoint_every", 0),
        ("patience", -1),
    ],
)
def test_a_request_out_of_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(
        SettingError, match=rf"{name} must be .*, got {re.escape(str(value))}"
    ) as caught:
        Request(**{name: value})  # type: ignore[arg-type]
    assert caught.value.value is value
