import re

import pytest

from textgen.errors import SettingError, UsageError
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


def test_what_contradicts_trained_weights_is_refused_by_its_option() -> None:
    network = Request(cell="gru", num_layers=3).model_settings(66, 40, 0.2)
    same = Request(cell="gru", hidden_size=40, dropout_rate=0.5).continuing(network, "old")
    assert same.model_settings(70, 1, 0.1).cell == "gru"
    assert same.model_settings(70, 1, 0.1).num_layers == 3
    assert same.model_settings(70, 1, 0.1).vocab_size == 70
    assert same.model_settings(70, 1, 0.1).dropout_rate == 0.5
    for asked, message in (
        ({"cell": "lstm"}, "--cell lstm contradicts --from: the network of 'old' has cell gru"),
        ({"num_layers": 2}, "--num-layers 2 .* has num-layers 3"),
        ({"embedding_size": 39}, "--embedding-size 39 .* leave --embedding-size out"),
    ):
        with pytest.raises(UsageError, match=message):
            Request(**asked).continuing(network, "old")


def test_only_trained_weights_allow_a_plan_without_steps() -> None:
    assert Request(steps=0, has_weights=True).steps == 0
    with pytest.raises(SettingError, match="steps must be a whole number of at least 1, got 0"):
        Request(steps=0)
    with pytest.raises(SettingError, match="at least 0, got -1"):
        Request(steps=-1, has_weights=True)
