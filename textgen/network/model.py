"""The language model as a Flax NNX module: embedding, stacked recurrent layers, projection.

In shapes, G stands for the cell's number of gates times H, and I for the input width of a layer.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from textgen.network.cells import CELLS, Cell
from textgen.network.cudnn import run_lstm
from textgen.network.inference import States
from textgen.network.initial import draw_parameters
from textgen.network.mixture import Shape, parts_of
from textgen.network.parameters import MAX_ONE_HOT, stacks
from textgen.network.products import look_up, product
from textgen.network.projection import Projection
from textgen.network.recurrence import State, run_recurrence
from textgen.settings import Computation, ModelSettings

Parameters = dict[str, jax.Array]
Apply = Callable[..., tuple[jax.Array, States]]
# How a trained network is computed.
EXACT = Computation()


class RecurrentLayer(nnx.Module):
    """One recurrent layer, with the parameters W_x [I, G], W_h [H, G] and b [G].

    If documents have labels, each of the L labels has a vector [G] that is added to x W_x. As in
    the other modules, the parameters are zero; `create_model` draws initial ones.
    """

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        hidden_size: int,
        num_labels: int,
        computation: Computation,
    ) -> None:
        self.cell, gates = cell, cell.num_gates * hidden_size
        self.precision, self.backend = computation
        self.input_kernel = nnx.Param(jnp.zeros((input_size, gates)))
        self.recurrent_kernel = nnx.Param(jnp.zeros((hidden_size, gates)))
        self.bias = nnx.Param(jnp.zeros(gates))
        if num_labels:
            self.label_kernel = nnx.Param(jnp.zeros((num_labels, gates)))

    def project(self, inputs: jax.Array) -> jax.Array:
        """Return x W_x, float [..., G], of inputs x, float [..., I]."""
        return product(inputs, self.input_kernel[...], self.precision)

    def add_labels(self, projections: jax.Array, labels: jax.Array | None) -> jax.Array:
        """Add the vectors of labels to projections.

        Args:
            projections: x W_x at every time step, float [T, B, G].
            labels: ids of the labels at every time step, int32 [K, T, B]; 0 adds nothing. None for
                no labels at all.
        """
        if labels is None:
            return projections
        vectors = jnp.pad(self.label_kernel[...], ((1, 0), (0, 0)))
        return sum((look_up(vectors, one) for one in labels), start=projections)

    def run(self, projections: jax.Array, state: State) -> tuple[jax.Array, State]:
        """Run the cell along a sequence.

        Args:
            projections: x W_x at every time step, float [T, B, G].
            state: state before the first step, members [B, H].

        Returns:
            The outputs, float [T, B, H], and the state after the last step.
        """
        weights = self.bias[...], self.recurrent_kernel[...]
        return run_recurrence(self.cell, self.precision, projections, *weights, state)

    def read(
        self, inputs: jax.Array, state: State, labels: jax.Array | None
    ) -> tuple[jax.Array, State]:
        """Read inputs x, float [T, B, I], with labels as in `add_labels`; return what `run` does.

        cuDNN reads no labels.
        """
        if self.backend == "cudnn":
            kernels = self.input_kernel[...], self.recurrent_kernel[...]
            return run_lstm(inputs, *kernels, self.bias[...], state)
        return self.run(self.add_labels(self.project(inputs), labels), state)


class LanguageModel(nnx.Module):
    """A network that predicts each character of a text from the characters before it."""

    def __init__(self, settings: ModelSettings, computation: Computation) -> None:
        self.embedding = nnx.Param(jnp.zeros((settings.vocab_size, settings.embedding_size)))
        self.layers = _make_layers(settings, computation)
        self.projection = Projection(settings, computation.precision)
        self.projected = settings.projected

    def __call__(
        self,
        tokens: jax.Array,
        states: States,
        masks: Sequence[jax.Array] | None = None,
        labels: jax.Array | None = None,
        *,
        is_projected: bool = True,
    ) -> tuple[jax.Array, States]:
        """Compute the logits of the character after each character.

        Args:
            tokens: ids, int32 [B, T].
            states: state of each layer before the first character, members [B, H].
            masks: for each layer a mask, float [B, H], that multiplies the outputs at every time
                step, as `dropout_masks` returns; None for no dropout.
            labels: ids of the labels at each character, int32 [B, T, K], with 0 for a label that is
                left out; None to leave all out.
            is_projected: whether to compute the logits. Otherwise what the kernel of the projection
                multiplies to make them is returned, float32 [T, B, P or R].

        Returns:
            The logits, float32 [T, B, V], and the state of each layer after the last character.
        """
        columns = None if labels is None else labels.T
        every, after = run_layers(
            self.layers, self.embedding[...], tokens.T, states, masks, columns
        )
        read = every if self.projected == "all" else every[-1:]
        return self.projection.read(read, is_projected=is_projected), after


def run_layers(
    layers: Sequence[RecurrentLayer],
    embedding: jax.Array,
    tokens: jax.Array,
    states: States,
    masks: Sequence[jax.Array] | None,
    labels: jax.Array | None,
) -> tuple[list[jax.Array], States]:
    """Run stacked layers along a text.

    Args:
        layers: the layers, the first of which reads embeddings.
        embedding: embedding of each character, float [V, E].
        tokens: ids, int32 [T, B].
        states: state of each layer before the first character, members [B, H].
        masks: dropout masks of each layer, float [B, H], or None.
        labels: ids of the labels at each character, int32 [K, T, B], or None.

    Returns:
        The outputs of each layer, float [T, B, H], and its state after the last character.
    """
    first, *rest = layers
    if first.backend == "scan" and embedding.shape[0] < min(tokens.size, MAX_ONE_HOT + 1):
        # The vocabulary is smaller than the batch: project each character of it once.
        projections = look_up(first.project(embedding), tokens)
        outputs, last = first.run(first.add_labels(projections, labels), states[0])
    else:
        outputs, last = first.read(look_up(embedding, tokens), states[0], labels)
    outputs = outputs if masks is None else outputs * masks[0]
    every, after = [outputs], [last]
    for number, layer in enumerate(rest, start=1):
        outputs, last = layer.read(outputs, states[number], labels)
        outputs = outputs if masks is None else outputs * masks[number]
        every.append(outputs)
        after.append(last)
    return every, tuple(after)


class TwoWayModel(nnx.Module):
    """A network that predicts each character of a text from the characters on both sides of it.

    One stack of layers reads the characters before a position, another the characters after it,
    from the end. The projection reads both, so that no character is predicted from itself.

    References:
        Schuster and Paliwal (1997), Bidirectional Recurrent Neural Networks.
    """

    def __init__(self, settings: ModelSettings, computation: Computation) -> None:
        self.embedding = nnx.Param(jnp.zeros((settings.vocab_size, settings.embedding_size)))
        self.layers = _make_layers(settings, computation)
        self.backward = _make_layers(settings, computation)
        self.projection = Projection(settings, computation.precision)
        self.projected = settings.projected

    def __call__(
        self,
        tokens: jax.Array,
        states: States,
        masks: Sequence[jax.Array] | None = None,
        labels: jax.Array | None = None,
        *,
        count: int,
        is_projected: bool = True,
    ) -> tuple[jax.Array, States]:
        """Compute the logits of some characters from all the others.

        Args:
            tokens: ids, int32 [B, N] with N at least 2.
            states: state of each forward layer before the first character, members [B, H]. The
                layers that read backward begin from the zero state behind the last.
            masks: dropout masks as in `LanguageModel`, for the forward layers and then for those
                that read backward; None for no dropout.
            labels: ids of the labels at each character, int32 [B, N, K], as in `LanguageModel`.
            count: number T of characters to predict, in [1, N - 1]. They are the ones at the
                indices 1 to T. The others are only read.
            is_projected: as in `LanguageModel`.

        Returns:
            The logits, float32 [T, B, V], or what gives them, and the state of each forward layer
            after T characters.
        """
        tokens = tokens.T
        depth = len(self.layers)
        forward_masks, backward_masks = (masks[:depth], masks[depth:]) if masks else (None, None)
        embedding, columns = self.embedding[...], None if labels is None else labels.T
        read = None if columns is None else columns[:, :count]
        before, after = run_layers(
            self.layers, embedding, tokens[:count], states, forward_masks, read
        )
        zero = jax.tree.map(jnp.zeros_like, states)
        # The output that predicts the character k is that after the character k + 1 was read.
        behind = jnp.flip(tokens[2:], axis=0)
        read = None if columns is None else jnp.flip(columns[:, 2:], axis=1)
        outputs, _ = run_layers(self.backward, embedding, behind, zero, backward_masks, read)
        # Nothing stands behind the last character: its output is that of the zero state.
        ends = [jnp.pad(jnp.flip(one, axis=0), ((0, 1), (0, 0), (0, 0))) for one in outputs]
        behind_each = [one[:count] for one in ends]
        if self.projected == "last":
            before, behind_each = before[-1:], behind_each[-1:]
        every = [*before, *behind_each]
        return self.projection.read(every, is_projected=is_projected), after


def _make_layers(settings: ModelSettings, computation: Computation) -> nnx.List[RecurrentLayer]:
    return nnx.List(
        RecurrentLayer(
            CELLS[settings.cell],
            settings.hidden_size if layer else settings.embedding_size,
            settings.hidden_size,
            settings.num_labels,
            computation,
        )
        for layer in range(settings.num_layers)
    )


def _make_model(settings: ModelSettings, computation: Computation) -> LanguageModel | TwoWayModel:
    kind = TwoWayModel if settings.direction == "both" else LanguageModel
    return kind(settings, computation)


def dropout_masks(
    key: jax.Array, settings: ModelSettings, batch_size: int
) -> tuple[jax.Array, ...] | None:
    """Draw one dropout mask for each layer, the same for all time steps of a batch.

    Args:
        key: random key, used once.
        settings: shape of the network, and the dropout rate.
        batch_size: B.

    Returns:
        For each layer of each stack a mask, float32 [B, H]. Its values are 0 with the probability
        `dropout_rate` and otherwise 1 / (1 - `dropout_rate`), so that outputs keep their mean. None
        if the rate is 0.

    References:
        Gal and Ghahramani (2016), A Theoretically Grounded Application of Dropout in Recurrent
        Neural Networks.
    """
    if not settings.dropout_rate:
        return None
    keep = 1 - settings.dropout_rate
    shape = (settings.num_layers * len(stacks(settings)), batch_size, settings.hidden_size)
    return tuple(jax.random.bernoulli(key, keep, shape) / jnp.float32(keep))


def zero_states(settings: Shape, batch_size: int) -> States:
    """Return the state of each layer before any text: members of zeros, float32 [B, H]."""
    return tuple(
        CELLS[part.cell].fill_state(jnp.zeros((batch_size, part.hidden_size)))
        for part in parts_of(settings)
        for _ in range(part.num_layers)
    )


def random_key(seed: int) -> jax.Array:
    """Return the key of a seed in [0, 2**63).

    `jax.random.key` drops the upper 32 bits of a seed, which are therefore folded in.
    """
    low, high = seed % 2**32, seed >> 32
    key = jax.random.key(low)
    return jax.random.fold_in(key, high) if high else key


def create_model(
    settings: ModelSettings, seed: int, computation: Computation = EXACT
) -> tuple[Apply, Parameters]:
    """Create a network as a pure function and its initial parameters.

    Args:
        settings: shape of the network.
        seed: seed of the initial parameters, in [0, 2**63).
        computation: how the function computes the network.

    Returns:
        The function `apply(parameters, tokens, states, masks=None, labels=None)`, which calls
        `LanguageModel`, or `TwoWayModel` for a network of both directions; and the initial
        parameters, by the names of `textgen.network.parameters`.
    """
    return network_function(settings, computation), initial_parameters(settings, seed)


def initial_parameters(settings: ModelSettings, seed: int) -> Parameters:
    """Return the parameters of `create_model` without its function."""
    drawn = draw_parameters(settings, seed)
    return {name: jnp.asarray(array) for name, array in drawn.items()}


@lru_cache(maxsize=32)
def network_function(settings: ModelSettings, computation: Computation = EXACT) -> Apply:
    """Return the function `apply` of `create_model`, without initial parameters.

    It is one function for all networks of a shape, so that what was compiled of it is used again.
    """
    model = nnx.eval_shape(lambda: _make_model(settings, computation))
    graph, abstract = nnx.split(model)
    paths = [path for path, _ in nnx.to_flat_state(abstract)]

    def apply(parameters: Parameters, *arguments: Any, **keywords: Any) -> tuple[jax.Array, States]:
        flat = {path: nnx.Param(parameters[".".join(map(str, path))]) for path in paths}
        model = nnx.merge(graph, nnx.from_flat_state(flat))
        return model(*arguments, **keywords)

    return apply
