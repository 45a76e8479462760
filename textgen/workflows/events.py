"""The events of training and other long work, for the terminal to show."""

from dataclasses import dataclass

from textgen.runs.record import RunRecord
from textgen.runs.run import Run
from textgen.training.loop import Report

# Seconds after which the pace of some work tells how long the rest takes.
LEAST_ELAPSED = 1.0


@dataclass(frozen=True)
class Note:
    """Something a user should know, in one line.

    Attributes:
        text: the line.
        grave: whether it reports damage or a failure. A quiet command shows only such notes.
    """

    text: str
    grave: bool = False


@dataclass(frozen=True)
class Working:
    """A piece of work begins that may take long and has no events of its own.

    Attributes:
        text: what is done, in a few words.
        seconds: about how long it still takes; None if that is not known.
    """

    text: str
    seconds: float | None = None


def reading_work(characters: int, share: float | None, elapsed: float) -> Working:
    """Return how far the reading of a text is.

    Args:
        characters: number of characters that are read.
        share: share of the work that is done, in [0, 1]; None if that is not known.
        elapsed: seconds that it has taken.
    """
    text = f"reading the text: {characters:,} characters"
    if elapsed >= LEAST_ELAPSED:
        text += f" at {characters / elapsed:,.0f} a second"
    left = elapsed * (1 - share) / share if share and elapsed >= LEAST_ELAPSED else 0.0
    return Working(text, left if left >= 1 else None)


@dataclass(frozen=True)
class Planned:
    """The plan is made and training begins.

    Attributes:
        run: the run.
        record: the record of the run, with the plan in force.
        first_step: number of steps that the run has made already.
        seconds: expected time of training; None if the pace was not measured.
        reasons: the reasons for the plan's choices, one line each.
    """

    run: Run
    record: RunRecord
    first_step: int
    seconds: float | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Begun:
    """Training begins from the weights of another run, which were measured on the new text.

    Attributes:
        name: name of that run.
        loss: validation loss of its weights, in nats per character.
    """

    name: str
    loss: float


@dataclass(frozen=True)
class Corrected:
    """The plan has another number of steps from now on, so that it ends at the time asked for.

    Attributes:
        record: the record of the run, with the corrected plan.
        step: the step after which it is corrected.
    """

    record: RunRecord
    step: int


@dataclass(frozen=True)
class Sampled:
    """A text that the network wrote after an evaluation.

    Attributes:
        text: the text, which may have several lines.
        step: the step of the evaluation.
    """

    text: str
    step: int


@dataclass(frozen=True)
class Saved:
    """A checkpoint is on the disk."""

    step: int


@dataclass(frozen=True)
class Ended:
    """Training has ended, and everything is saved; or there was nothing to train.

    Attributes:
        run: the run.
        record: the record of the run.
        step: the last step that was made.
        finished: whether the plan is complete, or has ended early since the loss no longer fell.
        best_step: the step of the checkpoint with the lowest validation loss.
        best_loss: that loss in nats per character; None if it was never measured.
        is_old: whether the run was finished before, so that no step was made. A note says so.
    """

    run: Run
    record: RunRecord
    step: int
    finished: bool
    best_step: int
    best_loss: float | None
    is_old: bool = False


Event = Note | Working | Planned | Begun | Report | Corrected | Sampled | Saved | Ended
