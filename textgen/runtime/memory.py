"""Whether a network and a batch fit into memory, known before anything is compiled."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import takewhile

from textgen.errors import NotEnoughMemoryError, SettingError
from textgen.network.cells import CELLS
from textgen.network.parameters import parameter_count, stacks
from textgen.runtime.accelerators import find_accelerator
from textgen.runtime.cpu_memory import memory_on_cpu
from textgen.runtime.room import find_room, format_size
from textgen.runtime.together import process_count
from textgen.settings import MAX_STATE_BYTES, Computation, ModelSettings, TrainingSettings

# What an accelerator holds of each parameter, in bytes: itself, its gradient, two moments, and what
# is computed of them on the way.
BYTES_PER_PARAMETER = 20
# What a layer keeps of each character for each column of its kernels, in bytes. Measured with XLA's
# own count on an H200: layers of 512 to 2048 units, batches of 8,192 to 65,536 characters. The
# value for a scan in float32 is derived: it keeps in four bytes what bfloat16 keeps in two.
BYTES_PER_COLUMN = {
    Computation("bfloat16", "scan"): 9,
    Computation("float32", "scan"): 13,
    Computation("float32", "cudnn"): 31,
}
# What each logit of a batch takes, with its gradient, in bytes.
BYTES_PER_LOGIT = 12


def check_memory(model: ModelSettings, plan: TrainingSettings) -> None:
    """Check that a network and a batch can fit into the memory that this process may use.

    Raises:
        SettingError: if they take more, with the largest batch that fits, or else the widest layers
            that do; or if the states of a batch take more than a checkpoint can hold.
        NotEnoughMemoryError: if no network of this alphabet and this number of layers fits.
    """
    states = len(CELLS[model.cell].fill_state(0)) * model.num_layers * model.hidden_size
    most = MAX_STATE_BYTES // (4 * states)
    if plan.batch_size > most:
        raise SettingError("batch_size", plan.batch_size, f"at most {most} for this network")
    accelerator = find_accelerator()
    if accelerator is not None:
        if accelerator.memory is not None:
            name = f"the {format_size(accelerator.memory)} that JAX may use of {accelerator.name}"
            _check(model, plan, accelerator.memory, 0, name, partial(_on_accelerator, plan))
        return
    room = find_room()
    if room is not None:
        _check(model, plan, room.free, room.own, str(room), partial(_on_cpu, plan))


def training_memory(
    model: ModelSettings, batch_size: int, sequence_length: int, computation: Computation
) -> int:
    """Return about how much memory training takes on an accelerator, in bytes.

    Args:
        model: the network.
        batch_size: sequences of a batch that one accelerator reads.
        sequence_length: characters of a sequence.
        computation: how training computes the network.
    """
    columns = CELLS[model.cell].num_gates * model.hidden_size
    layers = model.num_layers * len(stacks(model))
    character = layers * columns * BYTES_PER_COLUMN[computation]
    logits = BYTES_PER_LOGIT * min(model.vocab_size, 4096)  # more of them are computed in pieces
    kept = batch_size * sequence_length * (character + logits)
    return BYTES_PER_PARAMETER * parameter_count(model) + kept


def _on_accelerator(plan: TrainingSettings, model: ModelSettings, rows: int) -> int:
    return training_memory(model, rows, plan.sequence_length, plan.computation)


def _on_cpu(plan: TrainingSettings, model: ModelSettings, rows: int) -> int:
    devices = max(plan.devices // process_count(), 1)
    return memory_on_cpu(model, rows * devices, plan.sequence_length, devices, plan.precision)


def _check(
    model: ModelSettings,
    plan: TrainingSettings,
    free: int,
    held: int,
    memory: str,
    needed: Callable[[ModelSettings, int], int],
) -> None:
    """Check that training fits into some memory; see `check_memory`.

    Args:
        model: the network.
        plan: how to train it.
        free: what is left of the memory, in bytes.
        held: what this process holds of it already, in bytes.
        memory: the memory, described for the message.
        needed: function of a network and of the rows of a batch that each device reads, which
            returns the memory that training takes, in bytes.
    """

    def with_width(width: int) -> ModelSettings:
        embedding = width if model.embedding_size == model.hidden_size else model.embedding_size
        return replace(model, hidden_size=width, embedding_size=embedding)

    rows = plan.batch_size // plan.devices
    if needed(model, rows) <= free:
        return
    takes = format_size(held + needed(model, rows))
    fitting = _largest(rows, lambda rows: needed(model, rows) <= free)
    if fitting:
        allowed = f"at most {fitting * plan.devices} for {memory} (this takes about {takes})"
        raise SettingError("batch_size", plan.batch_size, allowed)
    # Not by halves: a wider network can take less than a narrower one, see `memory_on_cpu`.
    widths = range(1, model.hidden_size)
    width = sum(1 for _ in takewhile(lambda width: needed(with_width(width), 1) <= free, widths))
    if not width:
        what = f"training on {model.vocab_size:,} characters and {model.num_layers} layers"
        raise NotEnoughMemoryError(what, takes, memory)
    allowed = f"at most {width} for {memory} (this takes about {takes})"
    raise SettingError("hidden_size", model.hidden_size, allowed)


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number below `most` that fits, or 0; all below it fit too."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
