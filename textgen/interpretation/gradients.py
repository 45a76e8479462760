"""How the gradient of the loss shrinks on its way back through time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens
from textgen.network.cells import CELLS
from textgen.network.inference import States, next_logits, prepare_parameters, step_network
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings
from textgen.training.loss import cross_entropy

# Number of characters read from the zero state before the gradient is followed.
LEAD = 128
# Smallest share of a gradient in a chart, as a power of ten below 1. Smaller shares are lost in the
# rounding of float32.
DECADES = 8
# Smallest positive number to divide by. Smaller ones lose digits in float32.
SMALLEST = 1e-37
# Number of positions that are followed back side by side.
ROWS = 64


@dataclass(frozen=True)
class GradientNorms:
    """Mean norm of the gradient d loss_t / d h_{t-k} over positions t of a text.

    loss_t is the cross-entropy of one character. h_t are the hidden states of all layers from which
    that character is predicted, and h_{t-k} those k characters earlier. All other parts of the
    state at that earlier position are held constant.

    Attributes:
        norms: mean norms for k = 0 to K, float64 [K + 1].
        layers: the same for the hidden state of each layer alone, float64 [L, K + 1].
        places: number of positions t that were followed back.
    """

    norms: NDArray[np.float64]
    layers: NDArray[np.float64]
    places: int

    @property
    def shares(self) -> NDArray[np.float64]:
        """The norms from one character back on, divided by the first of them, float64 [K]."""
        shares: NDArray[np.float64] = self.norms[1:] / self.norms[1]
        return shares

    @property
    def half_life(self) -> float:
        """Number of characters back at which the norm is half of that one character back."""
        return self.characters_until(0.5)

    def characters_until(self, share: float) -> float:
        """Return how far back the norm first falls to a share of its value one character back.

        Between two characters the norm is interpolated geometrically.

        Args:
            share: share of the norm one character back, in (0, 1).

        Returns:
            A number of characters above 1; infinity if the norm stays above the share.
        """
        shares = self.norms[1:] / self.norms[1]
        below = np.flatnonzero(shares <= share)
        if not len(below):
            return math.inf
        last = int(below[0])  # k - 1 for the first k below the share; at least 1
        before, after = float(shares[last - 1]), max(float(shares[last]), 1e-300)
        return last + math.log(before / share) / math.log(before / after)


def decades_shown(found: Sequence[GradientNorms]) -> int:
    """Return how many powers of ten below 1 a chart of some gradients shows, at most 8."""
    least = min(float(one.shares.min()) for one in found)
    return DECADES if least <= 10.0**-DECADES else max(math.ceil(-math.log10(least)), 1)


def measure_gradients(
    settings: ModelSettings,
    parameters: Arrays,
    tokens: Tokens,
    *,
    reach: int,
    places: int,
    begin: Callable[[int, int], None] = lambda done, of: None,
) -> GradientNorms:
    """Follow the gradient of the loss back through time from positions spread over a text.

    Args:
        settings: shape of the network.
        parameters: arrays by name, as in `textgen.network.parameters`.
        tokens: ids of a text, [N] with N at least 130 + `reach`.
        reach: K, the number of characters to follow each gradient back.
        places: least number of positions, rounded up to a multiple of 64.
        begin: function that is called before each 64 positions, with the number of those that are
            done and the number of all.

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
    prepared = jax.tree.map(jnp.asarray, prepare_parameters(parameters))
    found = []
    for at in range(rounds):
        begin(at * ROWS, rounds * ROWS)
        found.append(np.asarray(_follow(settings, prepared, windows[at::rounds])))
    each = np.concatenate(found, axis=-1).astype(np.float64)  # [K + 1, L, N]
    norms = np.linalg.norm(each, axis=1).mean(axis=-1)
    return GradientNorms(norms, each.mean(axis=-1).T, rounds * ROWS)


@partial(jax.jit, static_argnums=0)
def _follow(settings: ModelSettings, prepared: Any, windows: jax.Array) -> jax.Array:
    """Return the norms of the gradients.

    Args:
        settings: shape of the network.
        prepared: arrays that `prepare_parameters` returned.
        windows: ids, int32 [B, T] with T = `LEAD` + K + 2. The loss is that of the last character.

    Returns:
        float32 [K + 1, L, B].
    """
    zero = CELLS[settings.cell].fill_state(jnp.zeros((len(windows), settings.hidden_size)))
    begin: States = (zero,) * settings.num_layers
    inputs, target = windows[:, :-1].T, windows[:, -1]

    def read(states: States, token: jax.Array) -> tuple[States, States]:
        return step_network(settings, prepared, token, states), states

    def loss(states: States) -> jax.Array:
        return jnp.sum(cross_entropy(next_logits(settings, prepared, states), target))

    states, _ = jax.lax.scan(read, begin, inputs[: LEAD + 1])
    last, before = jax.lax.scan(read, states, inputs[LEAD + 1 :])

    def back(gradient: States, step: tuple[States, jax.Array]) -> tuple[States, jax.Array]:
        earlier, token = step
        _, pull_back = jax.vjp(partial(step_network, settings, prepared, token), earlier)
        (gradient,) = pull_back(gradient)
        return gradient, _norms(gradient)

    gradient = jax.grad(loss)(last)
    steps = (before, inputs[LEAD + 1 :])
    _, norms = jax.lax.scan(back, gradient, steps, reverse=True)
    return jnp.concatenate([_norms(gradient)[None], norms[::-1]])


def _norms(gradient: Sequence[Any]) -> jax.Array:
    """Return the norm of the gradient of each layer's hidden state, float32 [L, B]."""
    hidden = jnp.stack([layer.hidden for layer in gradient])
    # Without this scaling, the squares of tiny gradients would be 0 in float32.
    largest = jnp.maximum(jnp.max(jnp.abs(hidden), axis=-1), SMALLEST)
    norms: jax.Array = largest * jnp.linalg.norm(hidden / largest[..., None], axis=-1)
    return norms
