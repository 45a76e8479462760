"""Learning from a text while it is read: the weights take a step after each segment.

Dynamic evaluation, a session that learns, and `Generator.learn` all learn by these functions.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens
from textgen.network.inference import States
from textgen.network.model import Apply, Parameters, zero_states
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings
from textgen.training.loss import cross_entropy

# Added to each root mean square, as a fraction of their mean. Without it, a weight that hardly
# changed in training would take far too large steps.
ROOT_FLOOR = 0.1
# Number of segments of the training text that give the mean squares of the gradients.
SQUARES_SEGMENTS = 1024
# Number of segments that a compiled call reads.
SEGMENTS_AT_ONCE = 64


class Learner(NamedTuple):
    """How fast a copy of the weights adapts to the text that it reads, and how fast it forgets.

    Attributes:
        learning_rate: learning rate of a step. Gradients are divided by their root mean square.
        decay: fraction of the way back to the trained weights that each step takes, for a weight
            whose gradients have an average root mean square.
    """

    learning_rate: float
    decay: float


class OnlineTraining:
    """Steps that a network takes on a text while it reads it.

    The losses of a segment are those before its step, so that they measure a network that has not
    seen the segment.

    Attributes:
        segment: number of characters of a segment.

    References:
        Krause, Kahembwe, Murray and Renals (2018), Dynamic Evaluation of Neural Sequence Models:
        steps scaled by root mean squares of gradients on the training text, and a decay towards the
        trained weights.
    """

    def __init__(self, apply: Apply, model: ModelSettings, segment: int) -> None:
        self._model, self.segment = model, segment
        self._squares, self._adapt, self._read = _compiled(apply)

    def adapt(
        self,
        weights: Parameters,
        states: States,
        trained: Parameters,
        roots: Parameters,
        segments: NDArray[np.int32],
        learner: Learner,
    ) -> tuple[Parameters, States, jax.Array]:
        """Read K segments, and take a step after each of them.

        Args:
            weights: weights before the first segment.
            states: state of each layer before it, members [1, H].
            trained: weights towards which the steps decay.
            roots: root mean squares of the gradients of the weights, as `roots` returns.
            segments: the segments as `cut` yields them, int32 [K, S + 1].
            learner: size of the steps.

        Returns:
            The weights and states after the last segment, and the losses in nats, float32 [K, S].
        """
        result: tuple[Parameters, States, jax.Array] = self._adapt(
            weights, states, trained, roots, segments, learner
        )
        return result

    def read(
        self, parameters: Parameters, states: States, segments: NDArray[np.int32]
    ) -> tuple[States, jax.Array]:
        """Read K segments without learning; return the states and the losses as `adapt` does."""
        result: tuple[States, jax.Array] = self._read(parameters, states, segments)
        return result

    def roots(
        self,
        parameters: Arrays | Parameters,
        training: Tokens,
        check: Callable[[], None] = lambda: None,
    ) -> Parameters:
        """Return the root mean square of the gradient of each weight, over segments of a text.

        Args:
            parameters: weights of the network.
            training: ids of the training text, [N].
            check: function that is called now and then, and may raise an error to end this.
        """
        total, count = jax.tree.map(jnp.zeros_like, parameters), 0
        # The segments lie in stretches spread over the text. Each is read from the zero state.
        stretch = SEGMENTS_AT_ONCE * self.segment
        last = max(len(training) - 1 - stretch, 0)
        starts = np.linspace(0, last, SQUARES_SEGMENTS // SEGMENTS_AT_ONCE).astype(int)
        for start in np.unique(starts):
            check()
            states = zero_states(self._model, 1)
            for segments in self.cut(training[start : start + stretch + 1]):
                total, states = self._squares(parameters, total, states, segments)
                count += len(segments)
        return {name: jnp.sqrt(leaf / count) for name, leaf in total.items()}

    def cut(self, tokens: Tokens) -> Iterator[NDArray[np.int32]]:
        """Cut a text into segments of S + 1 ids, each beginning with the last id of the one before.

        Yields:
            At most 64 whole segments, int32 [K, S + 1]; at the end a shorter one, if ids are left.
        """
        size, predictions = self.segment, len(tokens) - 1
        whole = predictions // size
        for first in range(0, whole, SEGMENTS_AT_ONCE):
            starts = np.arange(first, min(first + SEGMENTS_AT_ONCE, whole))[:, None] * size
            yield tokens[starts + np.arange(size + 1)].astype(np.int32)
        if predictions % size:
            yield tokens[None, whole * size :].astype(np.int32)


@lru_cache(maxsize=8)
def _compiled(apply: Apply) -> tuple[Callable[..., Any], ...]:
    """Return compiled functions for the methods of `OnlineTraining`, one for each network."""

    def loss(
        parameters: Parameters, states: States, segment: jax.Array
    ) -> tuple[jax.Array, tuple[jax.Array, States]]:
        logits, states = apply(parameters, segment[None, :-1], states)
        nats = cross_entropy(logits[:, 0], segment[1:])
        return jnp.mean(nats), (nats, states)

    gradient = jax.value_and_grad(loss, has_aux=True)
    return _compile_squares(gradient), _compile_adapt(gradient), _compile_read(loss)


def _compile_squares(gradient: Callable[..., Any]) -> Callable[..., Any]:
    """Compile the sum of the squares of the gradients of segments."""

    @jax.jit
    def squares(
        parameters: Parameters, total: Parameters, states: States, segments: jax.Array
    ) -> tuple[Parameters, States]:
        def step(carry: Any, segment: jax.Array) -> tuple[Any, None]:
            total, states = carry
            (_, (_, states)), gradients = gradient(parameters, states, segment)
            return (jax.tree.map(lambda t, g: t + g * g, total, gradients), states), None

        return jax.lax.scan(step, (total, states), segments)[0]

    return squares


def _compile_adapt(gradient: Callable[..., Any]) -> Callable[..., Any]:
    """Compile the steps of `OnlineTraining.adapt`."""

    @jax.jit
    def adapt(
        weights: Parameters,
        states: States,
        trained: Parameters,
        roots: Parameters,
        segments: jax.Array,
        learner: Learner,
    ) -> tuple[Parameters, States, jax.Array]:
        count = sum(leaf.size for leaf in roots.values())
        mean_root = sum(jnp.sum(leaf) for leaf in roots.values()) / count

        def step(carry: Any, segment: jax.Array) -> tuple[Any, jax.Array]:
            weights, states = carry
            (_, (nats, states)), gradients = gradient(weights, states, segment)

            def move(w: jax.Array, w0: jax.Array, root: jax.Array, g: jax.Array) -> jax.Array:
                back = jnp.minimum(learner.decay * root / mean_root, 1.0)
                scaled = g / (root + ROOT_FLOOR * mean_root)
                return w - learner.learning_rate * scaled + back * (w0 - w)

            return (jax.tree.map(move, weights, trained, roots, gradients), states), nats

        (weights, states), nats = jax.lax.scan(step, (weights, states), segments)
        return weights, states, nats

    return adapt


def _compile_read(loss: Callable[..., Any]) -> Callable[..., Any]:
    """Compile the reading of `OnlineTraining.read`."""

    @jax.jit
    def read(
        parameters: Parameters, states: States, segments: jax.Array
    ) -> tuple[States, jax.Array]:
        def step(states: States, segment: jax.Array) -> tuple[States, jax.Array]:
            _, (nats, states) = loss(parameters, states, segment)
            return states, nats

        return jax.lax.scan(step, states, segments)

    return read
