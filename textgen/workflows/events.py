"""What happens while a command works, for the terminal to show."""

from dataclasses import dataclass

from textgen.runs.record import RunRecord
from textgen.runs.run import Run
from textgen.training.loop import Report


@dataclass(frozen=True)
class Note:
    """Something a user should know, in one line.

    Attributes:
        text: the line.
        grave: whether it tells of damage, which even a quiet command shows.
    """

    text: str
    grave: bool = False


@dataclass(frozen=True)
class Planned:
    """The plan is made and training begins.

    Attributes:
        run: where.
        record: with the plan in force.
        first_step: steps made already.
        seconds: that training is expected to take, if that was measured.
        reasons: why the plan is what it is, a line each.
    """

    run: Run
    record: RunRecord
    first_step: int
    seconds: float | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sampled:
    """A line in the manner of the network as it is now."""

    text: str


@dataclass(frozen=True)
class Saved:
    """A checkpoint is on the disk."""

    step: int


@dataclass(frozen=True)
class Ended:
    """Training has ended, with all of it saved.

    Attributes:
        run: where.
        record: of the run.
        step: the last one made.
        finished: whether the plan is over: carried out, or ended since nothing more was learnt.
        best_step: the checkpoint of lowest validation loss.
        best_loss: that loss in nats per character, if it was ever measured.
    """

    run: Run
    record: RunRecord
    step: int
    finished: bool
    best_step: int
    best_loss: float | None


Event = Note | Planned | Report | Sampled | Saved | Ended
