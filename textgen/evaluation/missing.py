"""The protocol `missing`: how well a network of both directions predicts one missing character."""

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from textgen.data.labels import PlacedLabels
from textgen.data.tokens import Tokens
from textgen.data.vocabulary import UNKNOWN_ID
from textgen.network.model import Apply, Parameters, zero_states
from textgen.network.parameters import MAX_ONE_HOT
from textgen.runtime.devices import DATA, place_all, replicated, shapes
from textgen.settings import ModelSettings
from textgen.training.loss import cross_entropy, projected_predictions

# Characters of a piece that are predicted, and that are read on either side of it.
PIECE, AROUND = 256, 64
# Most pieces of an evaluation during training, which are spread over the text.
PART_PIECES = 64
# Number of pieces that are read side by side.
AT_ONCE = 32


class Missing(NamedTuple):
    """How well single missing characters are predicted.

    Attributes:
        nats: mean loss in nats per character.
        right: share of characters whose likeliest prediction is right, in [0, 1].
        characters: number of characters that were predicted.
    """

    nats: float
    right: float
    characters: int


@lru_cache(maxsize=8)
def _totals(apply: Apply, settings: ModelSettings, mesh: Mesh) -> Any:
    """Return a compiled function that reads pieces and adds up how well they are predicted."""
    everywhere, split = PartitionSpec(), PartitionSpec(DATA)

    @jax.jit
    @partial(
        jax.shard_map,
        mesh=mesh,
        in_specs=(everywhere, split, split, split),
        out_specs=everywhere,
        check_vma=False,
    )
    def totals(parameters: Parameters, tokens: Any, scored: Any, labels: Any) -> jax.Array:
        states = zero_states(settings, tokens.shape[0])
        is_projected = settings.vocab_size <= MAX_ONE_HOT
        count = AROUND + PIECE - 1
        read, _ = apply(
            parameters, tokens, states, labels=labels, count=count, is_projected=is_projected
        )
        read, targets = read[AROUND - 1 :], tokens[:, AROUND : AROUND + PIECE].T
        if is_projected:
            losses, is_right = cross_entropy(read, targets), jnp.argmax(read, -1) == targets
        else:
            weights = parameters["projection.kernel"], parameters["projection.bias"]
            losses, is_right = projected_predictions(read, *weights, targets)
        nats, right = jnp.sum(losses * scored.T), jnp.sum(is_right * scored.T)
        found: jax.Array = jax.lax.psum(jnp.stack([nats, right]), DATA)
        return found

    return totals


class MissingEvaluator:
    """Measures how a network predicts each character from all others around it.

    The text is read in pieces of 256 characters, each with the 64 characters before and behind it.
    What lies beyond the text is read as unknown. The losses cannot be compared with those of a
    network that reads forward, which knows one side alone.
    """

    def __init__(self, apply: Apply, settings: ModelSettings, mesh: Mesh) -> None:
        self._settings, self._mesh = settings, mesh
        self._totals = _totals(apply, settings, mesh)

    @property
    def _rows(self) -> int:
        """Number of pieces that a compiled call reads."""
        return -(-AT_ONCE // self._mesh.size) * self._mesh.size

    def part(
        self, parameters: Parameters, tokens: Tokens, labels: PlacedLabels | None = None
    ) -> float:
        """Return the loss on a part of a text: 64 pieces spread over it, in nats per character."""
        begins = np.arange(0, len(tokens), PIECE)
        chosen = np.unique(np.linspace(0, len(begins) - 1, PART_PIECES).astype(int))
        measured = [*self._measure(parameters, tokens, begins[chosen], labels)]
        return measured[-1].nats

    def compile_part(
        self, parameters: Parameters, tokens: Tokens, labels: PlacedLabels | None = None
    ) -> None:
        """Compile what `part` runs, and run nothing; `shapes` of the parameters are enough."""
        inside = np.zeros((self._rows, AROUND + PIECE + AROUND), np.int64)
        given = None if labels is None else labels.at(inside)
        scored = inside[:, AROUND : AROUND + PIECE] > 0
        placed = shapes(parameters, replicated(self._mesh))
        self._totals.lower(placed, inside.astype(np.int32), scored, given).compile()

    def whole(
        self, parameters: Parameters, tokens: Tokens, labels: PlacedLabels | None = None
    ) -> Iterator[Missing]:
        """Measure a whole text, and yield the result for what was read so far again and again."""
        yield from self._measure(parameters, tokens, np.arange(0, len(tokens), PIECE), labels)

    def _measure(
        self, parameters: Parameters, tokens: Tokens, begins: Any, labels: PlacedLabels | None
    ) -> Iterator[Missing]:
        parameters = place_all(parameters, replicated(self._mesh))
        rows, total, characters = self._rows, np.zeros(2), 0
        for at in range(0, len(begins), rows):
            here = begins[at : at + rows]
            idle = np.full(rows - len(here), len(tokens) + AROUND)
            index = np.append(here, idle)[:, None] + np.arange(-AROUND, PIECE + AROUND)
            is_inside = (index >= 0) & (index < len(tokens))
            inside = np.clip(index, 0, len(tokens) - 1)
            ids = np.where(is_inside, tokens[inside].astype(np.int32), UNKNOWN_ID)
            scored = is_inside[:, AROUND : AROUND + PIECE]
            given = None if labels is None else labels.at(inside)
            total += np.asarray(self._totals(parameters, ids, scored, given), np.float64)
            characters += int(scored.sum())
            yield Missing(float(total[0] / characters), float(total[1] / characters), characters)
