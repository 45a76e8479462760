"""Where a plan trains, a CPU or accelerators, and what a network costs there.

The numbers for accelerators were measured on an NVIDIA H200
(benchmarks/notebook/2026-11-27-gpu.md), unless a comment says what they are derived from.
"""

from collections.abc import Sequence
from typing import NamedTuple

from textgen.network.parameters import (
    multiplications_per_character,
    operations_per_character,
    stacks,
)
from textgen.planning.choices import MAX_EPOCHS, WIDTHS, BatchShape, TextSize
from textgen.runtime.accelerators import Accelerator
from textgen.runtime.cpu_memory import memory_on_cpu
from textgen.runtime.memory import training_memory
from textgen.settings import Computation, ModelSettings, Precision

# Part of the speed of large products that training reaches, as measured on two cores with networks
# of 2x128 to 3x512.
TRAINING_SHARE = 0.75
# Expected time in seconds to compile a network that was never compiled here, and what each layer
# adds to it.
SECONDS_TO_COMPILE, SECONDS_PER_LAYER = 2.0, 0.5

# The share and the time for an accelerator, between the starts of its kernels: a third at 512
# units, half at 1024, two thirds at 2048.
ACCELERATED_SHARE, ACCELERATED_SECONDS_TO_COMPILE = 0.4, 15.0
WIDE = (*WIDTHS, 1280, 1536, 2048, 3072, 4096)
# Time to start the kernels of a time step of one layer, in seconds. It hardly depends on the batch.
SECONDS_PER_TIME_STEP = 7e-6
# Fewest characters, counted again in each epoch, for each weight. On one million characters, 2x1024
# reached a lower loss than 2x512, with two characters for each weight.
CHARACTERS_PER_WEIGHT = 1.5
# Part of the memory that a plan fills. The rest is for errors of the estimate, and for evaluations
# on an accelerator or other programs on a CPU.
MEMORY_SHARE = 0.8


def seconds_to_compile(model: ModelSettings) -> float:
    """Return the expected time to compile a network for a CPU, in seconds."""
    return SECONDS_TO_COMPILE + SECONDS_PER_LAYER * model.num_layers * len(stacks(model))


class Site(NamedTuple):
    """Where and how a plan trains, as far as the choice of its sizes needs it.

    Attributes:
        accelerator: what trains; None for a CPU.
        batch: the shape of a batch.
        devices: cores or accelerators that share it.
        precision: numbers that products read.
        memory: memory that training on a CPU may still take, in bytes; None if it is not known.
    """

    accelerator: Accelerator | None
    batch: BatchShape
    devices: int
    precision: Precision
    memory: int | None = None

    @property
    def widths(self) -> Sequence[int]:
        """The widths of layers to choose from."""
        return WIDTHS if self.accelerator is None else WIDE

    @property
    def share(self) -> float:
        """Part of the speed of large products that training reaches."""
        return TRAINING_SHARE if self.accelerator is None else ACCELERATED_SHARE

    def seconds_to_compile(self, model: ModelSettings) -> float:
        """Return the expected time to compile a network."""
        if self.accelerator is None:
            return seconds_to_compile(model)
        return ACCELERATED_SECONDS_TO_COMPILE

    def seconds_to_start(self, model: ModelSettings) -> float:
        """Return the time for starting kernels, forward and backward, in seconds a character."""
        if self.accelerator is None:
            return 0.0
        layers = model.num_layers * len(stacks(model))
        return 2 * layers * SECONDS_PER_TIME_STEP / self.batch.batch_size

    def cost(self, model: ModelSettings, speed: float) -> float:
        """Return the operations per character that could be made in the time that it takes.

        Args:
            model: the network.
            speed: floating-point operations per second between the starts of kernels.
        """
        return operations_per_character(model) + speed * self.seconds_to_start(model)

    def speed(self, model: ModelSettings, characters_per_second: float) -> float:
        """Return the `speed` with which `cost` explains how fast a network trains."""
        if self.accelerator is None:
            return characters_per_second * operations_per_character(model)
        seconds = 1 / characters_per_second
        computing = max(seconds - self.seconds_to_start(model), 0.1 * seconds)
        return operations_per_character(model) / computing

    def suits(self, model: ModelSettings, text: TextSize) -> bool:
        """Return whether a network fits into the memory and is not too large for the text."""
        if self.accelerator is None:
            needed = memory_on_cpu(model, *self.batch, self.devices, self.precision)
            return self.memory is None or needed <= MEMORY_SHARE * self.memory
        memory = self.accelerator.memory
        rows = -(-self.batch.batch_size // self.devices)
        computation = Computation(self.precision, "scan")
        needed = training_memory(model, rows, self.batch.sequence_length, computation)
        if memory is not None and needed > MEMORY_SHARE * memory:
            return False
        weights = multiplications_per_character(model)
        return MAX_EPOCHS * text.training_characters >= CHARACTERS_PER_WEIGHT * weights
