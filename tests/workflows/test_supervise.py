from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tests.training.plans import MODEL, plan
from textgen.network.model import create_model
from textgen.planning.machine import Pace
from textgen.planning.request import Request
from textgen.workflows.events import Working
from textgen.workflows.supervise import (
    SECONDS_TO_MEASURE,
    Supervision,
    measure_pace,
    tell_many_layers,
)

PACE = Pace(seconds_per_step=0.1, seconds_per_evaluation=0.1, seconds_to_start=1.0)


class PaperTrainer:
    """A trainer that measures nothing, and notes what it is asked to measure."""

    model = MODEL

    def __init__(self, batch_size: int = 4, steps: int = 1000, first_step: int = 0) -> None:
        self.plan = plan(batch_size=batch_size, steps=steps, first_step=first_step)
        self.progress = SimpleNamespace(step=first_step)
        _, parameters = create_model(MODEL, seed=0)
        self.state = SimpleNamespace(parameters=parameters)

    def measure(self, seconds: float, most_steps: int, begin: Any, check: Any) -> Pace:
        self.seconds, self.most_steps = seconds, most_steps
        begin("compiling")
        return PACE


def measured(batch_size: int = 4, **asked: Any) -> tuple[PaperTrainer, list[Working]]:
    trainer, told = PaperTrainer(batch_size), list[Working]()
    found = measure_pace(trainer, Request(**asked), Supervision(tell=told.append))  # type: ignore[arg-type]
    # The text that is sampled after each evaluation takes time too.
    assert PACE.seconds_per_evaluation < found.seconds_per_evaluation < 2
    assert replace(found, seconds_per_evaluation=PACE.seconds_per_evaluation) == PACE
    return trainer, told


@pytest.mark.slow
def test_measuring_takes_a_small_part_of_a_small_budget() -> None:
    for minutes, seconds in ((0.1, 0.3), (0.5, 1.5), (5, SECONDS_TO_MEASURE)):
        trainer, _ = measured(minutes=minutes)
        assert trainer.seconds == pytest.approx(seconds)
        assert trainer.most_steps == 100  # a tenth of the plan
    trainer, _ = measured(steps=5)
    assert trainer.seconds == SECONDS_TO_MEASURE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "first_step", "stop_after", "steps", "expected"),
    [
        ({}, 0, None, 1000, 100),
        ({}, 0, None, 5, 3),
        ({}, 0, None, 1, 0),
        ({"eval_every": 2}, 0, None, 1000, 1),
        ({"eval_every": 10}, 27, None, 1000, 2),  # the next evaluation is after step 30
        ({"checkpoint_every": 10}, 30, None, 1000, 9),
        ({}, 7, 9, 1000, 1),
    ],
)
def test_measuring_makes_no_step_after_which_something_is_due(
    asked: dict[str, Any], first_step: int, stop_after: int | None, steps: int, expected: int
) -> None:
    trainer = PaperTrainer(4, steps, first_step)
    supervision = Supervision(stop_after=stop_after)
    measure_pace(trainer, Request(steps=steps, **asked), supervision)  # type: ignore[arg-type]
    assert trainer.most_steps == expected


@pytest.mark.slow
def test_measuring_says_about_how_long_it_takes() -> None:
    (_, (small,)), (_, (large,)) = measured(), measured(batch_size=2**24)
    assert small.text == "measuring: compiling"
    assert small.seconds == pytest.approx(4.5, abs=1)
    assert (large.seconds or 0) > 15


@pytest.mark.slow
def test_measuring_ends_when_it_is_asked_to_stop() -> None:
    told = list[Working]()
    supervision = Supervision(tell=told.append, should_stop=lambda: True)
    with pytest.raises(KeyboardInterrupt):
        measure_pace(PaperTrainer(4), Request(), supervision)  # type: ignore[arg-type]
    assert told == []


def test_many_layers_are_told_with_the_time_that_they_take_to_compile() -> None:
    told = list[Working]()
    supervision = Supervision(tell=told.append)
    tell_many_layers(replace(MODEL, num_layers=2), supervision)
    assert told == []
    tell_many_layers(replace(MODEL, num_layers=64), supervision)
    assert told == [Working("compiling a network of 64 layers", 34.0)]
