"""How much of a gradient is left after a number of characters, on its way back through time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens
from textgen.network.cells import CELLS
from textgen.network.inference import States, fold_scales, next_logits, step_network
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings
from textgen.training.loss import cross_entropy

# Characters that are read from the zero state before the first whose gradient is looked at.
LEAD = 128
# Below this float32 loses its digits.
SMALLEST = 1e-37
# Places of a text that are followed back side by side.
ROWS = 64


@dataclass(frozen=True)
class GradientNorms:
    """The mean norm of d loss_t / d h_{t-k} over places t of a text.

    h_{t-k} are the hidden states of all layers after the character k before that of t, all else of
    the state then being left as it is.

    Attributes:
        norms: for k = 0 to K, float64 [K + 1].
        layers: the same for each layer's hidden state alone, float64 [L, K + 1].
        places: how many were followed back.
    """

    norms: NDArray[np.float64]
    layers: NDArray[np.float64]
    places: int

    @property
    def half_life(self) -> float:
        """Characters back at which half is left of what reaches one character back."""
        return self.characters_until(0.5)

    def characters_until(self, share: float) -> float:
        """Return how far back a share, for the first time, is left of what reaches one character.

        Between two characters the norm is taken to fall by the same factor at every step.

        Args:
            share: in (0, 1).

        Returns:
            Characters, above 1; infinite if more is left at the end of what was followed.
        """
        shares = self.norms[1:] / self.norms[1]
        below = np.flatnonzero(shares <= share)
        if not len(below):
            return math.inf
        last = int(below[0])  # of k - 1; at 0 the share is 1
        before, after = float(shares[last - 1]), max(float(shares[last]), 1e-300)
        return last + math.log(before / share) / math.log(before / after)


def measure_gradients(
    settings: ModelSettings, parameters: Arrays, tokens: Tokens, *, reach: int, places: int
) -> GradientNorms:
    """Follow gradients of the loss back through time, at places spread over a text.

    Args:
        settings: the network's shape.
        parameters: its parameters.
        tokens: ids of a text, [N] with N at least 130 + reach.
        reach: K, how many characters to follow each of them.
        places: how many to follow, at least; they are rounded up to a multiple of 64.

    Returns:
        The mean norms.

    References:
        Hochreiter (1991), Untersuchungen zu dynamischen neuronalen Netzen; Pascanu, Mikolov and
        Bengio (2013), On the difficulty of training recurrent neural networks.
    """
    size = LEAD + reach + 2
    rounds = -(-places // ROWS)
    starts = np.linspace(0, len(tokens) - size, rounds * ROWS).astype(int)
    windows = tokens[starts[:, None] + np.arange(size)].astype(np.int32)
    folded = {name: jnp.asarray(array) for name, array in fold_scales(settings, parameters).items()}
    follow = jax.jit(_follow, static_argnums=0)
    found = [np.asarray(follow(settings, folded, windows[at::rounds])) for at in range(rounds)]
    each = np.concatenate(found, axis=-1).astype(np.float64)  # [K + 1, L, N]
    norms = np.linalg.norm(each, axis=1).mean(axis=-1)
    return GradientNorms(norms, each.mean(axis=-1).T, rounds * ROWS)


def _follow(settings: ModelSettings, folded: Any, windows: jax.Array) -> jax.Array:
    """Return the norms of the gradients of windows, ids [B, T], as float32 [K + 1, L, B]."""
    cell = CELLS[settings.cell]
    zero = cell.fill_state(jnp.zeros((len(windows), settings.hidden_size)))
    begin: States = (zero,) * settings.num_layers
    inputs, target = windows[:, :-1].T, windows[:, -1]

    def read(states: States, token: jax.Array) -> tuple[States, States]:
        return step_network(cell, folded, token, states), states

    def loss(states: States) -> jax.Array:
        return jnp.sum(cross_entropy(next_logits(folded, states), target))

    states, _ = jax.lax.scan(read, begin, inputs[: LEAD + 1])
    last, before = jax.lax.scan(read, states, inputs[LEAD + 1 :])

    def back(gradient: States, step: tuple[States, jax.Array]) -> tuple[States, jax.Array]:
        earlier, token = step
        _, pull_back = jax.vjp(lambda states: step_network(cell, folded, token, states), earlier)
        (gradient,) = pull_back(gradient)
        return gradient, _norms(gradient)

    gradient = jax.grad(loss)(last)
    steps = (before, inputs[LEAD + 1 :])
    _, norms = jax.lax.scan(back, gradient, steps, reverse=True)
    return jnp.concatenate([_norms(gradient)[None], norms[::-1]])


def _norms(gradient: Sequence[Any]) -> jax.Array:
    """Return the norm of the gradient of each layer's hidden state, float32 [L, B]."""
    hidden = jnp.stack([layer.hidden for layer in gradient])
    # Squares of what has nearly vanished would be 0 in float32.
    largest = jnp.maximum(jnp.max(jnp.abs(hidden), axis=-1), SMALLEST)
    norms: jax.Array = largest * jnp.linalg.norm(hidden / largest[..., None], axis=-1)
    return norms
