"""The scheduler: one thread that writes all texts that are ordered of the served models."""

from collections.abc import Callable, Mapping, Sequence

from textgen.generation.model import Model
from textgen.serve.figures import Figures
from textgen.serve.order import Order, Part
from textgen.serve.served_model import ServedModel

# Takes the parts of a text, or what went wrong. It is called on the scheduler's thread.
Deliver = Callable[[Part | Exception], None]


class Ticket:
    """A text that was ordered."""

    def cancel(self) -> None:
        """End the text; it frees its place before the next piece, and is delivered as `cut`."""
        raise NotImplementedError


class Scheduler:
    """Writes the texts that are ordered of some models; those that run share compiled loops.

    Attributes:
        models: the served models by id.
    """

    models: Mapping[str, ServedModel]

    def __init__(
        self,
        models: Sequence[Model],
        *,
        sessions: int = 64,
        max_running: int = 256,
        max_waiting: int = 1024,
        follow: bool = False,
    ) -> None:
        """Prepare to serve models.

        Args:
            models: the models; the names of their runs are their ids.
            sessions: number of states that are kept, by what was read and written before them.
            max_running: largest number of texts that are written at the same time.
            max_waiting: largest number of texts that wait for a place.
            follow: whether a new best checkpoint of a run is served as soon as it is there.

        Raises:
            UsageError: if two runs have the same name, or one reads in both directions.
        """
        raise NotImplementedError

    def start(self) -> None:
        """Compile what is used most and start the thread; return when texts can be written."""
        raise NotImplementedError

    def submit(self, order: Order, deliver: Deliver) -> Ticket:
        """Order a text. This can be called from any thread and returns at once.

        Args:
            order: what to write.
            deliver: is called with each part of the text. Its last call has a part that says why
                the text ends, or an exception.

        Raises:
            QueueFullError: if too many texts wait.
            UsageError: if the order cannot be written.
        """
        raise NotImplementedError

    def close(self, seconds: float) -> None:
        """Take no more orders, finish texts for this many seconds, cut the rest, and end."""
        raise NotImplementedError

    def figures(self) -> Figures:
        """Return what was done since the start."""
        raise NotImplementedError
