"""Muon: a mean of the gradients of which all directions become about equally long."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from textgen.runtime.devices import replicated, shared

Matrices = Any  # a tree of arrays with two axes
Coefficients = Sequence[tuple[float, float, float]]
# Coefficients a, b and c of the Newton-Schulz iterations. Together they take singular values above
# 0.05 to between 0.97 and 1.15, and multiply smaller ones by up to 31. More iterations, which also
# raise smaller ones, learned no better in the same time.
COEFFICIENTS: Coefficients = (
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
)
# Decay of the mean of the gradients.
DECAY = 0.9
# Root mean square of the updates, at a learning rate of 1.
SIZE = 0.45
# Weight decay of what Muon updates, multiplied by the learning rate. It is 22 times AdamW's.
WEIGHT_DECAY = 0.225


class MuonState(NamedTuple):
    """The state of Muon.

    Attributes:
        mean: decayed mean of the gradients, a tree like that of the parameters.
    """

    mean: Matrices


def orthogonalise(matrices: jax.Array, coefficients: Coefficients = COEFFICIENTS) -> jax.Array:
    """Return matrices with the directions of these, all about equally long.

    If U S V is the singular value decomposition of a matrix, the result is about U V. The
    iterations multiply only Gram matrices, which are smaller than the matrices where these are
    wide.

    Args:
        matrices: float32 [N, m, n].
        coefficients: a, b and c of each iteration.

    Returns:
        float32 [N, m, n]. The singular values are near 1; see `COEFFICIENTS`, which count for the
        matrices divided by their Frobenius norms. A matrix of zeros stays as it is.

    References:
        Jordan et al. (2024), Muon: An optimizer for hidden layers in neural networks; Ahn et al.
        (2025), Dion: Distributed Orthonormalized Updates, whose coefficients these are.
    """
    if matrices.shape[-2] > matrices.shape[-1]:
        return orthogonalise(matrices.mT, coefficients).mT
    gram = matrices @ matrices.mT
    scale = jax.lax.rsqrt(jnp.trace(gram, axis1=-2, axis2=-1)[:, None, None] + 1e-30)
    gram = gram * scale**2
    factor = step = _step(gram, *coefficients[0])
    for a, b, c in coefficients[1:]:
        gram = step @ gram @ step
        step = _step(gram, a, b, c)
        factor = step @ factor
    return (factor * scale) @ matrices


def _step(gram: jax.Array, a: float, b: float, c: float) -> jax.Array:
    """Return what an iteration multiplies a matrix by, a polynomial of its Gram matrix."""
    return a * jnp.eye(gram.shape[-1]) + b * gram + c * (gram @ gram)


def scale_by_muon(
    mesh: Mesh | None = None,
    *,
    decay: float = DECAY,
    size: float = SIZE,
    coefficients: Coefficients = COEFFICIENTS,
) -> optax.GradientTransformation:
    """Return Muon without a learning rate, for parameters that are matrices.

    Args:
        mesh: devices that share the matrices; None for one device.
        decay: decay of the mean of the gradients, in [0, 1).
        size: root mean square of the updates.
        coefficients: those of `orthogonalise`.

    References:
        Jordan et al. (2024), Muon: An optimizer for hidden layers in neural networks; Liu et al.
        (2025), Muon is Scalable for LLM Training, for updates of the same size as AdamW's.
    """

    def init(parameters: Matrices) -> MuonState:
        return MuonState(jax.tree.map(jnp.zeros_like, parameters))

    def blend(mean: Matrices, gradients: Matrices) -> Matrices:
        return jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, mean, gradients)

    def orthogonal(stack: jax.Array) -> jax.Array:
        factor: float = size * max(stack.shape[1:]) ** 0.5
        return factor * orthogonalise(stack, coefficients)

    def update(gradients: Matrices, state: MuonState, _: Any = None) -> tuple[Matrices, MuonState]:
        mean = blend(state.mean, gradients)
        # Nesterov's momentum looks ahead by a step.
        return _by_shape(orthogonal, blend(mean, gradients), mesh), MuonState(mean)

    return optax.GradientTransformation(init, update)


def _by_shape(
    change: Callable[[jax.Array], jax.Array], matrices: Matrices, mesh: Mesh | None
) -> Matrices:
    """Change matrices: those of one shape in a stack [N, m, n], each device some of them."""
    leaves, structure = jax.tree.flatten(matrices)
    changed = dict[int, jax.Array]()
    for shape in dict.fromkeys(leaf.shape for leaf in leaves):
        numbers = [number for number, leaf in enumerate(leaves) if leaf.shape == shape]
        stack = jnp.stack([leaves[number] for number in numbers])
        if mesh is not None and len(numbers) % mesh.size == 0:
            stack = jax.lax.with_sharding_constraint(stack, shared(mesh))
        stack = change(stack)
        if mesh is not None:
            stack = jax.lax.with_sharding_constraint(stack, replicated(mesh))
        changed |= dict(zip(numbers, stack, strict=True))
    return jax.tree.unflatten(structure, [changed[number] for number in range(len(leaves))])
