"""Training as a generator of reports."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from statistics import median
from typing import Any, cast

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from numpy.typing import NDArray

from textgen.data.document_streams import DocumentStreams
from textgen.data.labels import Labels
from textgen.data.mixed_streams import MixedStreams, Readers
from textgen.data.streams import Streams
from textgen.data.tokens import Tokens
from textgen.errors import DivergedError
from textgen.network.model import Parameters, initial_parameters, network_function
from textgen.planning.machine import Pace
from textgen.runtime.background import Background
from textgen.runtime.devices import DATA, is_accelerated, make_mesh, share_from_first, to_host
from textgen.runtime.memory import check_memory
from textgen.runtime.together import Call, Together
from textgen.settings import LOOKAHEAD, ModelSettings, TrainingSettings
from textgen.training.optimizer import learning_rates
from textgen.training.train_state import TrainState, fresh_state, place, shapes_of_state
from textgen.training.train_step import Batch, Recipe, make_train_steps, steps_per_call

# Number of learning rates computed at once, one for each step.
RATES_PER_CALL = 4096
# If the first step takes longer than this, in seconds, no other step is timed.
SECONDS_OF_SLOW_STEP = 20.0
# Time between two looks at whether to stop, while the step is compiled, in seconds.
SECONDS_BETWEEN_CHECKS = 0.2
# Training has diverged when a loss is this much above the best one, in nats per character.
JUMP = 1.0

# The next trainings of this process that are alike compile nothing anew.
_train_steps = lru_cache(maxsize=8)(make_train_steps)


@dataclass(frozen=True, kw_only=True)
class Report:
    """The result of one or more steps.

    Attributes:
        step: the last step, counted from 1 at the start of the run.
        loss: loss of the last step's batch, in nats per character.
        training_loss: mean loss of the steps since the last evaluation, in nats per character.
        validation_loss: in nats per character; None if the last step ended without an evaluation.
        learning_rate: learning rate of the last step.
        gradient_norm: global norm of the last step's gradient, before clipping.
        seconds: time spent on training since the start of the run, without steps rolled back.
        characters_per_second: speed of the steps since the last evaluation, without evaluations.
    """

    step: int
    loss: float
    training_loss: float
    validation_loss: float | None
    learning_rate: float
    gradient_norm: float
    seconds: float
    characters_per_second: float


@dataclass(kw_only=True)
class Progress:
    """The progress of training: all of its state that is not an array.

    Attributes:
        step: number of steps made since the start of the run.
        loss_sum: sum of the losses of the steps since the last evaluation, in nats per character.
        loss_count: number of these steps.
        seconds: time spent on training since the start of the run, without steps rolled back.
        best_loss: lowest validation loss of the plan so far, in nats per character.
        best_training_loss: mean training loss reported with it, in nats per character.
        waited: number of evaluations since the lowest validation loss.
        rollbacks: the roll-backs of the plan so far, each as the step at which training diverged
            and the step to which it went back.
    """

    step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    seconds: float = 0.0
    best_loss: float | None = None
    best_training_loss: float | None = None
    waited: int = 0
    rollbacks: tuple[tuple[int, int], ...] = ()

    @property
    def rate_scale(self) -> float:
        """The factor on the plan's learning rates: each roll-back halves them."""
        return 0.5 ** len(self.rollbacks)

    def note_validation(self, loss: float, training_loss: float) -> None:
        """Record an evaluation, and start a new mean of the training loss.

        One loss alone may rise without divergence: the validation loss rises when the network
        overfits, and the training loss where the text changes.

        Args:
            loss: loss on the validation text, in nats per character.
            training_loss: mean loss since the evaluation before, in nats per character.

        Raises:
            DivergedError: if the validation loss is not finite, or if both losses are far above
                those of the best evaluation.
        """
        if not np.isfinite(loss) or (
            self.best_loss is not None
            and self.best_training_loss is not None
            and loss > self.best_loss + JUMP
            and training_loss > self.best_training_loss + JUMP
        ):
            raise DivergedError(self.step, loss)
        self.loss_sum, self.loss_count = 0.0, 0
        if self.best_loss is None or loss < self.best_loss:
            self.best_loss, self.best_training_loss, self.waited = loss, training_loss, 0
        else:
            self.waited += 1

    def of_new_plan(self) -> "Progress":
        """Return the progress with which the next plan of the run begins."""
        return replace(self, best_loss=None, best_training_loss=None, waited=0, rollbacks=())

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Progress":
        """Read what `asdict` returned, in this or an older version of textgen.

        Raises:
            ValueError: if a name is unknown or a value is invalid.
        """
        try:
            pairs = tuple((int(step), int(to)) for step, to in values.get("rollbacks", ()))
            progress = cls(**{**values, "rollbacks": pairs})
        except (TypeError, OverflowError) as error:
            raise ValueError(str(error)) from error
        for name, value in asdict(progress).items():
            if name == "rollbacks" or (value is None and name.startswith("best")):
                continue
            whole = name in ("step", "loss_count", "waited")
            if type(value) not in ((int,) if whole else (int, float)) or not 0 <= value < np.inf:
                raise ValueError(f"{name} is {value!r}")
        return progress


