import re
from typing import Any

import pytest

from textgen.errors import SettingError
from textgen.network.parameters import multiplications_per_character, operations_per_character
from textgen.settings import ModelSettings, TrainingSettings
from textgen.training.plan import (
    CHARACTERS_PER_WEIGHT,
    DROPOUT_RATES,
    MAX_PASSES,
    WIDTHS,
    Pace,
    Request,
    batch_shape,
    choose_dropout,
    choose_learning_rate,
    choose_model,
    choose_reset_rate,
    explain,
    finish_plan,
    first_draft,
)

PACE = Pace(seconds_per_step=0.05, seconds_per_evaluation=0.5, seconds_to_start=4.0)


LONG = 10**9  # characters: a text that is read less than once


def finish(request: Request, characters: int = LONG, first_step: int = 0) -> TrainingSettings:
    draft = first_draft(request, 32, 64, 2, 256)
    return finish_plan(draft, request, PACE, characters, first_step)


def test_steps_fill_the_minutes_and_no_more() -> None:
    plan = finish(Request(minutes=10))
    evaluations = plan.steps / plan.eval_every
    seconds = 4.0 + plan.steps * 0.05 + evaluations * 0.5
    assert 0.90 * 600 < seconds <= 600
    assert plan.steps % plan.eval_every == 0
    assert plan.checkpoint_every % plan.eval_every == 0
    assert 15 <= evaluations <= 25


def test_a_given_number_of_steps_is_kept_and_intervals_follow_the_pace() -> None:
    plan = finish(Request(steps=1003))
    assert plan.steps == 1003
    assert plan.eval_every == 66  # a fifteenth
    assert finish(Request(steps=203)).eval_every == 40  # 2 seconds at least
    # Or nearly so, since intervals are alike; a checkpoint goes with each of them all the same.
    short = finish(Request(steps=144))
    assert short.eval_every == short.checkpoint_every == 36


def test_a_text_is_not_read_more_often_than_is_of_use() -> None:
    plan = finish(Request(minutes=10), characters=100_000)
    passes = plan.steps * plan.characters_per_step / 100_000
    assert 0.95 * MAX_PASSES < passes <= MAX_PASSES + 0.05
    assert finish(Request(minutes=10), characters=500).steps == pytest.approx(200, abs=40)
    assert finish(Request(steps=5000), characters=500).steps == 5000


def test_patience_goes_with_minutes_and_is_asked_for_with_steps() -> None:
    assert finish(Request(minutes=10)).patience > 0
    assert finish(Request(minutes=10, patience=0)).patience == 0
    assert finish(Request(steps=100)).patience == 0
    assert finish(Request(steps=100, patience=3)).patience == 3


def test_given_intervals_are_kept() -> None:
    plan = finish(Request(steps=50, eval_every=7, checkpoint_every=3))
    assert (plan.eval_every, plan.checkpoint_every) == (7, 3)


def test_a_given_interval_longer_than_the_time_leaves_the_steps_alone() -> None:
    plan = finish(Request(minutes=1, eval_every=10**6))
    assert 0.9 * 60 / 0.05 - 80 < plan.steps < 60 / 0.05


def test_the_last_evaluation_of_a_further_plan_keeps_the_interval() -> None:
    plan = finish(Request(minutes=5), first_step=3211)
    assert plan.last_step % plan.eval_every == 0


def test_a_time_too_short_for_a_step_still_makes_one() -> None:
    plan = finish(Request(minutes=0.01))
    assert plan.steps == 1


def test_further_plans_start_where_the_run_stands() -> None:
    plan = finish(Request(steps=10), first_step=70)
    assert (plan.first_step, plan.last_step) == (70, 80)


