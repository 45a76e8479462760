"""Three protocols that measure how well a network predicts a text, in nats per character.

`stream` reads the whole text with the state carried along. `window` starts from the zero state
every 256 characters, as nanoGPT does. `dynamic` is a stream whose weights go on learning from what
has been read. Results of different protocols cannot be compared.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from numpy.typing import NDArray

from textgen.data.labels import PlacedLabels
from textgen.data.tokens import Tokens
from textgen.evaluation.text_losses import text_losses
from textgen.network.inference import States
from textgen.network.mixture import Shape
from textgen.network.model import Apply, Parameters, zero_states
from textgen.runtime.devices import DATA, place_all, replicated, shapes, shared
from textgen.settings import LearningSettings, ModelSettings
from textgen.training.online import SEGMENTS_AT_ONCE, Learner, OnlineTraining

# Characters of each row that a compiled call reads.
CHUNK = 128
WINDOW = 256
# Most characters scored by an evaluation during training, and the pieces they are spread over.
PART_CHARACTERS = 2**14
PART_STREAMS = 64


@lru_cache(maxsize=8)
def _total_loss(apply: Apply | tuple[Apply, ...], settings: Shape, mesh: Mesh) -> Any:
    """Return a compiled function that reads a part of each row and adds up the losses scored."""
    everywhere, split = PartitionSpec(), PartitionSpec(DATA)

    @jax.jit
    @partial(
        jax.shard_map,
        mesh=mesh,
        in_specs=(everywhere, split, split, split, split, split),
        out_specs=(split, everywhere),
        check_vma=False,
    )
    def total(
        parameters: Parameters, states: States, inputs: Any, targets: Any, scored: Any, labels: Any
    ) -> tuple[States, jax.Array]:
        nats, states = text_losses(apply, settings, parameters, inputs, targets, states, labels)
        return states, jax.lax.psum(jnp.sum(nats * scored.T), DATA)

    return total


@dataclass(frozen=True, kw_only=True)
class DynamicSettings:
    """How weights go on learning while a text is read.

    Attributes:
        segment: number of characters between two steps.
        learners: settings of each copy of the weights.
        switch: assumed probability, at each character, that another copy, drawn at random, begins
            to predict best; in [0, 1].
    """

    segment: int = LearningSettings.segment
    learners: tuple[Learner, ...] = (Learner(1.5e-4, 3e-4), Learner(8e-4, 4e-3))
    switch: float = 0.02


def bits_per_character(nats: float) -> float:
    """Convert nats per character to bits per character: nats / ln 2."""
    return nats / math.log(2)


class Evaluator:
    """Measures the loss of parameters on texts. Compiled once for each shape of batch."""

    def __init__(
        self,
        apply: Apply | tuple[Apply, ...],
        settings: Shape,
        mesh: Mesh,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Compile nothing yet.

        Args:
            apply: the network, or those of a mixture.
            settings: its shape.
            mesh: the devices that share the rows.
            check: is called before each step, and may raise an error to stop.
        """
        self._settings, self._check = settings, check
        self._mesh = mesh
        self._total = _total_loss(apply, settings, mesh)

    def stream(
        self,
        parameters: Parameters,
        tokens: Tokens,
        *,
        labels: PlacedLabels | None = None,
        streams: int = 1,
        limit: int | None = None,
    ) -> float:
        """Return the loss with the state carried along the text.

        Args:
            parameters: parameters of the network.
            tokens: ids, [N] with N at least 2; every id but the first is predicted.
            labels: labels of the documents of the text; None to leave them out.
            streams: number of pieces that are read side by side. One piece is the exact stream. Of
                several pieces, each is read after the 128 characters before it.
            limit: score about this many characters, spread over the text; None for all.

        Returns:
            Nats per character.
        """
        predictions = len(tokens) - 1
        streams = min(streams, -(-predictions // CHUNK))
        piece = -(-predictions // streams)
        scored = piece if limit is None else min(piece, max(limit // streams, 1))
        lead = CHUNK if streams > 1 else 0
        first = np.arange(self._rows(streams)) * piece
        ends = np.minimum(first + scored, np.where(np.arange(len(first)) < streams, predictions, 0))
        return self._mean(parameters, tokens, labels, np.maximum(first - lead, 0), first, ends)

    def part(
        self, parameters: Parameters, tokens: Tokens, labels: PlacedLabels | None = None
    ) -> float:
        """Return the stream loss on a part of a text: 64 pieces, at most 16,384 characters."""
        return self.stream(
            parameters, tokens, labels=labels, streams=PART_STREAMS, limit=PART_CHARACTERS
        )

    def compile_part(
        self, parameters: Parameters, tokens: Tokens, labels: PlacedLabels | None = None
    ) -> None:
        """Compile what `part` runs, and run nothing; `shapes` of the parameters are enough."""
        rows = self._rows(min(PART_STREAMS, -(-(len(tokens) - 1) // CHUNK)))
        inside = np.zeros((rows, CHUNK), np.int64)
        given = None if labels is None else labels.at(inside)
        states = shapes(zero_states(self._settings, rows), shared(self._mesh))
        placed = shapes(parameters, replicated(self._mesh))
        ids = inside.astype(np.int32)
        self._total.lower(placed, states, ids, ids, ids > 0, given).compile()

    def window(
        self,
        parameters: Parameters,
        tokens: Tokens,
        *,
        labels: PlacedLabels | None = None,
        batch_size: int = 64,
    ) -> float:
        """Return the loss over consecutive windows of 256 characters, each from the zero state.

        Args:
            parameters: parameters of the network.
            tokens: ids, [N] with N at least 2.
            labels: labels of the documents of the text; None to leave them out.
            batch_size: number of windows read side by side.

        Returns:
            Nats per character, averaged over all positions of all windows.
        """
        predictions = len(tokens) - 1
        starts = np.arange(0, predictions, WINDOW)
        nats = 0.0
        for at in range(0, len(starts), self._rows(batch_size)):
            first = starts[at : at + self._rows(batch_size)]
            idle = np.full(self._rows(batch_size) - len(first), predictions)
            first = np.concatenate([first, idle])
            ends = np.minimum(first + WINDOW, predictions)
            mean = self._mean(parameters, tokens, labels, first, first, ends)
            nats += mean * int(np.sum(ends - first))
        return nats / predictions

    def _rows(self, rows: int) -> int:
        return -(-rows // self._mesh.size) * self._mesh.size

    def _mean(
        self,
        parameters: Parameters,
        tokens: Tokens,
        labels: PlacedLabels | None,
        begins: Any,
        first: Any,
        ends: Any,
    ) -> float:
        """Read rows from the zero state and average their loss.

        Args:
            parameters: parameters of the network.
            tokens: ids, [N].
            labels: labels of its documents, or None.
            begins: index of the first id that each row reads, int [B].
            first: index of the first id of each row whose next id is scored, int [B].
            ends: end of the range of these indices, int [B].
        """
        states = place_all(zero_states(self._settings, len(first)), shared(self._mesh))
        parameters = place_all(parameters, replicated(self._mesh))
        nats, count = 0.0, 0
        for at in range(0, int(np.max(ends - begins)), CHUNK):
            self._check()
            indices = (begins + at)[:, None] + np.arange(CHUNK)
            scored = (indices >= first[:, None]) & (indices < ends[:, None])
            inside = np.clip(indices, 0, len(tokens) - 2)
            inputs = tokens[inside].astype(np.int32)
            targets = tokens[inside + 1].astype(np.int32)
            given = None if labels is None else labels.at(inside)
            states, chunk_nats = self._total(parameters, states, inputs, targets, scored, given)
            nats += float(chunk_nats)
            count += int(np.count_nonzero(scored))
        return nats / count


class DynamicEvaluator:
    """Measures the loss of a network that goes on learning while it reads.

    Several copies of the network learn at different rates. The probabilities that they give to a
    character are averaged, with more weight for a copy that predicted the text so far better.

    Attributes:
        piece: number of characters that are read at a time.

    References:
        Krause, Kahembwe, Murray and Renals (2018), Dynamic Evaluation of Neural Sequence Models.
        Herbster and Warmuth (1998), Tracking the Best Expert: the weights of the average.
    """

    def __init__(
        self, apply: Apply, model: ModelSettings, settings: DynamicSettings = DynamicSettings()
    ) -> None:
        self._model, self._learners = model, settings.learners
        self._online = OnlineTraining(apply, model, settings.segment)
        self.piece = SEGMENTS_AT_ONCE * settings.segment
        self._mix = partial(_mix, settings.switch)

    def measure(
        self, parameters: Parameters, training: Tokens, tokens: Tokens
    ) -> Iterator[NDArray[np.float32]]:
        """Read a text once, and learn from each segment after it is predicted.

        Args:
            parameters: parameters of the network, which are not changed.
            training: ids of the training text, [N], for the mean squares.
            tokens: ids, [M] with M at least 2; every id but the first is predicted.

        Yields:
            The losses of the next K characters in nats, float32 [K]. All K add up to M - 1.
        """
        read = self.begin(parameters, training)
        for at in range(0, len(tokens) - 1, self.piece):
            yield read(tokens[at : at + self.piece + 1])

    def begin(
        self, parameters: Parameters, training: Tokens
    ) -> Callable[[Tokens], NDArray[np.float32]]:
        """Begin a text that is read piece by piece; see `measure`.

        Returns:
            A function that reads the next piece. It takes `piece` + 1 ids, the first of which is
            the last id of the piece before, and returns the losses of all but the first in nats.
            Only the last piece may be shorter.
        """
        roots = self._online.roots(parameters, training)
        copies = [(parameters, zero_states(self._model, 1)) for _ in self._learners]
        shares = jnp.full(len(copies), 1 / len(copies))

        def read(tokens: Tokens) -> NDArray[np.float32]:
            nonlocal copies, shares
            losses = []
            for segments in self._online.cut(tokens):
                results = [
                    self._online.adapt(*copy, parameters, roots, segments, learner)
                    for copy, learner in zip(copies, self._learners, strict=True)
                ]
                copies = [(weights, states) for weights, states, _ in results]
                found = jnp.stack([nats.ravel() for *_, nats in results])
                shares, mixed = self._mix(shares, found)
                losses.append(np.asarray(mixed))
            return np.concatenate(losses)

        return read


@partial(jax.jit, static_argnums=0)
def _mix(switch: float, shares: jax.Array, nats: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Average the probabilities of copies of a network.

    Args:
        switch: see `DynamicSettings`.
        shares: weight of each copy before the first character, float32 [C].
        nats: loss of each copy at each character, float32 [C, N].

    Returns:
        The weights after the last character, and the losses of the averages, float32 [N].
    """

    def step(shares: jax.Array, nats: jax.Array) -> tuple[jax.Array, jax.Array]:
        joint = jnp.log(shares) - nats
        mixed = jax.nn.logsumexp(joint)
        shares = jnp.exp(joint - mixed)
        return shares + switch * (1 / len(shares) - shares), -mixed

    found: tuple[jax.Array, jax.Array] = jax.lax.scan(step, shares, nats.T)
    return found