class Trainer:
    """Trains a network by a plan on a text. Iterating over `run` changes the state.

    Attributes:
        state: the parameters, the optimizer state and the recurrent state.
        progress: the progress of training that belongs to this state.
    """

    def __init__(
        self,
        model: ModelSettings,
        plan: TrainingSettings,
        training: Tokens,
        validation_loss: Callable[[Parameters], float],
        end_id: int | None = None,
        labels: Labels | None = None,
        old: Tokens | None = None,
        together: Together | None = None,
        compile_evaluation: Callable[[Parameters], None] = lambda _: None,
    ) -> None:
        """Create the network and its optimizer, with parameters from the plan's seed.

        The training step is compiled in the background meanwhile.

        Args:
            model: the network's shape.
            plan: how to train it.
            training: ids of the training text, unsigned [N].
            validation_loss: function that returns the loss of some parameters on the validation
                text, in nats per character.
            end_id: id of the end symbol if the text is made of documents.
            labels: ids of the labels of each document, int [D, K]; None if they have none.
            old: ids of the old text that a share of each batch reads, unsigned [K]; None if the
                plan has no such share.
            together: the processes that train the network; None for this one alone. What the
                trainer of process 0 does with the devices, it tells the others.
            compile_evaluation: function that compiles what `validation_loss` runs, for parameters
                of these shapes, and runs nothing.

        Raises:
            SettingError: if the network or a batch cannot fit into memory, or there are fewer
                devices than the plan uses.
        """
        self._began = time.perf_counter()
        self._together = together
        # The mesh comes first: it decides how many devices JAX starts with.
        self._mesh = make_mesh(plan.devices, plan.batch_size)
        check_memory(model, plan)
        self.model, self.plan = model, plan
        apply = network_function(model, plan.computation)
        self._compile_evaluation = compile_evaluation
        self._training, self._validation_loss = training, validation_loss
        self._end_id, self._labels, self._old = end_id, labels, old
        self._streams = self._open_streams()
        self._steps = _train_steps(Recipe(apply, model, plan, self._mesh))
        self._at_once = steps_per_call(model, plan, on_cpu=not is_accelerated(self._mesh))
        self._rates: dict[int, NDArray[np.float32]] = {}
        self.progress = Progress(step=plan.first_step)
        # With other processes, what all of them do is done in one order.
        background = together is None and plan.steps > 0
        self._compiled = Background(self._compile) if background else None
        self.state = place(self.fresh_state(initial_parameters(model, plan.seed)), self._mesh)

    def _compile(self) -> None:
        """Compile the training steps for the shapes of their arguments; run nothing."""
        inputs, targets, resets, labels = self._stack([self._streams.batch(self.plan.first_step)])
        count = np.zeros(self._at_once, np.int32)
        steps = Batch(inputs, targets, resets, count, count.astype(np.float32), labels)
        state = shapes_of_state(self.model, self.plan, self._mesh)
        self._steps.lower(state, np.int32(1), steps).compile()

    def fresh_state(self, parameters: Parameters) -> TrainState:
        """Return the state with these parameters, before any step."""
        return fresh_state(self.model, self.plan, parameters)

    def restart(self) -> None:
        """Start the plan again, with parameters from its seed."""
        parameters = initial_parameters(self.model, self.plan.seed)
        self.restore(self.fresh_state(parameters), Progress(step=self.plan.first_step))

    def restore(self, state: TrainState, progress: Progress) -> None:
        """Continue from another state."""
        with self._all_do("restore"):
            if self._together is not None:
                state = share_from_first(state, is_first=self._together.leads)
            self.state = place(state, self._mesh)
        self.progress = progress

    def arrays(self) -> TrainState:
        """Return a copy of the state as arrays of NumPy."""
        with self._all_do("arrays"):
            return cast(TrainState, to_host(self.state))

    def adopt(self, plan: TrainingSettings) -> None:
        """Take a plan with other steps, intervals and reset rate; nothing is compiled again."""
        with self._all_do("adopt", plan=plan.to_json()):
            pass
        is_read_alike = plan.reset_rate == self.plan.reset_rate
        self.plan, self._rates = plan, {}
        if not is_read_alike:
            self._streams = self._open_streams()

    def _open_streams(self) -> Readers:
        rows = self.plan.batch_size - self.plan.old_rows
        streams: Readers = self._streams_of(self._training, rows, self._labels)
        if self._old is not None:
            old = self._streams_of(self._old, self.plan.old_rows, None)
            streams = MixedStreams(streams, old, rows)
        if self._together is None:
            return streams
        own = self.plan.batch_size // self._together.count
        begin = own * self._together.process
        return streams.part(begin, begin + own)

    def _streams_of(self, tokens: Tokens, rows: int, labels: Labels | None) -> Readers:
        plan = self.plan
        shape = rows, plan.sequence_length, plan.seed, plan.reset_rate
        lookahead = LOOKAHEAD if self.model.direction == "both" else 0
        # A text of documents begins with the end symbol, and no other text holds it.
        if self._end_id is None or tokens[0] != self._end_id:
            return Streams(tokens, *shape, lookahead)
        return DocumentStreams(tokens, self._end_id, *shape, labels, lookahead)

    @property
    def is_over(self) -> bool:
        """Whether the plan is complete, or has ended early since the loss no longer falls."""
        return self.plan.is_over(self.progress.step, self.progress.waited)

    def evaluate(self) -> float:
        """Return the loss of the parameters on the validation text, in nats per character."""
        with self._all_do("evaluate"):
            return self._validation_loss(self.state.parameters)

    @contextmanager
    def _all_do(self, name: str, **values: Any) -> Iterator[None]:
        """Let all processes do what this one does in the context; see `follow`."""
        if self._together is None:
            yield
            return
        if self._together.leads:
            self._together.say(name, **values)
        with self._together.working(name):
            yield

    def follow(self, call: Call) -> None:
        """Do what the trainer of process 0 does. Its values are those of the method's `_all_do`."""
        values = call.values
        if call.name == "restore":
            self.restore(self.state, self.progress)
        elif call.name == "adopt":
            self.adopt(TrainingSettings.from_json(values["plan"]))
        elif call.name == "advance":
            self.advance(values["step"], np.array(values["rates"], np.float32))
        else:
            {"arrays": self.arrays, "evaluate": self.evaluate}[call.name]()

    def measure(
        self,
        seconds: float,
        most_steps: int,
        begin: Callable[[str], None] = lambda _: None,
        check: Callable[[], None] = lambda: None,
    ) -> Pace:
        """Compile, make the first steps of the plan, and time them and an evaluation.

        The steps count: training goes on after them. Where fewer than two may be made, one is timed
        that changes nothing.

        Args:
            seconds: how long to time steps. Where a group of steps takes longer, one is timed.
            most_steps: largest number of steps to make.
            begin: function that is called before each piece of work, with its name. It may raise an
                exception to end the measurement; the state is then of no use.
            check: function that is called now and then while the step is compiled, and may raise
                an exception too.

        Returns:
            The pace. The time to start is that until the first step was done.
        """
        begin("compiling the training step")
        while self._compiled is not None and not self._compiled.is_done:
            check()
            with suppress(TimeoutError):
                self._compiled.result(SECONDS_BETWEEN_CHECKS)
        begin("making the first training steps")
        saved, before = self.arrays(), replace(self.progress)
        # The evaluation is compiled while the first steps are made, and these are not timed.
        compiling = None if self._compiled is None else Background(self._compile_part)
        durations = list[float]()
        try:
            first = self._seconds_per_step(min(most_steps, 1))
            to_start = time.perf_counter() - self._began
            while compiling and not compiling.is_done and self._made(before) < most_steps // 2:
                begin("making the first training steps")
                left = most_steps // 2 - self._made(before)
                self._seconds_per_step(min(self._at_once, left))
            if compiling is not None:
                compiling.result()
            begun, together = time.perf_counter(), first * self._at_once < seconds
            while self._made(before) < most_steps and first <= SECONDS_OF_SLOW_STEP:
                begin("timing training steps")
                left = most_steps - self._made(before)
                count = min(self._at_once if together else 1, left)
                durations.append(self._seconds_per_step(count))
                if time.perf_counter() - begun >= seconds:
                    break
            if not durations and first <= SECONDS_OF_SLOW_STEP:
                durations.append(self._seconds_per_step(0))
        except DivergedError:
            # Training diverges again from here, which whoever runs it can mend.
            self.restore(saved, before)
            to_start = time.perf_counter() - self._began
            first = self._seconds_per_step(0)
        begin("timing an evaluation")
        if compiling is None:
            self.evaluate()
        return Pace(
            seconds_per_step=median(durations or [first]),
            seconds_per_evaluation=_seconds_of(self.evaluate),
            seconds_to_start=to_start,
            steps_made=self._made(before),
        )

    def _compile_part(self) -> None:
        self._compile_evaluation(shapes_of_state(self.model, self.plan, self._mesh).parameters)

    def _made(self, before: Progress) -> int:
        return self.progress.step - before.step

    def _seconds_per_step(self, count: int) -> float:
        """Make some steps, and return the time of each in seconds.

        None stands for one that leaves everything as it was.

        Raises:
            DivergedError: if a loss is not finite.
        """
        if count:
            duration = _seconds_of(lambda: self._make_steps(count))
            self.progress.seconds += duration
            return duration / count
        saved, zero = self.arrays(), np.zeros(1, np.float32)
        duration = _seconds_of(lambda: self.advance(self.progress.step, zero))
        self.restore(saved, self.progress)
        return duration

    def _make_steps(self, count: int) -> tuple[float, float, float]:
        """Make the next steps of the plan, and note their progress.

        Returns:
            The loss of the last step, the norm of its gradient, and its learning rate.

        Raises:
            DivergedError: if a loss or a gradient is not finite.
        """
        progress = self.progress
        rates = self._rates_of(progress.step - self.plan.first_step, count)
        rates = rates * np.float32(progress.rate_scale)
        losses, norms = self.advance(progress.step, rates)
        for loss, norm in zip(losses, norms, strict=True):
            progress.step += 1
            if not np.isfinite([loss, norm]).all():
                raise DivergedError(progress.step, loss if np.isfinite(norm) else norm)
            progress.loss_sum += loss
            progress.loss_count += 1
        return losses[-1], norms[-1], float(rates[-1])

    def run(self, stop_after: int | None = None) -> Iterator[Report]:
        """Train to the end of the plan, or until the validation loss no longer falls.

        Args:
            stop_after: a step before the plan's end after which to stop.

        Yields:
            A report every few steps, at every evaluation, at every step for which the plan has a
            checkpoint, and at the last step. `state` and `progress` are those after that step.

        Raises:
            DivergedError: if a loss is not finite or is far above its best value; `state` must
                then be replaced before training continues.
        """
        progress, characters, busy = self.progress, 0, 0.0
        # Whoever gets a report may give the plan another end.
        while progress.step < (stop_after or self.plan.last_step) and not self.is_over:
            plan, started = self.plan, time.perf_counter()
            last = min(plan.last_step, stop_after or plan.last_step)
            count = min(
                self._at_once,
                last - progress.step,
                *(
                    every - progress.step % every
                    for every in (plan.eval_every, plan.checkpoint_every)
                ),
            )
            loss, norm, rate = self._make_steps(count)
            characters += count * plan.characters_per_step
            busy += time.perf_counter() - started
            training_loss = progress.loss_sum / progress.loss_count
            validation_loss = None
            if progress.step % plan.eval_every == 0 or progress.step == plan.last_step:
                validation_loss = self.evaluate()
                progress.note_validation(validation_loss, training_loss)
            progress.seconds += time.perf_counter() - started
            yield Report(
                step=progress.step,
                loss=loss,
                training_loss=training_loss,
                validation_loss=validation_loss,
                learning_rate=rate,
                gradient_norm=norm,
                seconds=progress.seconds,
                characters_per_second=characters / busy,
            )
            if validation_loss is not None:
                characters, busy = 0, 0.0

    def _rates_of(self, first: int, count: int) -> NDArray[np.float32]:
        """Return the learning rates of `count` steps of the plan; step `first` counts from 0."""
        begin = first - first % RATES_PER_CALL
        if begin not in self._rates:
            # A call may begin with the last step of this block, and needs the rates after it too.
            self._rates = {begin: learning_rates(self.plan, begin, RATES_PER_CALL + self._at_once)}
        return self._rates[begin][first - begin :][:count]

    def advance(self, step: int, rates: NDArray[np.float32]) -> tuple[list[float], list[float]]:
        """Make steps, wait until they are done, and copy their losses to the host.

        Args:
            step: number of steps made before.
            rates: learning rate of each step, float32 [K].

        Returns:
            The losses, and the norms of the gradients, of the K steps.
        """
        with self._all_do("advance", step=step, rates=rates.tolist()):
            return self._advance(step, rates)

    def _advance(self, step: int, rates: NDArray[np.float32]) -> tuple[list[float], list[float]]:
        count = len(rates)
        batches = [self._streams.batch(step + index) for index in range(count)]
        indices = self._indices(count)
        inputs, targets, resets, labels = self._stack(batches)
        steps = (step + indices).astype(np.int32)
        stacked = Batch(inputs, targets, resets, steps, rates[indices], labels)
        if self._compiled is not None:
            self._compiled.result()
        self.state, measures = self._steps(self.state, np.int32(count), stacked)
        losses, norms = to_host(measures)[:count].T
        return losses.tolist(), norms.tolist()

    def _indices(self, count: int) -> NDArray[np.int64]:
        """Return the index of the batch at each place of those that the compiled code takes.

        Their number is fixed. The last of `count` batches is repeated to fill up; the repetitions
        are not trained on.
        """
        return np.minimum(np.arange(self._at_once), count - 1)

    def _stack(self, batches: Sequence[Any]) -> list[Any]:
        """Return the inputs, targets, resets and labels of batches as the compiled code takes them.

        Each has a first axis for the batches; see `_indices`.
        """
        indices = self._indices(len(batches))
        return [
            None if column[0] is None else self._divide(np.stack([column[i] for i in indices]))
            for column in zip(*batches, strict=True)
        ]

    def _divide(self, rows: NDArray[Any]) -> Any:
        """Return the whole of batches whose own rows [K, b, ...] this process has made."""
        if self._together is None:
            return rows
        sharding = NamedSharding(self._mesh, PartitionSpec(None, DATA))
        return jax.make_array_from_process_local_data(sharding, rows)


def _seconds_of(work: Callable[[], object]) -> float:
    """Return the time that a function takes in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
