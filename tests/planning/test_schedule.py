from dataclasses import replace
from typing import Any

import pytest

from textgen.errors import UsageError
from textgen.planning.choices import MAX_EPOCHS, Choice, most_epochs
from textgen.planning.machine import Pace
from textgen.planning.request import Request
from textgen.planning.schedule import (
    FEW_STEPS,
    FEWEST_STEPS,
    MIN_STEPS,
    Schedule,
    choose_patience,
    choose_schedule,
    expected_seconds,
    round_minutes,
    teaches_little,
)
from textgen.settings import PATIENCE, TrainingSettings

PACE = Pace(seconds_per_step=0.05, seconds_per_evaluation=0.2, seconds_to_start=4.0)
LONG = 10**9  # characters: a text that is read less than once
DRAFT = TrainingSettings(
    steps=1,
    batch_size=32,
    sequence_length=64,
    learning_rate=0.006,
    warmup_steps=0,
    devices=2,
    eval_every=1,
    checkpoint_every=1,
)


def schedule(request: Request, characters: int = LONG, first_step: int = 0) -> Schedule:
    return choose_schedule(DRAFT, request, PACE, characters, first_step).value


def test_steps_fill_the_minutes_and_no_more() -> None:
    steps, eval_every, checkpoint_every = schedule(Request(minutes=10))
    evaluations = steps / eval_every
    seconds = 4.0 + steps * 0.05 + evaluations * 0.2
    assert 0.90 * 600 < seconds <= 600
    assert steps % eval_every == 0
    assert checkpoint_every % eval_every == 0
    assert 15 <= evaluations <= 25


def test_a_given_number_of_steps_is_kept_and_intervals_follow_the_pace() -> None:
    plan = schedule(Request(steps=1003))
    assert plan.steps == 1003
    assert plan.eval_every == 66  # a fifteenth
    assert schedule(Request(steps=203)).eval_every == 40  # 2 seconds at least
    # Or nearly so, since intervals are alike; a checkpoint goes with each of them all the same.
    short = schedule(Request(steps=144))
    assert short.eval_every == short.checkpoint_every == 36


def test_a_text_is_not_trained_on_for_more_epochs_than_are_of_use() -> None:
    epochs = schedule(Request(minutes=10), characters=100_000).steps * 32 * 64 / 100_000
    assert 0.95 * MAX_EPOCHS < epochs <= MAX_EPOCHS + 0.05
    assert schedule(Request(minutes=10), characters=500).steps == pytest.approx(200, abs=40)
    assert schedule(Request(steps=5000), characters=500).steps == 5000


@pytest.mark.parametrize(("characters", "epochs"), [(200_000, 24), (27_000, 12.3), (25_000, 12)])
def test_muon_is_given_fewer_epochs_of_a_short_text(characters: int, epochs: float) -> None:
    draft = replace(DRAFT, optimizer="muon")
    chosen = choose_schedule(draft, Request(minutes=10), PACE, characters, 0)
    assert chosen.value.steps * 32 * 64 / characters == pytest.approx(epochs, rel=0.02)
    assert f"{epochs:g} epochs; more would only memorise the text" in chosen.reason
    assert most_epochs(10**7, "muon") == most_epochs(1_000, "adamw") == MAX_EPOCHS
    shortest = choose_schedule(draft, Request(minutes=10), PACE, 500, 0)
    assert shortest.value.steps == pytest.approx(50, abs=4)
    assert "the minimum for a short text" in shortest.reason
    plan = replace(draft, steps=shortest.value.steps)
    assert not teaches_little(plan, 500, plan.steps)
    assert teaches_little(plan, LONG, plan.steps)
    assert teaches_little(plan, 500, 30)


@pytest.mark.parametrize("seconds", [0.01, 0.5, 3.0, 40.0])
@pytest.mark.parametrize("asked", [{"minutes": 1}, {"minutes": 30}, {"steps": 9000}])
def test_evaluations_take_at_most_a_tenth_of_the_time(
    seconds: float, asked: dict[str, Any]
) -> None:
    pace = replace(PACE, seconds_per_evaluation=seconds, steps_made=7)
    request = Request(**asked)
    chosen = choose_schedule(DRAFT, request, pace, LONG, 0).value
    plan = replace(DRAFT, steps=chosen.steps, eval_every=chosen.eval_every)
    whole, evaluating = expected_seconds(plan, pace)
    # One evaluation ends every plan.
    assert evaluating <= max(0.11 * whole, seconds)
    if request.steps is None:
        assert 0.93 * request.seconds < 4.0 + whole <= request.seconds


def test_the_time_of_a_plan_counts_the_steps_and_the_evaluations_that_are_left() -> None:
    def left(**changes: Any) -> tuple[float, float]:
        pace = Pace(
            seconds_per_step=1.0, seconds_per_evaluation=10.0, seconds_to_start=0.0, steps_made=3
        )
        return expected_seconds(replace(DRAFT, **changes), pace)

    assert left(steps=20, eval_every=5) == (17 + 40, 40)
    assert left(steps=21, eval_every=5) == (18 + 50, 50)  # one more after the last step
    # After step 29 of the run, those at 30 and 35 are left, and that after the last, 36.
    assert left(first_step=26, steps=10, eval_every=5) == (7 + 30, 30)
    assert left(steps=3, eval_every=5) == (0, 0)


