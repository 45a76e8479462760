"""The rules by which a plan for an accelerator differs from one for a CPU.

The numbers were measured on an NVIDIA H200 (benchmarks/notebook/2026-11-27-gpu.md), unless a
comment says what they are derived from.
"""

from textgen.errors import UsageError
from textgen.planning.choices import (
    BATCH_SIZE,
    MAX_EPOCHS,
    SEQUENCE_LENGTH,
    Choice,
)
from textgen.planning.request import Request
from textgen.runtime.accelerators import Accelerator
from textgen.settings import Backend, CellName, Computation, ModelSettings, Precision

# Sequences in a batch, and the fewest steps of a plan that the batch should leave. Larger batches
# were hardly faster, and reached a slightly higher loss.
SEQUENCES, STEPS = 512, 500
# The peak of the learning rate grows with this power of the size of the batch.
RATE_POWER = 0.25
# Part of the time that a second backend may take to compile, to measure whether it is faster.
SHARE_TO_COMPARE = 0.05


def choose_precision(request: Request, accelerator: Accelerator | None) -> Choice[Precision]:
    """Choose what products read: bfloat16 on an accelerator that has it, float32 elsewhere."""
    if "precision" in request.asked:
        return Choice(request.asked["precision"])
    runs_cudnn = request.asked.get("backend") == "cudnn"
    if accelerator is None or not accelerator.has_bfloat16 or runs_cudnn:
        return Choice("float32")
    return Choice(
        "bfloat16",
        f"precision bfloat16: {accelerator.name} multiplies it fastest; sums, weights and states "
        "are float32",
    )


def usual_batch_size(request: Request, training_characters: int) -> int:
    """Return the size of a batch that fills an accelerator and leaves enough steps.

    It is a power of two, from that of a plan for a CPU up to 512.
    """
    length = request.asked.get("sequence_length", SEQUENCE_LENGTH)
    size = SEQUENCES
    while size > BATCH_SIZE and size * length * STEPS > MAX_EPOCHS * training_characters:
        size //= 2
    return size


def rate_factor(batch_size: int) -> float:
    """Return the factor on the peak of the learning rate for the size of a batch, at least 1.

    Rates were measured with 512 and 1,024 sequences of 64 characters; those between 32 and 512
    follow from the power that connects them with the rate for 32.
    """
    return float(max((batch_size / BATCH_SIZE) ** RATE_POWER, 1.0))


def other_backend(
    request: Request,
    model: ModelSettings,
    accelerator: Accelerator | None,
    seconds_to_start: float,
) -> Computation | None:
    """Return how else this network could be computed, if it is worth measuring; otherwise None.

    Args:
        request: what the user asked for.
        model: the network.
        accelerator: what trains; None for a CPU.
        seconds_to_start: the time that it took to compile the network and to start.
    """
    fits = accelerator is not None and accelerator.has_cudnn
    fits = fits and model.cell == "lstm" and not model.num_labels
    asked = "backend" in request.asked or request.asked.get("precision") == "bfloat16"
    is_long = seconds_to_start <= SHARE_TO_COMPARE * request.seconds and request.steps is None
    return Computation("float32", "cudnn") if fits and is_long and not asked else None


def check_backend(request: Request, cell: CellName, *, has_labels: bool) -> None:
    """Check that cuDNN can run a network, if the user asked for that.

    Args:
        request: what the user asked for.
        cell: cell of the network.
        has_labels: whether its documents have labels.

    Raises:
        UsageError: if it cannot.
    """
    if request.asked.get("backend") != "cudnn":
        return
    for what, contradicts in (
        (f"a {cell}", cell != "lstm"),
        ("a network with labels", has_labels),
        ("--precision bfloat16", request.asked.get("precision") == "bfloat16"),
    ):
        if contradicts:
            raise UsageError(
                f"--backend cudnn runs an LSTM in float32 and without labels, not {what}; leave "
                "--backend out"
            )


def explain_backend(chosen: Backend, scan: float, cudnn: float) -> str:
    """Return the reason for the faster of two backends, given the seconds that a step took."""
    faster, slower = ("cuDNN", "a scan") if chosen == "cudnn" else ("a scan", "cuDNN")
    ratio = max(scan, cudnn) / min(scan, cudnn)
    return f"backend {chosen}: a step took {ratio:.2g} times as long with {slower} as with {faster}"
