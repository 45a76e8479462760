import json
from pathlib import Path

import numpy as np
import pytest

from tests.networks import random_model
from textgen.errors import SettingError, UnknownCharacterError, UsageError
from textgen.workflows.inspect import (
    inspect_text,
    inspect_with_each,
    parse_show,
    parse_units,
)
from textgen.workflows.load import load_model


def test_a_list_of_units_is_read() -> None:
    assert parse_units("0-7, 12") == [range(8), range(12, 13)]
    assert parse_units("3") == [range(3, 4)]
    for text in ("", "a", "3-1", "1,,2", "-1", "1-", "1.5", "\u0663", "9" * 12):
        with pytest.raises(SettingError, match="units must be unit numbers and ranges"):
            parse_units(text)


def test_quantities_are_named_in_any_order_and_shown_in_their_own() -> None:
    assert parse_show("hidden,forget") == ["forget", "hidden"]
    with pytest.raises(SettingError, match=r"show must be some of forget,input,.*, got 'froget'"):
        parse_show("froget")


def test_the_last_layer_its_liveliest_units_and_all_gates_and_states_are_shown() -> None:
    found = inspect_text(random_model(hidden=20), "fade")
    assert (found.watched.layer, len(found.units), found.is_chosen) == (2, 12, True)
    assert found.units == found.watched.liveliest()
    assert found.names == ["forget", "input", "cell", "output", "hidden", "surprise"]
    assert found.title == "made-up, step 12: LSTM 2x20, layer 2 of 2"
    assert inspect_text(random_model("gru"), "fade").names == [
        "reset",
        "update",
        "hidden",
        "surprise",
    ]
    assert inspect_text(random_model("rnn"), "fade").names == ["hidden", "surprise"]
    named = inspect_text(random_model(), "fade", units=parse_units("4,0-1,1"), layer=1)
    assert (named.units, named.watched.layer, named.is_chosen) == ([4, 0, 1], 1, False)


def test_json_holds_all_numbers() -> None:
    found = inspect_text(
        random_model(), "fa\nde", units=[range(3, 5)], names=["forget", "candidate"]
    )
    content = json.loads(json.dumps(found.to_json()))
    watched = found.watched
    for name in ("forget", "candidate"):
        expected = watched.quantities[name][:, [3, 4]].T
        np.testing.assert_allclose(content["quantities"].pop(name), expected, atol=5.1e-5)
    np.testing.assert_allclose(content["kept"].pop("forget"), watched.kept("forget"), atol=5.1e-5)
    assert content.pop("quantities") == content.pop("kept") == {}
    np.testing.assert_allclose(content.pop("bits"), watched.bits, atol=5.1e-5)
    guesses = content.pop("guesses")
    assert [len(column) for column in guesses] == [5] * 6
    assert guesses[1][0] == [
        watched.guesses[1][0].character,
        round(watched.guesses[1][0].probability, 4),
    ]
    assert content == {
        "run": "made-up",
        "step": 12,
        "sha256": "0" * 64,
        "cell": "lstm",
        "num_layers": 2,
        "hidden_size": 5,
        "layer": 2,
        "units": [3, 4],
        "text": "fa\nde",
    }


def test_what_there_is_not_is_named() -> None:
    with pytest.raises(UsageError, match="unit 5 does not exist; layer 1 has units 0 to 4"):
        inspect_text(random_model(), "fade", units=parse_units("3-900000000"), layer=1)
    with pytest.raises(UsageError, match="unit 900 does not exist; layer 2 has units 0 to 4"):
        inspect_text(random_model(), "fade", units=parse_units("1,900"))
    for layer in (0, 3):
        with pytest.raises(SettingError, match=rf"layer must be .* in \[1, 2\], got {layer}"):
            inspect_text(random_model(), "fade", layer=layer)
    with pytest.raises(UsageError, match="a GRU has no forget gate; it has reset, update, cand"):
        inspect_text(random_model("gru"), "fade", names=["forget"])
    with pytest.raises(UsageError, match="an LSTM has no update gate"):
        inspect_text(random_model(), "fade", names=["update"])
    with pytest.raises(UsageError, match="the text is empty"):
        inspect_text(random_model(), "")
    with pytest.raises(UnknownCharacterError, match="'X'"):
        inspect_text(random_model(), "faXde")
    with pytest.raises(UsageError, match="the model knows no character of the text"):
        inspect_text(random_model(), "XX", on_unknown="skip")
    with pytest.raises(SettingError, match=r"in \[1, 10000\], got 10001"):
        inspect_text(random_model(), "a" * 10_001)
    assert inspect_text(random_model(), "fXa", on_unknown="replace").watched.text == "f\ufffda"
    assert inspect_text(random_model(), "fXa", on_unknown="skip").watched.text == "fa"


def test_several_models_read_the_same_text_or_are_refused() -> None:
    models = [random_model(), random_model("gru", "\n abcdefT\u00e9")]
    first, second = inspect_with_each(models, "fade")
    assert (first.watched.text, second.watched.text) == ("fade", "fade")
    assert (first.names, second.names) != ([], first.names)
    told = r"^the run 'made-up' does not know the character 'X' .* at position 3"
    with pytest.raises(UnknownCharacterError, match=told):
        inspect_with_each(models, "faXe")
    with pytest.raises(UsageError, match=r"different lengths \(3, 2\), .* --on-unknown replace"):
        inspect_with_each(models, "f\u4e2da", on_unknown="skip")
    texts = [one.watched.text for one in inspect_with_each(models, "f\u4e2d", on_unknown="replace")]
    assert texts == ["f\u4e2d", "f\ufffd"]


def test_a_run_of_both_directions_is_inspected_in_each(two_way_run: Path) -> None:
    model = load_model("two-ways")
    forward, backward = inspect_with_each([model], "quick")
    assert [one.watched.direction for one in (forward, backward)] == ["forward", "backward"]
    assert forward.title.endswith("layer 1 of 1, reading forward")
    assert backward.title.endswith("layer 1 of 1, reading backward")
    # Both directions have one surprise together.
    assert forward.names == [*backward.names, "surprise"]
    assert (forward.to_json()["reading"], backward.to_json()["reading"]) == ("forward", "backward")
    assert len(inspect_with_each([model], "quick", names=["surprise"])) == 1
    assert "reading" not in inspect_with_each([random_model()], "fade")[0].to_json()
