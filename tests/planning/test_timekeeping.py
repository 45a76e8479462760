"""The end of a plan on a machine whose speed changes, with a clock on paper."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from textgen.errors import SettingError
from textgen.planning.choices import TextSize
from textgen.planning.machine import Pace
from textgen.planning.plan import Plan
from textgen.planning.request import Request
from textgen.planning.timekeeping import Timekeeper, keep_time
from textgen.settings import ModelSettings, TrainingSettings

SECONDS = 120.0
PACE = Pace(seconds_per_step=0.05, seconds_per_evaluation=0.4, seconds_to_start=4.0)
PLAN = TrainingSettings(
    steps=2200,
    batch_size=32,
    sequence_length=64,
    learning_rate=0.006,
    warmup_steps=100,
    eval_every=140,
    checkpoint_every=140,
)


def carried_out(
    speed: Callable[[float], float],
    most: int = 10**6,
    plan: TrainingSettings = PLAN,
    evaluation: float = 0.4,
) -> tuple[float, TrainingSettings]:
    """Carry out a plan in calls of 12 steps, where a step takes `speed` times 0.05 s at a time.

    Returns:
        The time at the end in seconds, and the plan as it was at last.
    """
    now, step = 4.0, 0
    keeper = Timekeeper(SECONDS, most, lambda: now, PACE)
    while step < plan.last_step:
        count = min(12, plan.last_step - step, plan.eval_every - step % plan.eval_every)
        now += count * 0.05 * speed(now)
        step += count
        is_evaluated = step % plan.eval_every == 0 or step == plan.last_step
        now += evaluation * is_evaluated
        plan = keeper.correct(plan, step, is_evaluated=is_evaluated) or plan
    return now, plan


@pytest.mark.parametrize(
    "speed",
    [
        lambda now: 1.0,
        lambda now: 1.3,  # it was measured too fast
        lambda now: 0.6,
        lambda now: 1.0 if now < 60 else 2.0,  # another program begins halfway
        lambda now: 1.0 if now < 100 else 1.5,
        lambda now: 1.5 + math.sin(now / 7),
        lambda now: 3.0 if 20 < now < 40 else 1.0,
    ],
)
def test_a_plan_ends_within_three_hundredths_of_its_time(speed: Callable[[float], float]) -> None:
    end, plan = carried_out(speed)
    assert end == pytest.approx(SECONDS, rel=0.03)
    assert len(plan.corrections) <= 100


def test_evaluations_that_take_longer_than_measured_are_counted() -> None:
    end, plan = carried_out(lambda now: 1.0, evaluation=1.5)
    assert end == pytest.approx(SECONDS, rel=0.02)
    assert plan.steps < PLAN.steps


def test_a_plan_that_keeps_its_time_is_left_alone() -> None:
    even = replace(PLAN, steps=2190)
    _, plan = carried_out(lambda now: 1.0, plan=even)
    assert plan == even


def test_a_plan_of_all_useful_epochs_may_end_early_but_never_gets_more() -> None:
    few = replace(PLAN, steps=1000)
    end, plan = carried_out(lambda now: 1.0, most=1000, plan=few)
    assert plan == few
    assert end < 0.6 * SECONDS
    end, plan = carried_out(lambda now: 3.0, most=1000, plan=few)
    assert end == pytest.approx(SECONDS, rel=0.03)


def test_nothing_is_corrected_while_the_learning_rate_rises_or_twice_at_one_step() -> None:
    now = 4.0
    keeper = Timekeeper(SECONDS, 10**6, lambda: now, PACE)
    assert keeper.correct(PLAN, 0, is_evaluated=False) is None
    now = 50.0
    assert keeper.correct(PLAN, 100, is_evaluated=False) is None
    now = 51.0
    corrected = keeper.correct(PLAN, 101, is_evaluated=False)
    assert corrected is not None
    assert corrected.corrections == ((101, 2200),)
    now = 60.0
    # Training diverged and went back, so that the step of the correction comes again.
    assert keeper.correct(corrected, 90, is_evaluated=False) is None
    now = 70.0
    assert keeper.correct(corrected, 101, is_evaluated=False) is None


def test_only_a_time_is_kept() -> None:
    model = ModelSettings(
        vocab_size=9, embedding_size=4, hidden_size=4, num_layers=1, dropout_rate=0.0
    )
    plan = Plan(model=model, training=PLAN, pace=PACE, seconds=1.0, choices={})
    text = TextSize(vocab_size=9, training_characters=10**7)
    assert keep_time(Request(steps=9), plan, text, lambda: 0.0) is None
    assert keep_time(Request(minutes=1), plan, text, lambda: 0.0) is not None


def test_the_settings_refuse_corrections_that_are_out_of_order() -> None:
    corrected = PLAN.corrected(500, 2000).corrected(900, 2100)
    assert corrected.corrections == ((500, 2200), (900, 2000))
    assert TrainingSettings.from_json(corrected.to_json()) == corrected
    assert "corrections" not in PLAN.to_json()
    with pytest.raises(SettingError, match="corrections"):
        replace(corrected, corrections=((900, 2200), (500, 2000)))
