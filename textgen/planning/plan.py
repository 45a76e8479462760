"""Make a plan by the rules of `choices.py` and `schedule.py`.

A plan is also completed here when a run is trained further.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from textgen.planning.accelerated import (
    check_backend,
    choose_precision,
    explain_backend,
    other_backend,
    rate_factor,
    usual_batch_size,
)
from textgen.planning.choices import (
    BATCH_SIZE,
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
from textgen.planning.site import Site
from textgen.settings import Backend, ModelSettings, Precision, TrainingSettings

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
        UsageError: if hardly any steps fit into the time, or if cuDNN is to run a network that it
            cannot run.
    """
    site, batch, precision = _choose_site(request, text, machine)
    predicted = 0.0
    if _depends_on_speed(request):
        predicted = machine.product_speed(site.devices, site.precision) * site.share
    model, sizes = _choose_sizes(request, text, machine, site, predicted)
    check_backend(request, model.cell, has_labels=text.num_labels > 0)
    draft, pace = _measure(request, text, machine, site, model, predicted)
    speed = site.speed(model, draft.characters_per_step / pace.seconds_per_step)
    if not predicted / MISPREDICTED < speed < predicted * MISPREDICTED:
        other, other_sizes = _choose_sizes(request, text, machine, site, speed)
        if other != model:
            model, sizes = other, other_sizes
            draft, pace = _measure(request, text, machine, site, model, speed)
    draft, pace, backend = _choose_backend(request, machine, model, draft, pace)
    pace = replace(pace, seconds_to_start=machine.elapsed())
    plan = continue_plan(request, model, draft, text, pace)
    choices = {
        "width": sizes["width"],
        "batch": batch,
        "dropout": sizes["dropout"],
        "reset rate": plan.choices["reset rate"],
        "learning rate": _choose_rate(request, text, model, batch.value),
        "schedule": plan.choices["schedule"],
        "patience": plan.choices["patience"],
    }
    if site.accelerator is not None:
        is_kept = draft.precision == precision.value
        choices["precision"] = precision if is_kept else Choice(draft.precision)
        choices["backend"] = backend
    if model.projection_rank:
        choices["projection"] = choose_projection(request, model)
    if plan.training.forget_less:
        choices["old share"] = choose_old_share(plan.training)
    return replace(plan, choices=choices, warning=text_warning(request, text))


def _choose_site(
    request: Request, text: TextSize, machine: Machine
) -> tuple[Site, Choice[BatchShape], Choice[Precision]]:
    """Choose the batch and the precision, for a CPU or for accelerators."""
    accelerator = machine.accelerator()
    precision, usual = choose_precision(request, accelerator), BATCH_SIZE
    if accelerator is not None:
        usual = usual_batch_size(request, text.training_characters)
    batch = choose_batch(request, text.training_characters, usual)
    devices = request.asked.get("devices") or machine.devices(batch.value.batch_size)
    memory = machine.memory() if accelerator is None else None
    return Site(accelerator, batch.value, devices, precision.value, memory), batch, precision


def _depends_on_speed(request: Request) -> bool:
    """Return whether a choice depends on the speed of large products."""
    has_width = request.network is not None or "hidden_size" in request.asked
    return not has_width or (request.steps is None and "dropout_rate" not in request.asked)


def _measure(
    request: Request,
    text: TextSize,
    machine: Machine,
    site: Site,
    model: ModelSettings,
    predicted: float,
) -> tuple[TrainingSettings, Pace]:
    """Measure how fast a network trains, unless the time is too short for that.

    Args:
        request: what the user asked for.
        text: the size of the text.
        machine: the machine that will carry out the plan.
        site: where the plan trains.
        model: the network.
        predicted: expected speed of training in operations per second; 0 if it is not known.
    """
    draft = _draft(request, text, model, site)
    elapsed = machine.elapsed()
    if predicted:
        step = site.cost(model, predicted) * draft.characters_per_step / predicted
        expected = Pace(
            seconds_per_step=step,
            seconds_per_evaluation=0.0,
            seconds_to_start=elapsed + site.seconds_to_compile,
        )
        hopeful = replace(expected, seconds_per_step=step / MISPREDICTED, seconds_to_start=elapsed)
        check_time(request, expected, hopeful)
    return draft, machine.training_pace(model, draft)


def _choose_backend(
    request: Request, machine: Machine, model: ModelSettings, draft: TrainingSettings, pace: Pace
) -> tuple[TrainingSettings, Pace, Choice[Backend]]:
    """Take the faster backend where there are two and the time allows to compile both."""
    other = other_backend(request, model, machine.accelerator(), pace.seconds_to_start)
    if other is None:
        return draft, pace, Choice(draft.backend)
    changed = replace(draft, precision=other.precision, backend=other.backend)
    second = machine.training_pace(model, changed)
    times = pace.seconds_per_step, second.seconds_per_step
    if times[1] < times[0]:
        draft, pace = changed, second
    return draft, pace, Choice(draft.backend, explain_backend(draft.backend, *times))


def _choose_rate(
    request: Request, text: TextSize, model: ModelSettings, batch: BatchShape
) -> Choice[float]:
    """Choose the peak of the learning rate; it rises where a plan chose a large batch."""
    factor = 1.0 if "batch_size" in request.asked else rate_factor(batch.batch_size)
    return choose_learning_rate(request, text, model.hidden_size, factor)


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
    request: Request, text: TextSize, machine: Machine, site: Site, speed: float
) -> tuple[ModelSettings, dict[str, Choice[Any]]]:
    """Choose a network for what training can compute in the time at a speed in operations."""
    seconds = max(request.seconds * FILL - machine.elapsed() - site.seconds_to_compile, 0.0)
    operations = seconds * speed

    def cost(model: ModelSettings) -> float:
        return site.cost(model, speed)

    width = choose_width(
        request,
        text,
        operations,
        widths=site.widths,
        cost=cost,
        suits=lambda model: site.suits(model, text),
    )
    model = request.model_settings(text.vocab_size, width.value, 0.0)
    epochs = expected_epochs(request, text, model, site.batch, operations, cost)
    dropout = choose_dropout(request, epochs, model, text.training_characters)
    model = replace(model, dropout_rate=dropout.value, num_labels=text.num_labels)
    return model, {"width": width, "dropout": dropout}


def _draft(request: Request, text: TextSize, model: ModelSettings, site: Site) -> TrainingSettings:
    """Return a plan that lacks only what the pace decides."""
    chosen = {
        "steps": 1 if request.steps is None else request.steps,
        "batch_size": site.batch.batch_size,
        "sequence_length": site.batch.sequence_length,
        "learning_rate": _choose_rate(request, text, model, site.batch).value,
        "warmup_steps": 0,
        "gap_rate": GAP_RATE if model.direction == "both" else 0.0,
        "precision": site.precision,
        "devices": site.devices,
        "eval_every": 1,
        "checkpoint_every": 1,
    }
    # A short text may allow only a smaller batch than was asked for.
    return TrainingSettings(**(request.training_options | chosen))
