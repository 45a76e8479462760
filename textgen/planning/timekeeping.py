"""Keep the end of a plan at the time that was asked for, however fast the machine is meanwhile."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from textgen.planning.choices import TextSize
from textgen.planning.machine import Pace
from textgen.planning.plan import Plan
from textgen.planning.request import Request
from textgen.planning.schedule import FILL, enough_steps
from textgen.settings import TrainingSettings

# The pace is that of the last part of the time of this size. A plan is corrected if it would end
# off its time by more than the second part, and at most once in the third.
REMEMBERED, TOLERANCE, APART = 0.1, 0.005, 0.01


def keep_time(
    request: Request, plan: Plan, text: TextSize, elapsed: Callable[[], float]
) -> "Timekeeper | None":
    """Return what keeps the end of a plan at the time that was asked for; None if none was.

    Args:
        request: what the user asked for.
        plan: the plan.
        text: the size of the text.
        elapsed: function that returns the seconds since the command began.
    """
    if request.steps is not None:
        return None
    most = max(enough_steps(plan.training, text.training_characters), plan.training.steps)
    return Timekeeper(request.seconds * FILL, most, elapsed, plan.pace)


class _Stretch(NamedTuple):
    """Some steps that were made one after the other, with an evaluation after them or without."""

    steps: int
    seconds: float
    is_evaluated: bool


class Timekeeper:
    """Corrects the number of steps of a plan while it is carried out."""

    def __init__(
        self, seconds: float, most_steps: int, elapsed: Callable[[], float], pace: Pace
    ) -> None:
        """Begin to keep the time.

        Args:
            seconds: time since the command began at which the last checkpoint should be saved.
            most_steps: most steps that the plan may have, whatever the time.
            elapsed: function that returns the seconds since the command began.
            pace: the speed of training as it was measured for the plan.
        """
        self._seconds, self._most_steps, self._elapsed = seconds, most_steps, elapsed
        self._pace = pace
        self._step: int | None = None
        self._then = self._corrected = elapsed()
        self._stretches = deque[_Stretch]()

    def correct(
        self, plan: TrainingSettings, step: int, *, is_evaluated: bool
    ) -> TrainingSettings | None:
        """Note how far training is, and return the corrected plan if its end is off the time.

        Args:
            plan: the plan in force.
            step: steps made since the run's start.
            is_evaluated: whether an evaluation followed the last step.

        Returns:
            The plan with another number of steps, or None if it is as good as before.
        """
        now = self._elapsed()
        if self._step is not None and step > self._step:
            self._note(_Stretch(step - self._step, now - self._then, is_evaluated))
        self._step, self._then = step, now
        done = step - plan.first_step
        last_correction = max((at for at, _ in plan.corrections), default=0)
        if done <= max(plan.warmup_steps, last_correction) or step >= plan.last_step:
            return None
        if now - self._corrected < APART * self._seconds:
            return None
        per_step, per_evaluation = self._speeds()
        each = per_step + per_evaluation / plan.eval_every
        fitting = max(int((self._seconds - now - per_evaluation) / each), 1)
        steps = min(done + fitting, max(self._most_steps, done + 1))
        if abs(steps - plan.steps) * each <= TOLERANCE * self._seconds:
            return None
        self._corrected = now
        return plan.corrected(step, plan.first_step + steps)

    def _note(self, stretch: _Stretch) -> None:
        self._stretches.append(stretch)
        while (
            sum(one.seconds for one in self._stretches) - self._stretches[0].seconds
            > REMEMBERED * self._seconds
        ):
            self._stretches.popleft()

    def _speeds(self) -> tuple[float, float]:
        """Return the time of a step, and of an evaluation with what is saved after it."""
        plain = [one for one in self._stretches if not one.is_evaluated]
        evaluated = [one for one in self._stretches if one.is_evaluated]
        per_step, per_evaluation = self._pace.seconds_per_step, self._pace.seconds_per_evaluation
        if plain:
            per_step = sum(one.seconds for one in plain) / sum(one.steps for one in plain)
        if evaluated:
            took = sum(one.seconds - one.steps * per_step for one in evaluated)
            per_evaluation = max(took / len(evaluated), 0.0)
        return per_step, per_evaluation