def test_the_steps_that_are_made_end_before_the_first_evaluation() -> None:
    pace = replace(PACE, steps_made=60)
    assert choose_schedule(DRAFT, Request(steps=144), pace, LONG, 0).value.eval_every == 61


def test_given_intervals_are_kept() -> None:
    plan = schedule(Request(steps=50, eval_every=7, checkpoint_every=3))
    assert (plan.eval_every, plan.checkpoint_every) == (7, 3)


def test_a_given_interval_longer_than_the_time_leaves_the_steps_alone() -> None:
    plan = schedule(Request(minutes=1, eval_every=10**6))
    assert 0.9 * 60 / 0.05 - 80 < plan.steps < 60 / 0.05


def test_the_last_evaluation_of_a_further_plan_keeps_the_interval() -> None:
    plan = schedule(Request(minutes=5), first_step=3211)
    assert (3211 + plan.steps) % plan.eval_every == 0


def test_a_further_plan_of_few_intervals_keeps_its_steps() -> None:
    # Whole intervals would leave hardly a step.
    first = schedule(Request(minutes=0.12)).steps
    further = schedule(Request(minutes=0.12), first_step=first - 1)
    assert further.steps == first > 40


def test_a_time_for_hardly_a_step_is_refused_with_the_least_that_makes_sense() -> None:
    with pytest.raises(UsageError) as refused:
        schedule(Request(minutes=0.01))
    assert str(refused.value) == (
        "a time of 0.01 minutes is too short: it takes 4.0 s until the first step, and 0.055 s for "
        "each step; give at least --minutes 0.26, or the number of --steps"
    )
    least = choose_schedule(DRAFT, Request(minutes=0.26), PACE, LONG, 0)
    assert least.value.steps >= MIN_STEPS
    assert least.reason.endswith("steps: as many as fit into 0.26 minutes")


def test_a_time_for_few_steps_says_what_it_went_into() -> None:
    choice = choose_schedule(DRAFT, Request(minutes=0.1), PACE, LONG, 0)
    assert FEWEST_STEPS <= choice.value.steps < FEW_STEPS
    assert choice.reason == (
        "34 steps: as many as fit into 0.1 minutes, of which 4.0 s passed before the first step; "
        "so few steps teach little: give at least --minutes 0.26"
    )


def test_the_number_of_steps_has_the_reason_that_decided_it() -> None:
    def reason(request: Request, characters: int) -> str:
        return choose_schedule(DRAFT, request, PACE, characters, 0).reason

    assert "steps: as many as fit into 5 minutes" in reason(Request(minutes=5), 1_000_000)
    enough = "steps: 24 epochs; more would only memorise the text"
    assert enough in reason(Request(minutes=60), 200_000)
    # Though it is trimmed to whole intervals.
    assert reason(Request(minutes=5), 88_164) == f"1,020 {enough}"
    assert reason(Request(minutes=5), 1_000) == "200 steps: the minimum for a short text"
    # The time ends before the minimum.
    assert "as many as fit" in reason(Request(minutes=0.2), 1_000)
    assert reason(Request(steps=9), 1_000) == ""


def patience(request: Request, every: int = 100, steps: int = 1500) -> Choice[int]:
    return choose_patience(request, Schedule(steps, every, every), PACE.seconds_per_step)


def test_steps_and_minutes_have_the_same_patience_and_say_so() -> None:
    chosen = patience(Request(steps=1500))
    assert chosen == patience(Request(minutes=2))
    assert chosen.value == PATIENCE
    assert chosen.reason == (
        "patience 5: training ends early after 5 evaluations in a row without a lower loss, of 15, "
        "since more steps would only memorise the text; --patience 0 turns this off"
    )
    few = patience(Request(steps=300))
    assert few.value == PATIENCE
    assert patience(Request(steps=600), steps=600).reason.endswith("; this plan has only 6")
    assert "turns this off" in patience(Request(steps=700), steps=700).reason


def test_a_given_patience_is_kept_and_not_explained() -> None:
    assert patience(Request(steps=1500, patience=0)) == Choice(0)
    assert patience(Request(minutes=2, patience=7)) == Choice(7)


def test_evaluations_that_are_closer_together_do_not_end_a_plan_sooner() -> None:
    # Evaluations would be 100 steps apart, and are 10 apart.
    assert patience(Request(steps=1500, eval_every=10), every=10).value == 10 * PATIENCE
    assert patience(Request(steps=1500, eval_every=500), every=500).value == PATIENCE
    # A plan of days is evaluated every two minutes, which are 2400 steps.
    long = patience(Request(steps=10**6, eval_every=1200), every=1200, steps=10**6)
    assert long.value == 2 * PATIENCE


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [(1, "0.017"), (6.1, "0.11"), (18, "0.3"), (60, "1"), (61, "1.1"), (1000, "17"), (9e4, "1500")],
)
def test_minutes_are_rounded_up_to_two_digits(seconds: float, minutes: str) -> None:
    assert round_minutes(seconds) == minutes
