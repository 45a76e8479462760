"""Supervise training for new and resumed runs: report, evaluate, save, roll back and stop."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from textgen.data.labels import PlacedLabels, SplitLabels
from textgen.data.tokens import Tokens
from textgen.errors import DivergedError, SettingError, StorageError, TextgenError
from textgen.evaluation.missing import MissingEvaluator
from textgen.evaluation.protocols import Evaluator, bits_per_character
from textgen.network.model import Parameters, network_function
from textgen.network.parameters import operations_per_character, parameter_count, stacks
from textgen.planning.machine import Pace
from textgen.planning.request import Request
from textgen.planning.site import seconds_to_compile
from textgen.planning.timekeeping import Timekeeper
from textgen.runs.checkpoint import Checkpoint, ModelConfig
from textgen.runs.metrics import SAMPLE, VALIDATION
from textgen.runs.record import RunRecord
from textgen.runs.run import Run
from textgen.runtime.devices import make_mesh
from textgen.runtime.together import Together
from textgen.settings import ModelSettings, TrainingSettings
from textgen.training.loop import Report, Trainer
from textgen.training.train_state import state_arrays
from textgen.workflows.events import Corrected, Ended, Event, Note, Sampled, Saved, Working
from textgen.workflows.recover import prune, roll_back, store
from textgen.workflows.training_samples import sample_text, sampling_seconds

# Longest time for which steps are timed to make a plan, in seconds.
SECONDS_TO_MEASURE = 2.0
# Largest part of the time to fill for which steps are timed.
MEASURED_SHARE = 0.05
# Speed of training of two cores in floating-point operations per second. It only tells beforehand
# about how long measuring will take.
USUAL_SPEED = 150e9
# More layers than this are told while they are compiled, since they take long.
FEW_LAYERS = 4
# What a checkpoint holds of each parameter in bytes, how fast it is summed and written in bytes per
# second, and the time for its files in seconds.
SAVED_PER_PARAMETER, SAVED_PER_SECOND, SECONDS_TO_SAVE = 12, 400e6, 0.02


# The training part, the validation part, the id of the end symbol, the labels and the old text, as
# `make_trainer` takes them.
TrainerText = tuple[Tokens, Tokens, int | None, SplitLabels | None, Tokens | None]


@dataclass(frozen=True, kw_only=True)
class Supervision:
    """When to stop training, and which checkpoints to keep.

    Attributes:
        keep: number of the newest checkpoints to keep; the best is kept too.
        stop_after: a step before the plan's end after which to stop.
        should_stop: function that is called after every report; true saves a checkpoint and ends
            training.
        tell: function that is called with each piece of work that may take long before the plan is
            made.
        interruptible: function that returns a context for work that may wait for long, outside of
            JAX. There a request to stop raises a KeyboardInterrupt at once.
        together: the processes that train the network; None for this one alone.
    """

    keep: int = 3
    stop_after: int | None = None
    should_stop: Callable[[], bool] = lambda: False
    tell: Callable[[Working], None] = lambda _: None
    interruptible: Callable[[], AbstractContextManager[None]] = nullcontext
    together: Together | None = None

    def check(self) -> None:
        """Stop if asked to. Call this only while there is nothing to save.

        Raises:
            KeyboardInterrupt: if `should_stop` returns true.
        """
        if self.should_stop():
            raise KeyboardInterrupt

    def begin(self, work: str, seconds: float | None = None) -> None:
        """Tell what is done next, and about how long it takes, or stop if asked to.

        Call this only while there is nothing to save.

        Raises:
            KeyboardInterrupt: if `should_stop` returns true.
        """
        self.check()
        self.tell(Working(work, seconds))


def supervise(
    run: Run,
    record: RunRecord,
    trainer: Trainer,
    supervision: Supervision,
    timekeeper: Timekeeper | None = None,
) -> Iterator[Event]:
    """Train until the end of the plan or a stop, and save metrics and checkpoints.

    Args:
        run: the run; the caller holds its lock.
        record: the record of the run.
        trainer: the trainer, in the state to continue from.
        supervision: when to stop and which checkpoints to keep.
        timekeeper: what keeps the end of the plan at the time asked for; None for a plan whose
            steps are fixed.

    Yields:
        A report every few steps, a sampled text for each evaluation, `Saved` for each checkpoint,
        `Corrected` where the plan gets another end, notes about problems, and `Ended`.

    Raises:
        StorageError: if the last checkpoint cannot be written; earlier ones remain usable.
        DivergedError: if training diverges again after five roll-backs.
    """
    unsaved = list[dict[str, Any]]()
    while True:
        try:
            for event in _train(run, record, trainer, supervision, timekeeper, unsaved):
                if isinstance(event, Corrected):
                    record = event.record
                yield event
            return
        except DivergedError as error:
            yield roll_back(run, trainer, error)
            unsaved[:] = [row for row in unsaved if row["step"] <= trainer.progress.step]


def _train(
    run: Run,
    record: RunRecord,
    trainer: Trainer,
    supervision: Supervision,
    timekeeper: Timekeeper | None,
    unsaved: list[dict[str, Any]],
) -> Iterator[Event]:
    """Train until the end or a stop; `unsaved` holds the rows of metrics not yet written.

    Raises:
        DivergedError: if training diverges.
    """
    stop_after = supervision.stop_after
    for report in trainer.run(stop_after):
        yield report
        is_evaluated = report.validation_loss is not None
        if is_evaluated:
            row, sample = metrics_row(report), sample_text(trainer, record.config)
            unsaved.append(row if sample is None else row | {SAMPLE: sample})
            if sample is not None:
                yield Sampled(sample, report.step)
        stopping = report.step == stop_after or supervision.should_stop()
        leaving = stopping or trainer.is_over
        yield from _save(run, record, trainer, supervision, unsaved, report, leaving=leaving)
        if leaving:
            best = run.best_step(damaged=True)
            loss = run.validation_losses(damaged=True).get(best)
            yield Ended(run, record, report.step, trainer.is_over, best, loss)
            return
        if timekeeper is None:
            continue
        plan = timekeeper.correct(trainer.plan, report.step, is_evaluated=is_evaluated)
        if plan is None:
            continue
        corrected = replace(record, plans=(*record.plans[:-1], plan))
        try:
            # It is in the run before any step follows it, so that every resume makes the same.
            run.write_record(corrected)
        except StorageError as error:
            yield Note(f"the number of steps is not corrected: {error}", grave=True)
            continue
        record = corrected
        trainer.adopt(plan)
        yield Corrected(record, report.step)


def _save(
    run: Run,
    record: RunRecord,
    trainer: Trainer,
    supervision: Supervision,
    unsaved: list[dict[str, Any]],
    report: Report,
    *,
    leaving: bool,
) -> Iterator[Event]:
    """Write the rows of metrics, and a checkpoint if one is due after a report."""
    plan, checkpoint = trainer.plan, None
    if leaving or report.step % plan.checkpoint_every == 0:
        checkpoint = checkpoint_of(trainer, record.config, report.validation_loss)
    if checkpoint is None and not unsaved:
        return
    stored = yield from store(run, plan, unsaved, checkpoint, must=leaving)
    if stored and checkpoint is not None:
        yield Saved(report.step)
        try:
            prune(run, plan, supervision.keep)
        except StorageError as error:
            yield Note(str(error), grave=True)


def check_stop_after(supervision: Supervision, step: int) -> None:
    """Check that the step to stop after is still to come.

    Raises:
        SettingError: if the run has reached that step already.
    """
    if supervision.stop_after is not None and supervision.stop_after <= step:
        allowed = f"above {step}, the step that the run has reached"
        raise SettingError("stop_after", supervision.stop_after, allowed)


def make_trainer(
    model: ModelSettings,
    plan: TrainingSettings,
    training: Tokens,
    validation: Tokens,
    end_id: int | None = None,
    labels: SplitLabels | None = None,
    old: Tokens | None = None,
    *,
    together: Together | None = None,
    place: Mapping[str, Any] | None = None,
) -> Trainer:
    """Make the trainer of a plan. It evaluates on a part of the validation text.

    Args:
        model: the network's shape.
        plan: how to train it.
        training: ids of the training text, unsigned [N].
        validation: ids of the validation text, unsigned [M] with M at least 2.
        end_id: id of the end symbol if the text is made of documents.
        labels: labels of the documents; None if they have none.
        old: ids of the old text that a share of each batch reads; None if there is none.
        together: the processes that train the network; None for this one alone.
        place: where the others find the text, if this process leads them.

    Raises:
        SettingError: if the network or a batch cannot fit into memory, or there are fewer devices
            than the plan uses.
    """
    if together is not None:
        together.forget()
    if together is not None and together.leads:
        together.say("trainer", model=model.to_json(), plan=plan.to_json(), text=place)
    mesh = make_mesh(plan.devices, plan.batch_size)
    kind = MissingEvaluator if model.direction == "both" else Evaluator
    evaluator = kind(network_function(model), model, mesh)
    of_training = placed = None
    if labels is not None and end_id is not None:
        of_training = labels.training
        placed = PlacedLabels(validation, end_id, labels.validation)

    def validation_loss(parameters: Parameters) -> float:
        return evaluator.part(parameters, validation, placed)

    def compile_evaluation(parameters: Parameters) -> None:
        evaluator.compile_part(parameters, validation, placed)

    text = training, validation_loss, end_id, of_training, old
    if together is None:
        return Trainer(model, plan, *text, compile_evaluation=compile_evaluation)
    try:
        trainer = Trainer(model, plan, *text, together)
    except TextgenError as error:
        together.agree(error)
        raise
    together.agree(None)
    return trainer


def tell_many_layers(model: ModelSettings, supervision: Supervision) -> None:
    """Tell about how long a network of many layers is compiled, before it is made.

    Raises:
        KeyboardInterrupt: if it is asked to stop.
    """
    layers = model.num_layers * len(stacks(model))
    if layers > FEW_LAYERS:
        supervision.begin(f"compiling a network of {layers} layers", seconds_to_compile(model))


def measure_pace(trainer: Trainer, request: Request, supervision: Supervision) -> Pace:
    """Measure the pace of a trainer by the first steps of its plan, which are kept.

    An evaluation includes the text that is sampled after it, and its checkpoint.

    Args:
        trainer: the trainer, with the plan of `begin_plan`.
        request: what the user asked for.
        supervision: when to stop.

    Raises:
        KeyboardInterrupt: if it is asked to stop.
    """
    model, plan = trainer.model, trainer.plan
    seconds = SECONDS_TO_MEASURE
    if request.steps is None:
        seconds = min(seconds, request.seconds * MEASURED_SHARE)
    compiling = seconds_to_compile(model)
    operations = operations_per_character(model) * plan.characters_per_step
    about, begun = compiling + seconds + 2 * operations / USUAL_SPEED, time.perf_counter()
    layers = model.num_layers * len(stacks(model))

    def begin(work: str) -> None:
        if work.startswith("compiling") and layers > FEW_LAYERS:
            work = f"{work} of {layers} layers"
        left = about - (time.perf_counter() - begun)
        supervision.begin(f"measuring: {work}", left if left >= 1 else None)

    most = _steps_to_measure(trainer, request, supervision)
    pace = trainer.measure(seconds, most, begin, supervision.check)
    saving = SAVED_PER_PARAMETER * parameter_count(model) / SAVED_PER_SECOND + SECONDS_TO_SAVE
    after = sampling_seconds(trainer) + saving
    supervision.check()
    return replace(pace, seconds_per_evaluation=pace.seconds_per_evaluation + after)


def _steps_to_measure(trainer: Trainer, request: Request, supervision: Supervision) -> int:
    """Return how many steps can be made before anything but steps is due."""
    plan, step = trainer.plan, trainer.progress.step
    ends = [step + max(plan.steps // 10, 3), plan.last_step - 1]
    for name in ("eval_every", "checkpoint_every"):
        if every := request.asked.get(name):
            ends.append(step - step % every + every - 1)
    if supervision.stop_after is not None:
        ends.append(supervision.stop_after - 1)
    return max(min(ends) - step, 0)


def checkpoint_of(trainer: Trainer, config: ModelConfig, loss: float | None) -> Checkpoint:
    """Return the state of a trainer as a checkpoint.

    Args:
        trainer: the trainer.
        config: the model that it trains.
        loss: validation loss of its parameters, in nats per character; None if not measured.
    """
    state, step = trainer.arrays(), trainer.progress.step
    parameters = {name: np.asarray(array) for name, array in state.parameters.items()}
    return Checkpoint(
        step=step,
        validation_loss=loss,
        progress=asdict(trainer.progress),
        config=config,
        parameters=parameters,
        train_state=state_arrays(state),
    )


def metrics_row(report: Report) -> dict[str, float]:
    """Return what a report says as JSON holds it; losses are in bits per character."""
    losses = {"training": report.training_loss}
    if report.validation_loss is not None:
        losses["validation"] = report.validation_loss
    return {
        "step": report.step,
        **{f"{kind}_bits_per_character": bits_per_character(loss) for kind, loss in losses.items()},
        "learning_rate": report.learning_rate,
        "gradient_norm": report.gradient_norm,
        "seconds": round(report.seconds, 3),
        "characters_per_second": round(report.characters_per_second, 1),
    }


def first_metrics_row(loss: float) -> dict[str, float]:
    """Return what `metrics_row` returns for the loss of weights before any step."""
    return {"step": 0, VALIDATION: bits_per_character(loss)}


def installed_versions() -> dict[str, str]:
    """Return the versions of textgen and of the packages that affect the results of a run."""
    names = ("textgen-lstm", "jax", "flax", "optax", "numpy")
    return {name: version(name) for name in names}
