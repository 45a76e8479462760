"""The rules by which a plan chooses its length: steps, evaluations, and when it ends early.

The number of steps follows the measured pace of training.
"""

import math
from typing import NamedTuple

from textgen.errors import UsageError
from textgen.planning.choices import Choice, format_minutes, most_epochs
from textgen.planning.machine import Pace
from textgen.planning.request import Request
from textgen.settings import MAX_STEPS, PATIENCE, TrainingSettings

# Fewest steps of a plan that fills a time, even if the text is short; and with Muon, which learns a
# short text by heart sooner.
MIN_STEPS, MIN_STEPS_OF_MUON = 200, 50
# A plan of fewer steps says that they teach little, and a time for fewer than the second number is
# refused.
FEW_STEPS, FEWEST_STEPS = 100, 20
# Number of evaluations, unless they would be too close together or too far apart.
EVALUATIONS_PER_PLAN = 15
# Shortest and longest time between two evaluations, in seconds.
SECONDS_BETWEEN_EVALUATIONS = (2.0, 120.0)
# Part of the remaining time that steps may fill. The rest is for the last checkpoint and the end of
# the process.
FILL = 0.99
# Largest part of the time that evaluations may take, unless the user asked for more of them.
EVALUATED_SHARE = 0.1
# Evaluations that take less time than this are not worth a line, in seconds.
SECONDS_TO_TELL = 2.0


class Schedule(NamedTuple):
    """How many steps a plan makes, and when it evaluates and saves, in steps."""

    steps: int
    eval_every: int
    checkpoint_every: int


