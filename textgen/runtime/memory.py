"""Whether a network and a batch fit into memory, known before anything is compiled."""

import os
from collections.abc import Callable
from dataclasses import replace

from textgen.errors import SettingError
from textgen.network.cells import CELLS
from textgen.network.parameters import parameter_count, stacks
from textgen.runtime.accelerators import Accelerator, find_accelerator
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
    """Check that a network and a batch can fit into the memory of this machine.

    For a CPU the estimate is a lower bound. It counts the parameters, their gradients and two
    moments, and what the layers keep of a batch for the backward pass.

    Raises:
        SettingError: if this machine has less memory than that, or if the states of a batch take
            more than a checkpoint can hold.
    """
    states = len(CELLS[model.cell].fill_state(0)) * model.num_layers * model.hidden_size
    most = MAX_STATE_BYTES // (4 * states)
    if plan.batch_size > most:
        raise SettingError("batch_size", plan.batch_size, f"at most {most} for this network")
    accelerator = find_accelerator()
    if accelerator is not None:
        _check_accelerator(model, plan, accelerator)
        return
    if not hasattr(os, "sysconf"):
        return
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    gates = CELLS[model.cell].num_gates * model.hidden_size
    weights = 16 * parameter_count(model)
    batch = 4 * plan.characters_per_step * gates * model.num_layers * len(stacks(model))
    for name, value, needed in (
        ("hidden_size", model.hidden_size, weights),
        ("batch_size", plan.batch_size, weights + batch),
    ):
        if needed > available:
            memory = f"the {available / 2**30:.1f} GiB of memory of this machine"
            problem = f"small enough for {memory} (this takes {needed / 2**30:,.1f} GiB)"
            raise SettingError(name, value, problem)


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


def _check_accelerator(
    model: ModelSettings, plan: TrainingSettings, accelerator: Accelerator
) -> None:
    available = accelerator.memory
    if available is None:
        return

    def needed(model: ModelSettings, rows: int) -> int:
        return training_memory(model, rows, plan.sequence_length, plan.computation)

    def with_width(width: int) -> ModelSettings:
        embedding = width if model.embedding_size == model.hidden_size else model.embedding_size
        return replace(model, hidden_size=width, embedding_size=embedding)

    rows = plan.batch_size // plan.devices
    if needed(model, rows) <= available:
        return
    memory = f"the {available / 2**30:.1f} GiB that JAX may use of {accelerator.name}"
    takes = f"this takes about {needed(model, rows) / 2**30:,.1f} GiB"
    fitting = _largest(rows, lambda rows: needed(model, rows) <= available)
    if fitting:
        allowed = f"at most {fitting * plan.devices} for {memory} ({takes})"
        raise SettingError("batch_size", plan.batch_size, allowed)
    width = _largest(model.hidden_size, lambda width: needed(with_width(width), 1) <= available)
    raise SettingError("hidden_size", model.hidden_size, f"at most {width} for {memory} ({takes})")


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number below `most` that fits, or 0; all below it fit too."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