@pytest.mark.parametrize("characters", [50, 90, 180, 1000, 30_000, 1_000_000])
@pytest.mark.parametrize("devices", [None, 1, 2, 3])
def test_a_batch_fits_the_text_however_short(characters: int, devices: int | None) -> None:
    batch, length = batch_shape(Request(devices=devices), characters)
    assert 1 <= length <= 64
    assert 2 * length < characters
    assert batch % (devices or 1) == 0
    assert batch <= max((characters - 1) // length, devices or 1)


def test_sizes_asked_for_are_given_where_the_text_is_long_enough() -> None:
    assert batch_shape(Request(batch_size=10, sequence_length=200), 100_000) == (10, 200)
    model = Request(hidden_size=77, num_layers=3, embedding_size=5).model_settings(66)
    assert (model.hidden_size, model.num_layers, model.embedding_size) == (77, 3, 5)


def test_a_batch_asked_for_that_devices_cannot_share_is_not_changed() -> None:
    assert batch_shape(Request(batch_size=5, devices=1), 100_000) == (5, 64)
    with pytest.raises(SettingError, match="batch_size must be a multiple of the 2 devices, got 5"):
        Request(batch_size=5, devices=2)
    with pytest.raises(SettingError, match="got -1"):
        Request(batch_size=-1, devices=2)


def choose(seconds: float, characters: int = 1_000_000, **asked: Any) -> ModelSettings:
    """What is chosen at 150e9 operations a second, about two cores."""
    return choose_model(Request(**asked), 66, characters, 32 * 64, 150e9 * seconds)


def test_more_time_gives_a_wider_network_that_still_reads_enough() -> None:
    times = (1, 10, 60, 300, 1200, 10_000)
    models = [choose(seconds) for seconds in times]
    widths = [model.hidden_size for model in models]
    assert widths == sorted(widths)
    assert len(set(widths)) == len(widths)
    for seconds, model in zip(times[1:-1], models[1:-1], strict=True):
        characters = 150e9 * seconds / operations_per_character(model)
        weights = multiplications_per_character(model)
        assert CHARACTERS_PER_WEIGHT <= characters / weights < 6 * CHARACTERS_PER_WEIGHT
    assert choose(0).hidden_size == min(WIDTHS)
    assert choose(1e9).hidden_size == max(WIDTHS)


def test_what_is_asked_for_is_not_chosen() -> None:
    model = choose(300, 1000, hidden_size=77, num_layers=3, dropout_rate=0.0)
    assert (model.hidden_size, model.num_layers, model.dropout_rate) == (77, 3, 0.0)
    # Four layers leave room for narrower ones only.
    assert choose(300, num_layers=4).hidden_size < choose(300).hidden_size


def test_resets_grow_with_how_often_a_text_is_read() -> None:
    rates = [choose_reset_rate(passes) for passes in (0, 0.5, 9, 12, 15, 24, 1e9)]
    assert rates == [0.02, 0.02, 0.02, 0.1, 0.17, 0.3, 0.3]


def test_resets_are_told_where_a_text_is_read_often() -> None:
    request = Request(steps=3000)
    model = request.model_settings(60)
    told = [
        "\n".join(explain(request, model, finish(request, characters), characters))
        for characters in (LONG, 200_000)
    ]
    assert "resets" not in told[0]
    assert "resets 0.3: this share" in told[1]


def test_resets_count_the_passes_of_plans_before() -> None:
    request = Request(steps=1000)
    once, further = finish(request, 200_000), finish(request, 200_000, first_step=1000)
    assert once.reset_rate == choose_reset_rate(1000 * 32 * 64 / 200_000) > 0.02
    assert further.reset_rate == choose_reset_rate(2000 * 32 * 64 / 200_000) > once.reset_rate


def test_dropout_follows_the_steps_that_are_asked_for() -> None:
    few, many = (choose(300, 100_000, steps=n, hidden_size=64) for n in (100, 10_000))
    assert few.dropout_rate == DROPOUT_RATES[0]
    assert many.dropout_rate > 0.3


def test_the_least_dropout_is_told_as_such() -> None:
    request = Request(steps=100)
    told = [
        "\n".join(explain(request, choose(300, n, steps=100), finish(request, n), n))
        for n in (LONG, 20_000)
    ]
    assert "dropout 0.05: the least, since the text is read 0.0 times" in told[0]
    assert "the least" not in told[1]


def test_text_read_more_often_is_dropped_more_and_short_text_too() -> None:
    rates = [choose_dropout(passes, 800_000, 1_000_000) for passes in (0.5, 3, 12, 30, 1e9)]
    assert rates == sorted(rates)
    assert rates[0] == choose_dropout(0, 800_000, 1_000_000) == DROPOUT_RATES[0]
    assert rates[-1] == DROPOUT_RATES[1]
    assert choose_dropout(12, 800_000, 10_000) > rates[2]


def test_every_choice_is_explained_and_nothing_that_was_asked_for() -> None:
    def lines(request: Request, characters: int = 1_000_000) -> str:
        draft = first_draft(request, *batch_shape(request, characters), 1, 256)
        plan = finish_plan(draft, request, PACE, characters)
        asked = {name: getattr(request, name) for name in request.given}
        model = choose(300, characters, **asked)
        return "\n".join(explain(request, model, plan, characters))

    own = lines(Request(minutes=5))
    for word in ("2x256", "batches of 32 x 64", "dropout", "learning rate 0.006", "steps"):
        assert word in own
    assert "what fits into 5 min" in own
    assert "by heart" not in own
    assert "the text 24 times, which is enough" in lines(Request(minutes=60), 200_000)
    # Though it is trimmed to whole intervals.
    assert "1,020 steps: the text 24 times" in lines(Request(minutes=5), 88_164)
    assert "many small steps" in lines(Request(minutes=5, devices=3))
    tiny = lines(Request(minutes=5), 1_000)
    assert "batches of 15 x 64: as large as the short text allows" in tiny
    assert "1,000 characters are few" in tiny
    assert "200 steps: about 200, as for any short text" in tiny
    asked = Request(
        steps=9, hidden_size=8, batch_size=4, sequence_length=9, dropout_rate=0.1, learning_rate=0.1
    )
    assert lines(asked) == ""


def test_wider_layers_learn_at_a_lower_rate() -> None:
    assert choose_learning_rate(256) == 0.006
    assert choose_learning_rate(1024) == 0.003
    assert choose_learning_rate(8) == 0.01


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
