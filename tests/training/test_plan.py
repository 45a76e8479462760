import re

import pytest

from textgen.errors import SettingError
from textgen.training.plan import (
    Pace,
    Request,
    batch_shape,
    choose_dropout,
    choose_learning_rate,
    finish_plan,
    first_draft,
)

PACE = Pace(seconds_per_step=0.05, seconds_per_evaluation=0.5, seconds_to_start=4.0)


def test_steps_fill_the_minutes_and_no_more() -> None:
    request = Request(minutes=10)
    plan = finish_plan(first_draft(request, 32, 64, 2, 256), request, PACE)
    evaluations = plan.steps / plan.eval_every
    seconds = 4.0 + plan.steps * 0.05 + evaluations * 0.5
    assert 0.90 * 600 < seconds <= 600
    assert plan.steps % plan.eval_every == 0
    assert plan.checkpoint_every % plan.eval_every == 0
    assert 15 <= evaluations <= 25


def test_a_given_number_of_steps_is_kept_and_intervals_follow_the_pace() -> None:
    request = Request(steps=1003)
    plan = finish_plan(first_draft(request, 32, 64, 2, 256), request, PACE)
    assert plan.steps == 1003
    assert plan.eval_every == 100  # 5 seconds of 0.05


def test_given_intervals_are_kept() -> None:
    request = Request(steps=50, eval_every=7, checkpoint_every=3)
    plan = finish_plan(first_draft(request, 32, 64, 2, 256), request, PACE)
    assert (plan.eval_every, plan.checkpoint_every) == (7, 3)


def test_a_given_interval_longer_than_the_time_leaves_the_steps_alone() -> None:
    request = Request(minutes=1, eval_every=10**6)
    plan = finish_plan(first_draft(request, 32, 64, 2, 256), request, PACE)
    assert 0.9 * 60 / 0.05 - 80 < plan.steps < 60 / 0.05


def test_the_last_evaluation_of_a_further_plan_keeps_the_interval() -> None:
    request = Request(minutes=5)
    plan = finish_plan(first_draft(request, 32, 64, 2, 256), request, PACE, first_step=3211)
    assert plan.last_step % plan.eval_every == 0


def test_a_time_too_short_for_a_step_still_makes_one() -> None:
    request = Request(minutes=0.01)
    plan = finish_plan(first_draft(request, 32, 64, 2, 256), request, PACE)
    assert plan.steps == 1


def test_further_plans_start_where_the_run_stands() -> None:
    request = Request(steps=10)
    plan = finish_plan(first_draft(request, 32, 64, 2, 256), request, PACE, first_step=70)
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


def test_more_time_gives_a_larger_network() -> None:
    sizes = [Request(minutes=m).model_settings(66) for m in (1, 5, 15, 60)]
    widths = [(size.num_layers, size.hidden_size) for size in sizes]
    assert widths == sorted(widths)
    assert len(set(widths)) == 4


def test_text_read_more_often_is_dropped_more() -> None:
    rates = [choose_dropout(passes) for passes in (0.5, 5, 12, 30, 1000)]
    assert rates == sorted(rates)
    assert rates[0] == 0
    assert rates[-1] < 1


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
    ],
)
def test_a_request_out_of_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(
        SettingError, match=rf"{name} must be .*, got {re.escape(str(value))}"
    ) as caught:
        Request(**{name: value})  # type: ignore[arg-type]
    assert caught.value.value is value
