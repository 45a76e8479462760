"""How much memory training takes on a CPU, and what uses a trained network in compiled code.

The constants were measured with XLA's own count and with the memory of processes, on networks of
8 to 2048 units with alphabets of 65 to 190,000 characters
(benchmarks/notebook/2026-11-27-memory.md and 2026-11-28-memory.md).
"""

import math

from textgen.network.cells import CELLS
from textgen.network.parameters import (
    LOGITS_AT_ONCE,
    MAX_ONE_HOT,
    MOST_LOGITS,
    parameter_count,
    parameter_shapes,
    stacks,
)
from textgen.runtime.devices import is_update_shared
from textgen.runtime.room import check_room
from textgen.settings import LOOKAHEAD, ModelSettings, Precision

# What a process takes to compile a network and to run it, besides all arrays, in bytes: at all, and
# for each layer of each direction. Products of bfloat16 are in unrolled loops, which are longer.
OVERHEAD, OVERHEAD_OF_A_LAYER, UNROLLED = 160 * 2**20, 28 * 2**20, 3
# glibc keeps a freed array of fewer bytes: its largest threshold of mmap.
LARGEST_KEPT_ARRAY = 32 * 2**20
# Copies of the parameters that are freed before the first step, on the host and on each device.
FREED_COPIES = 3
# Characters that an evaluation during training reads at once.
EVALUATED = {"forward": 64 * 128, "both": 32 * 384}
# Numbers that training holds for each logit: of a small vocabulary, which are kept for the backward
# pass, and of a large one, of which only a piece is held at once. Evaluations hold fewer.
PER_LOGIT, PER_LOGIT_OF_A_PIECE, PER_EVALUATED_LOGIT = 4, 3, 1.1
# How much more is kept of each character where products read bfloat16: both forms are held.
BFLOAT16_FACTOR = 1.4


def memory_on_cpu(
    model: ModelSettings,
    batch_size: int,
    sequence_length: int,
    devices: int,
    precision: Precision,
) -> int:
    """Return about how much memory training takes on a CPU, besides what the process holds before.

    Every device holds all parameters, its part of their moments, and all gradients. The process
    holds a copy of the parameters and the moments while its speed is measured and while it saves,
    and packs them for a checkpoint. What a step keeps of its batch, an evaluation and the packing
    come one after the other, so that the largest of them counts. The memory of arrays of less than
    32 MiB that are freed is not given back to the system, so that a network of 1,460 units can take
    less than one of 1,440.

    Args:
        model: the network.
        batch_size: sequences of a batch.
        sequence_length: characters of a sequence.
        devices: CPU devices that share the batch.
        precision: numbers that products read.

    Returns:
        A number of bytes.
    """
    shapes = parameter_shapes(model).values()
    parameters = parameter_count(model)
    divided = sum(math.prod(shape) for shape in shapes if is_update_shared(shape, devices))
    updated = divided + devices * (parameters - divided)
    on_devices = devices * parameters + 2 * updated
    in_step = devices * parameters + updated
    copied, packed = 3 * parameters, 4 * parameters
    lookahead = LOOKAHEAD if model.direction == "both" else 0
    characters = batch_size * (sequence_length + lookahead)
    layers = model.num_layers * len(stacks(model))
    kept = characters * layers * model.hidden_size * _kept_per_unit(model)
    overhead = OVERHEAD_OF_A_LAYER * layers
    if precision == "bfloat16":
        kept, overhead = int(BFLOAT16_FACTOR * kept), UNROLLED * overhead
    step = kept + _logits(model, characters, batch_size, devices, PER_LOGIT)
    small = sum(size for size in map(math.prod, shapes) if 4 * size < LARGEST_KEPT_ARRAY)
    freed = FREED_COPIES * (1 + devices) * small
    largest_phase = max(step, packed, _evaluation(model, devices))
    numbers = on_devices + copied + in_step + freed + largest_phase
    return OVERHEAD + overhead + 4 * int(numbers)


def check_use(model: ModelSettings, copies: int, what: str) -> None:
    """Check that there is memory to use a network in compiled code.

    Args:
        model: the network.
        copies: how often its parameters are held, besides those that were loaded.
        what: what uses it, for the message.

    Raises:
        NotEnoughMemoryError: if there is not.
    """
    layers = model.num_layers * len(stacks(model))
    compiled = OVERHEAD + OVERHEAD_OF_A_LAYER * layers
    check_room(compiled + 4 * copies * parameter_count(model), what)


def _kept_per_unit(model: ModelSettings) -> int:
    """Return how many numbers a layer keeps of a character for each of its units.

    These are the pre-activations, the state, the output with dropout, and the gradient of the
    output. Where gates are not shared, the projections are held twice.
    """
    cell = CELLS[model.cell]
    states = len(cell.fill_state(0))
    if cell.num_shared == cell.num_gates:
        return cell.num_gates + states + 2
    return 2 * (2 * cell.num_gates - cell.num_shared) + states + 2


def _evaluation(model: ModelSettings, devices: int) -> float:
    """Return how many numbers an evaluation holds: those of a layer, and the outputs of all."""
    characters = EVALUATED[model.direction]
    width = CELLS[model.cell].num_gates + model.num_layers
    read = characters * len(stacks(model)) * width * model.hidden_size
    return read + _logits(model, characters, 64, devices, PER_EVALUATED_LOGIT)


def _logits(model: ModelSettings, characters: int, rows: int, devices: int, each: float) -> float:
    """Return how many numbers belong to the logits of a batch of rows."""
    size = model.vocab_size
    if size <= MAX_ONE_HOT:
        return each * characters * size
    of_a_step = max(rows // devices, 1) * size
    piece = min(max(LOGITS_AT_ONCE, of_a_step), max(MOST_LOGITS, size))
    return PER_LOGIT_OF_A_PIECE * devices * piece
