"""What a user asked to train, from the command line or from Python. This module imports no JAX."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textgen.data.formats.decoding import Normalization
from textgen.data.text_rules import TextRules
from textgen.planning.request import Request
from textgen.tracking.trackers import LogTarget, open_trackers

if TYPE_CHECKING:
    from textgen.runtime.together import Together
    from textgen.workflows.events import Event, Working


@dataclass(frozen=True, kw_only=True)
class TrainingOrder:
    """A run to train or to resume; what contradicts itself was refused before.

    Attributes:
        sources: files, folders and names of shipped texts; none for the shipped fables.
        run: name or path of the new run; None to name it after its text.
        request: how long to train, and the settings that were given.
        rules: how the text is made of the sources.
        resume: name or path of the run to continue; None for a new run.
        from_run: name or path of the run whose weights a new run begins with; None for random ones.
        normalization: Unicode normal form of the text, if one was given.
        keep: number of the newest checkpoints to keep, besides the best one.
        stop_after: step after which to save and stop; None for the plan's end.
        keep_corpus: whether the run keeps its text.
        is_verbose: whether to note each file that is read or passed over.
        log_to: where to log the training, besides metrics.jsonl.
        only_plans: whether to end with the plan; see `start_training`.
    """

    sources: tuple[Path, ...] = ()
    run: str | None = None
    request: Request
    rules: TextRules
    resume: str | None = None
    from_run: str | None = None
    normalization: Normalization | None = None
    keep: int = 3
    stop_after: int | None = None
    keep_corpus: bool = True
    is_verbose: bool = False
    log_to: tuple[LogTarget, ...] = ()
    only_plans: bool = False

    def events(
        self,
        *,
        should_stop: Callable[[], bool] = lambda: False,
        tell: "Callable[[Working], None]" = lambda _: None,
        interruptible: Callable[[], AbstractContextManager[None]] = nullcontext,
        together: "Together | None" = None,
        started: float | None = None,
    ) -> "Iterator[Event]":
        """Train.

        Args:
            should_stop: see `Supervision`.
            tell: see `Supervision`.
            interruptible: see `Supervision`.
            together: see `Supervision`.
            started: the `time.perf_counter` at which the user's time began; now if None.

        Yields:
            The events of `start_training` or `resume_training`.

        Raises:
            UsageError: if something to log to is missing; nothing is read or written then.
            TextgenError: as the two functions.
        """
        from textgen.workflows.begin_from import BeginFrom
        from textgen.workflows.resume import resume_training
        from textgen.workflows.supervise import Supervision
        from textgen.workflows.train import start_training
        from textgen.workflows.training_log import TrainingLog

        log = TrainingLog(open_trackers(self.log_to))

        def tell_and_log(work: "Working") -> None:
            log.take(work)
            tell(work)

        supervision = Supervision(
            keep=self.keep,
            stop_after=self.stop_after,
            should_stop=should_stop,
            tell=tell_and_log,
            interruptible=interruptible,
            together=together,
        )
        request = self.request
        if self.resume is None:
            begin = None
            if self.from_run is not None:
                begin = BeginFrom(name=self.from_run, normalization=self.normalization)
            events = start_training(
                self.sources,
                self.run,
                request,
                supervision,
                rules=self.rules,
                begin_from=begin,
                keep_corpus=self.keep_corpus,
                is_verbose=self.is_verbose,
                only_plans=self.only_plans,
                started=started,
            )
        else:
            events = resume_training(
                self.resume,
                supervision,
                steps=request.steps,
                minutes=request.minutes,
                devices=request.asked.get("devices"),
                patience=request.asked.get("patience"),
                started=started,
            )
        yield from log.follow(events)
