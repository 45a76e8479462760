"""Make a plan by the rules of `choices.py` and `schedule.py`.

A plan is also completed here when a run is trained further.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from textgen.network.parameters import operations_per_character
from textgen.planning.choices import (
    GAP_RATE,
    BatchShape,
    Choice,
    TextSize,
    choose_batch,
    choose_dropout,
    choose_learning_rate,
    choose_old_share,
    choose_projection,
    choose_reset_rate,
    choose_width,
    expected_epochs,
    text_warning,
)
from textgen.planning.machine import Machine, Pace
from textgen.planning.request import Request
from textgen.planning.schedule import FILL, check_time, choose_patience, choose_schedule
from textgen.settings import ModelSettings, TrainingSettings

# Part of the speed of large products that training reaches, as measured on two cores with networks
# of 2x128 to 3x512.
TRAINING_SHARE = 0.75
# Expected time in seconds to compile a network and to time its training.
SECONDS_TO_COMPILE = 4.0
# Sizes are chosen again if training is faster or slower than predicted by this factor.
MISPREDICTED = 2.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A network, how to train it, and why.

    Attributes:
        model: the network's shape.
        training: how the network is trained.
        seconds: expected time of all steps.
        choices: the choices by name, in the order in which they are shown.
        warning: a warning about the text; empty if there is none.
    """

    model: ModelSettings
    training: TrainingSettings
    seconds: float
    choices: Mapping[str, Choice[Any]]
    warning: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """One line for each choice that has a reason, and the warning if there is one."""
        lines = [choice.reason for choice in self.choices.values()]
        return tuple(line for line in [*lines, self.warning] if line)


def make_plan(request: Request, text: TextSize, machine: Machine) -> Plan:
    """Choose everything that the user left open.

    The speed of large products is measured only if a choice depends on it.

    Args:
        request: what the user asked for.
        text: the size of the text.
        machine: the machine that will carry out the plan.

    Raises:
        UsageError: if hardly any steps fit into the time.
    """
    batch = choose_batch(request, text.training_characters)
    devices = request.asked.get("devices") or machine.devices(batch.value.batch_size)

    def choose_sizes(operations_per_second: float) -> tuple[ModelSettings, dict[str, Choice[Any]]]:
        seconds = max(request.seconds * FILL - machine.elapsed() - SECONDS_TO_COMPILE, 0.0)
        return _choose_sizes(request, text, batch.value, seconds * operations_per_second)

    def measure(model: ModelSettings, predicted: float) -> tuple[TrainingSettings, Pace]:
        draft = _draft(request, text, model, batch.value, devices)
        elapsed = machine.elapsed()
        if predicted:
            step = operations_per_character(model) * draft.characters_per_step / predicted
            expected = Pace(
                seconds_per_step=step,
                seconds_per_evaluation=0.0,
                seconds_to_start=elapsed + SECONDS_TO_COMPILE,
            )
            hopeful = replace(
                expected, seconds_per_step=step / MISPREDICTED, seconds_to_start=elapsed
            )
            check_time(request, expected, hopeful)
        return draft, machine.training_pace(model, draft)

    depends_on_speed = request.steps is None and "dropout_rate" not in request.asked
    has_width = request.network is not None or "hidden_size" in request.asked
    depends_on_speed = depends_on_speed or not has_width
    predicted = machine.product_speed(devices) * TRAINING_SHARE if depends_on_speed else 0.0
    model, sizes = choose_sizes(predicted)
    draft, pace = measure(model, predicted)
    achieved = draft.characters_per_step / pace.seconds_per_step * operations_per_character(model)
    if not predicted / MISPREDICTED < achieved < predicted * MISPREDICTED:
        other, other_sizes = choose_sizes(achieved)
        if other != model:
            model, sizes = other, other_sizes
            draft, pace = measure(model, achieved)
    pace = replace(pace, seconds_to_start=machine.elapsed())
    plan = continue_plan(request, model, draft, text, pace)
    choices = {
        "width": sizes["width"],
        "batch": batch,
        "dropout": sizes["dropout"],
        "reset rate": plan.choices["reset rate"],
        "learning rate": choose_learning_rate(request, text, model.hidden_size),
        "schedule": plan.choices["schedule"],
        "patience": plan.choices["patience"],
    }
    if model.projection_rank:
        choices["projection"] = choose_projection(request, model)
    if plan.training.forget_less:
        choices["old share"] = choose_old_share(plan.training)
    return replace(plan, choices=choices, warning=text_warning(request, text))


def continue_plan(
    request: Request,
    model: ModelSettings,
    draft: TrainingSettings,
    text: TextSize,
    pace: Pace,
    first_step: int = 0,
) -> Plan:
    """Complete a plan with what the pace decides: the steps, the intervals and the reset rate.

    Args:
        request: what the user asked for.
        model: the network.
        draft: the plan so far.
        text: the size of the text.
        pace: the measured speed of training.
        first_step: number of steps that the run has made already.

    Raises:
        UsageError: if hardly any steps fit into the time.
    """
    characters = text.training_characters
    schedule = choose_schedule(draft, request, pace, characters, first_step)
    steps, eval_every, checkpoint_every = schedule.value
    epochs = (first_step + steps) * draft.new_characters_per_step / characters
    reset_rate = choose_reset_rate(epochs)
    patience = choose_patience(request, schedule.value, pace.seconds_per_step)
    training = replace(
        draft,
        first_step=first_step,
        steps=steps,
        warmup_steps=min(100, steps // 10),
        reset_rate=reset_rate.value,
        eval_every=eval_every,
        checkpoint_every=checkpoint_every,
        patience=patience.value,
    )
    return Plan(
        model=model,
        training=training,
        seconds=steps * pace.seconds_per_step,
        choices={"reset rate": reset_rate, "schedule": schedule, "patience": patience},
    )


def _choose_sizes(
    request: Request, text: TextSize, batch: BatchShape, operations: float
) -> tuple[ModelSettings, dict[str, Choice[Any]]]:
    """Choose a network for the floating-point operations that training can make in the time."""
    width = choose_width(request, text, operations)
    model = request.model_settings(text.vocab_size, width.value, 0.0)
    epochs = expected_epochs(request, text, model, batch, operations)
    dropout = choose_dropout(request, epochs, model, text.training_characters)
    model = replace(model, dropout_rate=dropout.value, num_labels=text.num_labels)
    return model, {"width": width, "dropout": dropout}


def _draft(
    request: Request, text: TextSize, model: ModelSettings, batch: BatchShape, devices: int
) -> TrainingSettings:
    """Return a plan that lacks only what the pace decides."""
    chosen = {
        "steps": 1 if request.steps is None else request.steps,
        "batch_size": batch.batch_size,
        "sequence_length": batch.sequence_length,
        "learning_rate": choose_learning_rate(request, text, model.hidden_size).value,
        "warmup_steps": 0,
        "gap_rate": GAP_RATE if model.direction == "both" else 0.0,
        "devices": devices,
        "eval_every": 1,
        "checkpoint_every": 1,
    }
    # A short text may allow only a smaller batch than was asked for.
    return TrainingSettings(**(request.training_options | chosen))