def choose_schedule(
    draft: TrainingSettings,
    request: Request,
    pace: Pace,
    training_characters: int,
    first_step: int,
) -> Choice[Schedule]:
    """Choose the number of steps and the intervals.

    If the user asked for no number of steps, the steps fill the time, but at most `most_epochs`.
    Evaluations are at least about 2 seconds and at most 2 minutes apart. A checkpoint is saved with
    every evaluation, unless evaluations are closer than that.

    Args:
        draft: the plan so far.
        request: what the user asked for.
        pace: the measured speed of training.
        training_characters: length of the training part.
        first_step: number of steps that the run has made already.

    Raises:
        UsageError: if hardly any steps fit into the time.
    """
    enough = enough_steps(draft, training_characters)
    steps, available = request.steps, math.inf
    reason = "the minimum for a short text"
    if enough > fewest_steps(draft):
        epochs = most_epochs(training_characters, draft.optimizer)
        reason = f"{epochs:.3g} epochs; more would only memorise the text"
    if steps is None:
        steps = enough
        available = max(request.seconds * FILL - pace.seconds_to_start, 0.0)
    asked_interval = request.asked.get("eval_every")
    if asked_interval is None:
        between = _seconds_between(min(available, steps * pace.seconds_per_step), pace)
    else:
        between = asked_interval * pace.seconds_per_step
    if request.steps is None:
        fitting = _fitting_steps(request, pace, between)
        if fitting.value < steps:
            steps, reason = fitting.value, fitting.reason
    evaluations = max(round(steps * pace.seconds_per_step / between), 1)
    # The steps that are made already end before the first evaluation.
    eval_every = asked_interval or max(steps // evaluations, pace.steps_made + 1)
    if request.steps is None and asked_interval is None:
        # The plan ends with a whole interval, so that its evaluations are equally far apart, unless
        # that would take many of its steps.
        beyond = (first_step + steps) % eval_every
        steps -= beyond * (beyond <= steps // EVALUATIONS_PER_PLAN)
    checkpoint_every = request.asked.get("checkpoint_every") or eval_every * max(
        round(SECONDS_BETWEEN_EVALUATIONS[0] / (eval_every * pace.seconds_per_step)), 1
    )
    schedule = Schedule(steps, eval_every, checkpoint_every)
    if request.steps is not None:
        return Choice(schedule)
    return Choice(schedule, f"{steps:,} step{'' if steps == 1 else 's'}: {reason}")


def enough_steps(draft: TrainingSettings, training_characters: int) -> int:
    """Return the number of steps after which a text would only be memorised, or a few more."""
    epochs = most_epochs(training_characters, draft.optimizer)
    steps = math.ceil(epochs * training_characters / draft.new_characters_per_step)
    return min(max(steps, fewest_steps(draft)), MAX_STEPS)


def teaches_little(plan: TrainingSettings, training_characters: int, steps: int) -> bool:
    """Return whether so few steps teach little, and the text holds more to learn."""
    # A plan that ends with a whole interval has up to a fifteenth fewer steps than are enough.
    return steps < min(FEW_STEPS, 0.9 * enough_steps(plan, training_characters))


def fewest_steps(draft: TrainingSettings) -> int:
    """Return the fewest steps of a plan that fills a time, even if the text is short."""
    return MIN_STEPS_OF_MUON if draft.optimizer == "muon" else MIN_STEPS


def expected_steps(
    draft: TrainingSettings, request: Request, pace: Pace, training_characters: int
) -> int:
    """Return about how many steps a plan has, at a pace that is only expected; at least 1."""
    if request.steps is not None:
        return request.steps
    left = request.seconds * FILL - pace.seconds_to_start
    most = enough_steps(draft, training_characters)
    return max(min(int(left / pace.seconds_per_step), most), 1)


def expected_seconds(training: TrainingSettings, pace: Pace) -> tuple[float, float]:
    """Return the time that the rest of a plan takes, and the part of it that is for evaluations.

    Args:
        training: the plan.
        pace: the measured speed of training.
    """
    begin, end = training.first_step + pace.steps_made, training.last_step
    evaluations = -(-end // training.eval_every) - begin // training.eval_every
    if end <= begin:
        return 0.0, 0.0
    evaluating = evaluations * pace.seconds_per_evaluation
    return (end - begin) * pace.seconds_per_step + evaluating, evaluating


def choose_evaluations(training: TrainingSettings, pace: Pace) -> Choice[int] | None:
    """Return the interval of evaluations, if it takes so much time that a user should know it."""
    seconds, evaluating = expected_seconds(training, pace)
    if evaluating <= max(EVALUATED_SHARE * seconds, SECONDS_TO_TELL):
        return None
    every = training.eval_every
    often = "one after the last step" if every >= training.steps else f"one every {every:,} steps"
    often = "one after every step" if every == 1 else often
    return Choice(
        every,
        f"evaluations: {often}, {_two_digits(pace.seconds_per_evaluation)} s each, "
        f"{evaluating / seconds:.0%} of the time",
    )


def check_time(request: Request, expected: Pace, hopeful: Pace) -> None:
    """Check that a time is not too short, before anything is compiled to measure the pace.

    Args:
        request: what the user asked for.
        expected: the pace that is expected; it gives the numbers of the message.
        hopeful: the best pace that is possible.

    Raises:
        UsageError: if hardly any steps fit into the time even at the best pace.
    """
    if request.steps is not None:
        return
    available = request.seconds * FILL - hopeful.seconds_to_start
    if available / hopeful.seconds_per_step < FEWEST_STEPS:
        raise _too_short_error(request, expected.seconds_to_start, expected.seconds_per_step)


def _fitting_steps(request: Request, pace: Pace, between: float) -> Choice[int]:
    """Return the number of steps that fit into the time, with an evaluation now and then.

    Args:
        request: what the user asked for.
        pace: the measured speed of training.
        between: time between two evaluations in seconds.

    Raises:
        UsageError: if they are fewer than 20.
    """
    seconds_per_step = pace.seconds_per_step * (1 + pace.seconds_per_evaluation / between)
    left = request.seconds * FILL - pace.seconds_to_start
    fitting = left / seconds_per_step
    if left < between:  # the evaluation after the last step is the only one
        fitting = (left - pace.seconds_per_evaluation) / pace.seconds_per_step
    steps = pace.steps_made + int(max(fitting, 0.0))
    if steps < FEWEST_STEPS:
        raise _too_short_error(request, pace.seconds_to_start, seconds_per_step)
    reason = f"as many as fit into {format_minutes(request.seconds)}"
    if steps < FEW_STEPS:
        reason += (
            f", of which {pace.seconds_to_start:.1f} s passed before the first step; so few steps "
            f"teach little: give at least {_least_time(pace.seconds_to_start, seconds_per_step)}"
        )
    return Choice(steps, reason)


def _too_short_error(request: Request, to_start: float, per_step: float) -> UsageError:
    """Return the error for a time that is too short, given two times in seconds."""
    return UsageError(
        f"a time of {format_minutes(request.seconds)} is too short: it takes {to_start:.1f} s "
        f"until the first step, and {_two_digits(per_step)} s for each step; give at least "
        f"{_least_time(to_start, per_step)}, or the number of --steps"
    )


def _least_time(to_start: float, per_step: float) -> str:
    """Return the option with the least time that makes sense, given two times in seconds."""
    return f"--minutes {round_minutes((to_start + MIN_STEPS * per_step) / FILL)}"


def _seconds_between(seconds: float, pace: Pace) -> float:
    """Return the time of steps between two evaluations of a plan that trains for some seconds.

    It is long enough that evaluations take no more than their share.
    """
    shortest, longest = SECONDS_BETWEEN_EVALUATIONS
    fair = (1 / EVALUATED_SHARE - 1) * pace.seconds_per_evaluation
    return max(min(max(seconds / EVALUATIONS_PER_PLAN, shortest), longest), fair)


def choose_patience(request: Request, schedule: Schedule, seconds_per_step: float) -> Choice[int]:
    """Choose the number of evaluations without a lower validation loss that end a plan early.

    If the user asked for evaluations that are closer together than those of other plans, it is as
    many of them as fill the same steps.

    Args:
        request: what the user asked for.
        schedule: the steps and the intervals of the plan.
        seconds_per_step: the measured time of a step.
    """
    if "patience" in request.asked:
        return Choice(request.asked["patience"])
    patience = PATIENCE
    if "eval_every" in request.asked:
        longest = SECONDS_BETWEEN_EVALUATIONS[1] / seconds_per_step
        usual = min(schedule.steps / EVALUATIONS_PER_PLAN, longest)
        patience = max(math.ceil(PATIENCE * usual / schedule.eval_every), PATIENCE)
    evaluations = math.ceil(schedule.steps / schedule.eval_every)
    reason = f"training ends early after {patience} evaluations in a row without a lower loss"
    if evaluations > patience + 1:
        reason += f", of {evaluations}, since more steps would only memorise the text"
        return Choice(patience, f"patience {patience}: {reason}; --patience 0 turns this off")
    return Choice(patience, f"patience {patience}: {reason}; this plan has only {evaluations}")


def _two_digits(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def round_minutes(seconds: float) -> str:
    """Return a number of minutes with two digits that is not below a number of seconds."""
    minutes = seconds / 60
    unit = 10.0 ** min(math.floor(math.log10(minutes)) - 1, 0)
    # Rounded, since 3 * 0.1 is 0.30000000000000004.
    return f"{round(math.ceil(minutes / unit) * unit, 6):g}"
