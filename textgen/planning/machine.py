"""What a plan asks of the machine that will carry it out."""

from dataclasses import dataclass
from typing import Protocol

from textgen.runtime.accelerators import Accelerator
from textgen.settings import ModelSettings, Precision, TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast this machine trains one network.

    Attributes:
        seconds_per_step: median time of a step.
        seconds_per_evaluation: time of one evaluation.
        seconds_to_start: time spent before the next step of the plan can run.
        steps_made: steps of the plan that were made to measure this.
    """

    seconds_per_step: float
    seconds_per_evaluation: float
    seconds_to_start: float
    steps_made: int = 0


class Machine(Protocol):
    """Answers two questions by measuring: how fast are large products, and how fast is training.

    It also knows four facts: its devices, what they are, its memory, and the time that has passed.
    """

    def accelerator(self) -> Accelerator | None:
        """Return what is known about the accelerators that train; None if a CPU does."""
        ...

    def devices(self, batch_size: int) -> int:
        """Return the largest number of devices here that can share a batch evenly."""
        ...

    def memory(self) -> int | None:
        """Return the memory that training on a CPU may still take, in bytes; None if unknown."""
        ...

    def elapsed(self) -> float:
        """Return the seconds since the user's time began."""
        ...

    def product_speed(self, devices: int, precision: Precision) -> float:
        """Return the speed of large matrix products, in floating-point operations per second."""
        ...

    def training_pace(self, model: ModelSettings, draft: TrainingSettings) -> Pace:
        """Return how fast this network trains, by making the first steps of a plan.

        What the draft leaves to the pace must not change these steps: they are kept. The draft's
        intervals do not matter.
        """
        ...
