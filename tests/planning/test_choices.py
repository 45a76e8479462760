from typing import Any

import pytest

from textgen.network.parameters import multiplications_per_character, operations_per_character
from textgen.planning.choices import (
    CHARACTERS_PER_WEIGHT,
    CONTINUED_DROPOUT,
    DROPOUT_RATES,
    WIDTHS,
    BatchShape,
    Choice,
    TextSize,
    choose_batch,
    choose_dropout,
    choose_learning_rate,
    choose_projection,
    choose_reset_rate,
    choose_width,
    continued_rate,
    dropout_rate,
    expected_epochs,
    format_minutes,
    peak_learning_rate,
    text_warning,
)
from textgen.planning.request import Request
from textgen.settings import ModelSettings

NETWORK = ModelSettings(
    vocab_size=66,
    embedding_size=40,
    hidden_size=40,
    num_layers=3,
    dropout_rate=0.2,
    cell="gru",
    projected="all",
)
LONG = 10**9  # characters: a text that is read less than once


@pytest.mark.parametrize("characters", [50, 90, 180, 1000, 30_000, 1_000_000])
@pytest.mark.parametrize("devices", [None, 1, 2, 3])
def test_a_batch_fits_the_text_however_short(characters: int, devices: int | None) -> None:
    batch, length = choose_batch(Request(devices=devices), characters).value
    assert 1 <= length <= 64
    assert 2 * length < characters
    assert batch % (devices or 1) == 0
    assert batch <= max((characters - 1) // length, devices or 1)


def test_a_batch_that_was_asked_for_is_kept_where_the_text_is_long_enough() -> None:
    asked = Request(batch_size=10, sequence_length=200)
    assert choose_batch(asked, 100_000) == Choice((10, 200))
    assert choose_batch(Request(batch_size=5, devices=1), 100_000).value == (5, 64)


def test_a_batch_has_the_reason_that_decided_it() -> None:
    usual = "batches of 32 x 64: many small steps reach a lower loss than few large ones"
    assert choose_batch(Request(), 1_000_000).reason == usual
    assert "many small steps" in choose_batch(Request(devices=3), 1_000_000).reason
    short = "batches of 15 x 64: the largest that the short text allows"
    assert choose_batch(Request(), 1_000).reason == short
    # Also where a larger one was asked for.
    asked = Request(batch_size=20, sequence_length=64)
    assert choose_batch(asked, 1_000).reason == short


def width(seconds: float, **asked: Any) -> int:
    """Choose a width at 150e9 operations a second, about two cores."""
    text = TextSize(vocab_size=66, training_characters=1_000_000)
    return choose_width(Request(**asked), text, 150e9 * seconds).value


def test_more_time_gives_a_wider_network_that_still_trains_on_enough() -> None:
    times = (1, 10, 60, 300, 1200, 10_000)
    widths = [width(seconds) for seconds in times]
    assert widths == sorted(set(widths))
    for seconds, units in zip(times[1:-1], widths[1:-1], strict=True):
        model = Request().model_settings(66, units, 0.0)
        characters = 150e9 * seconds / operations_per_character(model)
        weights = multiplications_per_character(model)
        assert CHARACTERS_PER_WEIGHT <= characters / weights < 6 * CHARACTERS_PER_WEIGHT
    assert width(0) == min(WIDTHS)
    assert width(1e9) == max(WIDTHS)


def test_a_width_that_was_asked_for_is_not_chosen_and_more_layers_leave_less_room() -> None:
    assert width(300, hidden_size=77) == 77
    assert width(300, num_layers=4) < width(300)


def test_the_reset_rate_grows_with_the_number_of_epochs() -> None:
    choices = [choose_reset_rate(epochs) for epochs in (0, 0.5, 9, 12, 15, 24, 1e9)]
    assert [choice.value for choice in choices] == [0.02, 0.02, 0.02, 0.1, 0.17, 0.3, 0.3]
    assert [bool(choice.reason) for choice in choices] == [False] * 3 + [True] * 4


def test_more_epochs_and_a_shorter_text_need_more_dropout() -> None:
    def rate(epochs: float, characters: int = 1_000_000) -> float:
        return dropout_rate(epochs, 800_000, characters, "adamw")

    rates = [rate(epochs) for epochs in (0.5, 3, 12, 30, 1e9)]
    assert rates == sorted(rates)
    assert rates[0] == rate(0) == DROPOUT_RATES[0]
    assert rates[-1] == DROPOUT_RATES[1]
    assert rate(12, 10_000) > rates[2]
    muon = [dropout_rate(epochs, 800_000, 1_000_000, "muon") for epochs in (0.5, 12, 1e9)]
    assert muon[1] == pytest.approx(1.15 * rates[2], abs=0.01)
    assert muon[::2] == [DROPOUT_RATES[0], pytest.approx(1.15 * DROPOUT_RATES[1], abs=0.006)]


def test_an_epoch_of_a_short_text_counts_for_more_with_muon() -> None:
    # Of 25,000 characters 12 epochs are the most with Muon, as 24 are of 200,000 or with AdamW.
    assert dropout_rate(12, 100_000, 25_000, "muon") == dropout_rate(24, 800_000, 200_000, "muon")
    usual = dropout_rate(24, 100_000, 25_000, "adamw")
    assert dropout_rate(12, 100_000, 25_000, "muon") == pytest.approx(1.15 * usual, abs=0.01)


def test_the_lowest_dropout_rate_is_told_as_such() -> None:
    model = Request().model_settings(66, 192, 0.0)
    low = choose_dropout(Request(), 0.2, model, LONG, "adamw")
    assert low == Choice(0.05, "dropout 0.05: the lowest rate, since few epochs are planned")
    high = choose_dropout(Request(), 21.5, model, 200_000, "adamw")
    estimated = "chosen for 21.5 epochs, an estimate made before training was timed; more epochs"
    assert high.reason.startswith(f"dropout {high.value:g}: {estimated}")
    # The epochs of a given number of steps are known.
    known = choose_dropout(Request(steps=9), 21.5, model, 200_000, "adamw")
    assert known.reason.startswith(f"dropout {known.value:g}: chosen for 21.5 epochs; more epochs")
    assert choose_dropout(Request(dropout_rate=0.0), 21.5, model, 200_000, "adamw") == Choice(0.0)


def test_wider_layers_learn_at_a_lower_rate() -> None:
    widths = (8, 256, 1024)
    assert [peak_learning_rate(width, "adamw") for width in widths] == [0.01, 0.006, 0.003]
    rates = [peak_learning_rate(width, "muon") for width in widths]
    assert rates == [0.04, 0.012, pytest.approx(0.012 / 8**0.5, abs=1e-6)]
    size = TextSize(vocab_size=66, training_characters=1_000)
    assert choose_learning_rate(Request(learning_rate=0.1), size, 256, "muon") == Choice(0.1)
    assert choose_learning_rate(Request(), size, 256, "adamw").value == 0.006
    assert choose_learning_rate(Request(), size, 256, "muon").value == 0.012


def test_a_short_text_comes_with_a_warning() -> None:
    def warning(characters: int, request: Request) -> str:
        return text_warning(request, TextSize(vocab_size=66, training_characters=characters))

    assert warning(1_000, Request()).startswith("the training text is short (1,000 characters): ")
    assert warning(20_000, Request()) == ""
    rows = TextSize(vocab_size=66, training_characters=20_100, own_characters=19_900)
    assert "(19,900 characters)" in text_warning(Request(), rows)
    assert warning(1_000, Request().continuing(NETWORK, "r")) == ""


def test_trained_weights_keep_their_network() -> None:
    request = Request(minutes=1).continuing(NETWORK, "r")
    for text in (1_000, LONG):
        size = TextSize(vocab_size=99, training_characters=text)
        assert choose_width(request, size, 1e15) == Choice(40, "3x40: as in the old run")


def test_trained_weights_learn_at_a_lower_rate_from_a_short_text() -> None:
    # The rate grows with the logarithm of the length: 63,246 is halfway from 20,000 to 200,000.
    lengths = (1, 20_000, 63_246, 200_000, LONG)
    assert [continued_rate(length) for length in lengths] == [0.5, 0.5, 0.75, 1, 1]
    request = Request().continuing(NETWORK, "r")
    short, long = (TextSize(vocab_size=66, training_characters=n) for n in (20_000, LONG))
    half = choose_learning_rate(request, short, 256, "adamw")
    assert half.value == 0.003
    assert half.reason.startswith("learning rate 0.003: 0.5 times the peak for layers of 256 units")
    usual = choose_learning_rate(Request(), long, 256, "adamw")
    assert choose_learning_rate(request, long, 256, "adamw") == usual
    asked = Request(learning_rate=0.1, has_weights=True).continuing(NETWORK, "r")
    assert choose_learning_rate(asked, short, 40, "adamw") == Choice(0.1)


def test_trained_weights_need_less_dropout() -> None:
    request = Request(steps=9).continuing(NETWORK, "r")
    usual = choose_dropout(Request(steps=9), 21.5, NETWORK, 20_000, "adamw").value
    less = choose_dropout(request, 21.5, NETWORK, 20_000, "adamw")
    assert less.value == round(CONTINUED_DROPOUT * usual, 2) > DROPOUT_RATES[0]
    assert "times the usual rate, since the weights are trained" in less.reason
    assert choose_dropout(request, 3.0, NETWORK, 200_000, "adamw").value == DROPOUT_RATES[0]


def test_epochs_are_those_of_the_new_text() -> None:
    size = TextSize(vocab_size=66, training_characters=12_800)
    batch = BatchShape(10, 32)
    half = Request(steps=80, forget_less=0.5, has_weights=True)
    assert expected_epochs(Request(steps=80), size, NETWORK, batch, "muon", 0.0) == 2
    assert expected_epochs(half, size, NETWORK, batch, "muon", 0.0) == 1


def test_minutes_are_written_in_words() -> None:
    written = [format_minutes(seconds) for seconds in (60, 12, 300)]
    assert written == ["1 minute", "0.2 minutes", "5 minutes"]


def test_a_large_alphabet_has_a_projection_of_low_rank() -> None:
    small, large = (Request().model_settings(size, 256, 0.0) for size in (2000, 6000))
    assert (small.projected, small.projection_rank) == ("all", 0)
    assert choose_projection(Request(), small) == Choice(0)
    assert (large.projected, large.projection_rank) == ("last", 64)
    chosen = choose_projection(Request(), large)
    assert chosen.value == 64
    assert chosen.reason.startswith("projection of rank 64: an alphabet of 5,999 characters")
    # A rank that is not below the width would save nothing.
    assert Request().model_settings(6000, 64, 0.0).projection_rank == 0


@pytest.mark.parametrize(("rank", "projected"), [(0, "all"), (32, "last")])
def test_the_rank_that_was_asked_for_is_taken(rank: int, projected: str) -> None:
    asked = Request(projection_rank=rank)
    model = asked.model_settings(6000, 256, 0.0)
    assert (model.projection_rank, model.projected) == (rank, projected)
    assert choose_projection(asked, model) == Choice(rank)
    assert Request(projection_rank=32).model_settings(66, 256, 0.0).projection_rank == 32
