"""AdamW and Muon, and the learning rates of a plan."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from numpy.typing import NDArray

from textgen.network.model import Parameters
from textgen.network.parameters import INNER_KERNELS
from textgen.settings import TrainingSettings
from textgen.training.muon import WEIGHT_DECAY, scale_by_muon


def learning_rates(plan: TrainingSettings, begin: int, count: int) -> NDArray[np.float32]:
    """Return the learning rates of some steps of a plan: a linear rise, then a cosine to zero.

    Where a plan was corrected, the rest of the cosine fills the steps that were left then.

    Args:
        plan: the plan.
        begin: the first step, counted from 0 at the start of the plan.
        count: number of steps.

    Returns:
        float32 [count], in [0, `plan.learning_rate`]. The rate is zero at the step after the plan's
        last. In a plan of more than ten thousand steps, the last rates may be rounded to zero. They
        are those of `optax.warmup_cosine_decay_schedule`, to the last bit.
    """
    planned = plan.corrections[0][1] if plan.corrections else plan.steps
    warmup, decay = min(plan.warmup_steps, planned), planned + 1
    steps = _positions(plan, np.arange(begin + 1, begin + count + 1, dtype=np.int32))
    peak, half, one = np.float32(plan.learning_rate), np.float32(0.5), np.float32(1)
    # Only XLA's own quotients and cosines have the bits of its whole schedule, which is slow to
    # compile: a dozen programs of one operation each.
    turn = np.float32(np.pi) * np.minimum((steps - warmup).astype(np.float32), decay - warmup)
    cosines = np.asarray(jnp.cos(jnp.asarray(turn) / float(decay - warmup)), np.float32)
    rates: NDArray[np.float32] = peak * (half * (one + cosines))
    if warmup:
        rising = np.asarray(jnp.asarray(np.clip(steps, 0, warmup)) / warmup, np.float32)
        rates = np.where(steps < warmup, (0 - peak) * (one - rising) + peak, rates)
    return rates


def _positions(plan: TrainingSettings, steps: NDArray[np.int32]) -> NDArray[Any]:
    """Return the steps of the plan as it was at first that have the learning rates of some steps.

    Args:
        plan: the plan.
        steps: steps of the plan as it is now, counted from 1.

    Returns:
        The same steps, int32, if nothing was corrected; otherwise float64.
    """
    if not plan.corrections:
        return steps
    totals = [planned for _, planned in plan.corrections] + [plan.steps]
    positions, begin, reached, pace = steps.astype(np.float64), 0, 0.0, 1.0
    for (step, _), total in zip(plan.corrections, totals[1:], strict=True):
        begin, reached = step, reached + (step - begin) * pace
        pace = (totals[0] + 1 - reached) / (total + 1 - step)
        positions = np.where(steps > step, reached + (steps - step) * pace, positions)
    return positions


def make_optimizer(
    plan: TrainingSettings, mesh: Mesh | None = None
) -> optax.GradientTransformation:
    """Return AdamW or Muon with a learning rate of -1; it expects clipped gradients.

    The caller multiplies the updates by the learning rate of the step, so that a longer plan needs
    no new compilation. Weight decay leaves out the biases. Muon is for the kernels inside the
    layers; all other parameters have AdamW then too.

    Args:
        plan: how to train.
        mesh: devices that share what Muon computes; None for one device.

    References:
        Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization.
    """
    decay = optax.add_decayed_weights(
        plan.weight_decay, mask=lambda tree: jax.tree.map(lambda leaf: leaf.ndim > 1, tree)
    )
    # A checkpoint names its arrays after these parts.
    adamw = optax.named_chain(
        ("adam", optax.scale_by_adam(b1=plan.b1, b2=plan.b2)), ("decay", decay)
    )
    return adamw if plan.optimizer == "adamw" else _with_muon(adamw, mesh)


def _with_muon(
    adamw: optax.GradientTransformation, mesh: Mesh | None
) -> optax.GradientTransformation:
    """Return Muon for the kernels inside the layers, and AdamW for all other parameters."""
    muon = scale_by_muon(mesh)

    def split(tree: Parameters) -> tuple[Parameters, Parameters]:
        inner = {name: leaf for name, leaf in tree.items() if name.endswith(INNER_KERNELS)}
        return inner, {name: leaf for name, leaf in tree.items() if name not in inner}

    def init(parameters: Parameters) -> dict[str, Any]:
        inner, rest = split(parameters)
        return {**adamw.init(rest), "muon": muon.init(inner)}

    def update(
        gradients: Parameters, state: dict[str, Any], parameters: Parameters
    ) -> tuple[Parameters, dict[str, Any]]:
        (inner, rest), (kernels, others) = split(gradients), split(parameters)
        before = {name: part for name, part in state.items() if name != "muon"}
        updates, after = adamw.update(rest, before, others)
        changes, mean = muon.update(inner, state["muon"])
        for name, kernel in kernels.items():
            updates[name] = changes[name] + WEIGHT_DECAY * kernel
        return updates, {**after, "muon": mean}

    return optax.GradientTransformation(init, update)
