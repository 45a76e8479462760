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
    choose_optimizer,
    choose_projection,
    choose_reset_rate,
    choose_width,
    expected_epochs,
    explain_reset_rate,
    text_warning,
)
from textgen.planning.machine import Machine, Pace
from textgen.planning.request import Request
from textgen.planning.schedule import (
    FILL,
    check_time,
    choose_evaluations,
    choose_patience,
    choose_schedule,
    expected_seconds,
    expected_steps,
)
from textgen.planning.site import Site
from textgen.runtime.memory import check_memory
from textgen.runtime.together import process_count
from textgen.settings import Backend, ModelSettings, OptimizerName, Precision, TrainingSettings

# Sizes are chosen again if training is faster or slower than predicted by this factor.
MISPREDICTED = 2.0
# Part of the time that compiling for one device may take, to measure whether it is faster.
SHARE_TO_COMPARE = 0.01


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A network, how to train it, and why.

    Attributes:
        model: the network's shape.
        training: how the network is trained.
        pace: the measured speed of training.
        seconds: expected time of the steps that are not made yet, with their evaluations.
        choices: the choices by name, in the order in which they are shown.
        warning: a warning about the text; empty if there is none.
    """

    model: ModelSettings
    training: TrainingSettings
    pace: Pace
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
    if predicted and not predicted / MISPREDICTED < speed < predicted * MISPREDICTED:
        other, other_sizes = _choose_sizes(request, text, machine, site, speed)
        if other != model or request.steps is None:
            model, sizes = other, other_sizes
            draft, pace = _measure(request, text, machine, site, model, speed)
    draft, pace, backend = _choose_backend(request, machine, model, draft, pace)
    draft, pace, devices = _choose_devices(request, machine, model, draft, pace)
    pace = replace(pace, seconds_to_start=machine.elapsed())
    plan = continue_plan(request, model, draft, text, pace)
    choices = {
        "width": sizes["width"],
        "batch": batch,
        "dropout": sizes["dropout"],
        "reset rate": plan.choices["reset rate"],
        "learning rate": _choose_rate(request, text, model, site),
        "optimizer": _choose_optimizer(request, model, site),
        "schedule": plan.choices["schedule"],
        "patience": plan.choices["patience"],
    }
    if devices.reason:
        choices["devices"] = devices
    choices |= {name: plan.choices[name] for name in ("evaluations",) if name in plan.choices}
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
    return request.steps is None or not has_width


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
    elapsed, step = machine.elapsed(), 1.0
    if predicted:
        step = site.cost(model, predicted) * draft.characters_per_step / predicted
    expected = Pace(
        seconds_per_step=step,
        seconds_per_evaluation=0.0,
        seconds_to_start=elapsed + site.seconds_to_compile(model),
    )
    if predicted:
        hopeful = replace(expected, seconds_per_step=step / MISPREDICTED, seconds_to_start=elapsed)
        if site.memory is not None:
            check_memory(model, draft)  # no time is long enough for what does not fit
        check_time(request, expected, hopeful)
    draft = begin_plan(request, draft, text, expected)
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
    draft, pace = _faster(draft, pace, changed, second)
    return draft, pace, Choice(draft.backend, explain_backend(draft.backend, *times))


def _choose_devices(
    request: Request, machine: Machine, model: ModelSettings, draft: TrainingSettings, pace: Pace
) -> tuple[TrainingSettings, Pace, Choice[int]]:
    """Take one core instead of all where that is faster and the time allows to compile both.

    XLA uses all cores for the products of one device too.
    """
    is_long = pace.seconds_to_start <= SHARE_TO_COMPARE * request.seconds
    is_open = "devices" not in request.asked and request.steps is None
    if (
        draft.devices == 1
        or machine.accelerator() is not None
        or process_count() > 1
        or not (is_open and is_long)
    ):
        return draft, pace, Choice(draft.devices)
    one = replace(draft, devices=1)
    second = machine.training_pace(model, one)
    times = pace.seconds_per_step, second.seconds_per_step
    chosen, pace = _faster(draft, pace, one, second)
    ratio = max(times) / min(times)
    other = f"{draft.devices} devices" if chosen is one else "1 device"
    reason = f"devices {chosen.devices}: a step takes {ratio:.2g} times as long with {other}"
    return chosen, pace, Choice(chosen.devices, reason)


def _faster(
    first: TrainingSettings, pace: Pace, second: TrainingSettings, other: Pace
) -> tuple[TrainingSettings, Pace]:
    """Return the faster of two plans, which were measured one after the other, and its pace."""
    made = pace.steps_made + other.steps_made
    if other.seconds_per_step < pace.seconds_per_step:
        first, pace = second, other
    return first, replace(pace, steps_made=made)


def _choose_rate(
    request: Request, text: TextSize, model: ModelSettings, site: Site
) -> Choice[float]:
    """Choose the peak of the learning rate; it rises where a plan chose a large batch."""
    factor = 1.0 if "batch_size" in request.asked else rate_factor(site.batch.batch_size)
    optimizer = _choose_optimizer(request, model, site).value
    return choose_learning_rate(request, text, model.hidden_size, optimizer, factor)


def _choose_optimizer(request: Request, model: ModelSettings, site: Site) -> Choice[OptimizerName]:
    is_accelerated = site.accelerator is not None
    return choose_optimizer(request, model, is_accelerated=is_accelerated)


def begin_plan(
    request: Request, draft: TrainingSettings, text: TextSize, expected: Pace, first_step: int = 0
) -> TrainingSettings:
    """Give a plan all that its first steps depend on, before its pace is known.

    Args:
        request: what the user asked for.
        draft: the plan so far.
        text: the size of the text.
        expected: the speed of training that is expected; it counts where the user gave a time.
        first_step: number of steps that the run has made already.
    """
    characters = text.training_characters
    steps = expected_steps(draft, request, expected, characters)
    epochs = (first_step + steps) * draft.new_characters_per_step / characters
    return replace(
        draft,
        first_step=first_step,
        steps=steps,
        warmup_steps=min(100, steps // 10),
        reset_rate=choose_reset_rate(epochs).value,
        corrections=(),
    )


def continue_plan(
    request: Request,
    model: ModelSettings,
    draft: TrainingSettings,
    text: TextSize,
    pace: Pace,
) -> Plan:
    """Complete a plan with what the pace decides: the steps and the intervals.

    Args:
        request: what the user asked for.
        model: the network.
        draft: the plan that `begin_plan` returned.
        text: the size of the text.
        pace: the measured speed of training.

    Raises:
        UsageError: if hardly any steps fit into the time.
    """
    characters = text.training_characters
    schedule = choose_schedule(draft, request, pace, characters, draft.first_step)
    steps, eval_every, checkpoint_every = schedule.value
    patience = choose_patience(request, schedule.value, pace.seconds_per_step)
    training = replace(
        draft,
        steps=steps,
        eval_every=eval_every,
        checkpoint_every=checkpoint_every,
        patience=patience.value,
    )
    choices: dict[str, Choice[Any]] = {
        "reset rate": explain_reset_rate(draft.reset_rate),
        "schedule": schedule,
        "patience": patience,
    }
    if evaluations := choose_evaluations(training, pace):
        choices["evaluations"] = evaluations
    seconds, _ = expected_seconds(training, pace)
    return Plan(model=model, training=training, pace=pace, seconds=seconds, choices=choices)


def _choose_sizes(
    request: Request, text: TextSize, machine: Machine, site: Site, speed: float
) -> tuple[ModelSettings, dict[str, Choice[Any]]]:
    """Choose a network for what training can compute in the time at a speed in operations."""
    smallest = request.model_settings(text.vocab_size, site.widths[0], 0.0)
    before = machine.elapsed() + site.seconds_to_compile(smallest)
    seconds = max(request.seconds * FILL - before, 0.0)
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
    optimizer = _choose_optimizer(request, model, site).value
    epochs = expected_epochs(request, text, model, site.batch, optimizer, operations, cost)
    dropout = choose_dropout(request, epochs, model, text.training_characters, optimizer)
    model = replace(model, dropout_rate=dropout.value, num_labels=text.num_labels)
    return model, {"width": width, "dropout": dropout}


def _draft(request: Request, text: TextSize, model: ModelSettings, site: Site) -> TrainingSettings:
    """Return a plan that lacks only what the pace decides."""
    chosen = {
        "steps": 1 if request.steps is None else request.steps,
        "batch_size": site.batch.batch_size,
        "sequence_length": site.batch.sequence_length,
        "learning_rate": _choose_rate(request, text, model, site).value,
        "warmup_steps": 0,
        "optimizer": _choose_optimizer(request, model, site).value,
        "gap_rate": GAP_RATE if model.direction == "both" else 0.0,
        "precision": site.precision,
        "devices": site.devices,
        "eval_every": 1,
        "checkpoint_every": 1,
    }
    # A short text may allow only a smaller batch than was asked for.
    return TrainingSettings(**(request.training_options | chosen))
