"""Compiled loops that read texts side by side, and report what the model expected of them."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from numpy.typing import NDArray

from textgen.network.inference import (
    States,
    project,
    projected_outputs,
    step_network,
)
from textgen.runtime.devices import DATA
from textgen.runtime.numerics import standard_numerics
from textgen.serve.loops import Loops, Pace
from textgen.serve.order import MOST_LIKELY
from textgen.serve.weights import Weights, mesh_for
from textgen.settings import ModelSettings

# Most characters that a piece reads of all rows together, and of one row.
MOST_READ, MOST_OF_A_ROW = 2**13, 2**10
# Most logits that a piece computes.
MOST_LOGITS = 2**22


class Read(NamedTuple):
    """What a piece has read of a text.

    Attributes:
        length: number of characters.
        states: state of each layer after them, members float32 [H].
        logprobs: natural logarithm of the probability of each of them, float32 [T]; empty if it was
            not asked for.
        top: ids of the likeliest characters in the place of each of them, the likeliest first,
            int32 [T, K].
        top_logprobs: the logarithms of their probabilities, float32 [T, K].
    """

    length: int
    states: States
    logprobs: NDArray[np.float32]
    top: NDArray[np.int32]
    top_logprobs: NDArray[np.float32]


class Reader:
    """Reads texts in pieces."""

    def __init__(self, loops: Loops, pace: Pace) -> None:
        """Begin with the loops of a scheduler."""
        self._loops, self._pace = loops, pace

    def read(
        self,
        weights: Weights,
        texts: Sequence[tuple[NDArray[np.int32], States]],
        seconds: float,
        *,
        is_scored: bool,
    ) -> list[Read]:
        """Read the beginnings of some texts.

        Args:
            weights: weights of the network.
            texts: for each text its ids, int32 [T] with T > 0, and the states before them.
            seconds: how long that may take.
            is_scored: whether to report what the model expected.

        Returns:
            What was read of each of the first texts; the others have to wait for a compiler.
        """
        kind = ("read", weights.settings, is_scored)
        compile_rows = partial(self.compile_rows, weights, is_scored)
        sizes = self._loops.split(kind, len(texts), compile_rows)
        done: list[Read] = []
        for rows in sizes:
            chosen, size = texts[len(done) : len(done) + rows], piece_size(weights, rows, is_scored)
            count = self._pace.count((kind, rows), seconds / len(sizes), size)
            longest = min(count, max(len(tokens) for tokens, _ in chosen))
            with self._pace.measured((kind, rows), longest):
                done += _read_piece(weights, chosen, rows, longest, is_scored=is_scored)
        return done

    def is_ready(self, weights: Weights, *, is_scored: bool) -> bool:
        """Return whether texts can be read; if not, compile the loop in the background."""
        kind = ("read", weights.settings, is_scored)
        return bool(self._loops.split(kind, 1, partial(self.compile_rows, weights, is_scored)))

    def prepare(self, weights: Weights, rows: int) -> Future[None] | None:
        """Compile a loop in the background; see `Loops.prepare`."""
        kind = ("read", weights.settings, False)
        return self._loops.prepare(kind, rows, partial(self.compile_rows, weights, False))

    def compile_rows(self, weights: Weights, is_scored: bool, rows: int) -> None:
        """Compile the loop for a number of rows: read nothing with it."""
        nothing = np.zeros(1, np.int32), weights.zero_states()
        _read_piece(weights, [nothing], rows, 0, is_scored=is_scored)


def piece_size(weights: Weights, rows: int, is_scored: bool) -> int:
    """Return the largest number of characters that a piece reads of each row, a power of two."""
    size = min(MOST_OF_A_ROW, MOST_READ // rows)
    if is_scored:
        fitting = max(MOST_LOGITS // (rows * weights.settings.vocab_size), 1)
        size = min(size, 1 << (fitting.bit_length() - 1))
    return size


@standard_numerics()
def _read_piece(
    weights: Weights,
    texts: Sequence[tuple[NDArray[np.int32], States]],
    rows: int,
    count: int,
    *,
    is_scored: bool,
) -> list[Read]:
    """Read at most `count` characters of each text with one call of a loop."""
    mesh = mesh_for(weights.settings, rows)
    tokens = np.zeros((rows, piece_size(weights, rows, is_scored)), np.int32)
    counts = np.zeros(rows, np.int32)
    for row, (given, _) in enumerate(texts):
        counts[row] = min(len(given), count)
        tokens[row, : counts[row]] = given[: counts[row]]
    states = [states for _, states in texts]
    stacked = jax.tree.map(
        lambda *rows: np.stack(rows), *states, *[states[0]] * (rows - len(states))
    )
    loop = _reading_loop(weights.settings, mesh, is_scored)
    placed = weights.on(mesh, is_transposed=rows == 1 and not is_scored)
    after, *scores = loop(placed, np.int32(count), tokens, counts, stacked)
    after = jax.tree.map(np.asarray, after)
    logprobs, top, top_logprobs = map(np.asarray, scores or _no_scores(rows))
    return [
        Read(
            int(length),
            jax.tree.map(lambda member, row=row: member[row], after),
            logprobs[row, :length],
            top[row, :length],
            top_logprobs[row, :length],
        )
        for row, length in enumerate(counts[: len(texts)])
    ]


def _no_scores(rows: int) -> tuple[NDArray[Any], ...]:
    return np.zeros((rows, 0)), np.zeros((rows, 0, 0), np.int32), np.zeros((rows, 0, 0))


@cache
def _reading_loop(settings: ModelSettings, mesh: Mesh, is_scored: bool) -> Callable[..., Any]:
    read = partial(_read_all, settings, is_scored)
    if mesh.size == 1:
        return jax.jit(read)
    rows, whole = PartitionSpec(DATA), PartitionSpec()
    return jax.jit(
        jax.shard_map(
            read,
            mesh=mesh,
            in_specs=(whole, whole, rows, rows, rows),
            out_specs=rows,
            check_vma=False,
        )
    )


def _read_all(
    settings: ModelSettings,
    is_scored: bool,
    prepared: dict[str, Any],
    count: jax.Array,
    tokens: jax.Array,
    counts: jax.Array,
    states: States,
) -> tuple[Any, ...]:
    """Read the first characters of each of B texts.

    Args:
        settings: shape of the network.
        is_scored: whether to report what the model expected.
        prepared: arrays that `prepare_parameters` returned.
        count: number of steps, at least as large as each of `counts`.
        tokens: ids, int32 [B, T].
        counts: number of characters to read of each text, int32 [B].
        states: state of each layer, members float32 [B, H].

    Returns:
        The states after the characters; and if it is scored what `Read` holds, each with an axis B.
    """
    read = partial(_read_one, settings, is_scored, prepared, count)
    if tokens.shape[0] > 1:
        after, outputs = jax.vmap(read)(tokens, counts, states)
    else:
        # A product with a vector is a little faster than with a batch of one.
        alone = jax.tree.map(lambda member: member[0], (tokens, counts, states))
        after, outputs = jax.tree.map(lambda member: member[None], read(*alone))
    if not is_scored:
        return (after,)
    logprobs = jax.nn.log_softmax(project(settings, prepared, outputs))
    own = jnp.take_along_axis(logprobs, tokens[..., None], axis=-1)[..., 0]
    top_logprobs, top = jax.lax.top_k(logprobs, min(MOST_LIKELY, settings.vocab_size))
    return after, own, top, top_logprobs


def _read_one(
    settings: ModelSettings,
    is_scored: bool,
    prepared: dict[str, Any],
    count: jax.Array,
    tokens: jax.Array,
    own_count: jax.Array,
    states: States,
) -> tuple[States, jax.Array]:
    """Do what `_read_all` does for one text; return the outputs before each character too."""

    def step(index: jax.Array, loop: tuple[States, jax.Array]) -> tuple[States, jax.Array]:
        states, outputs = loop
        if is_scored:
            outputs = outputs.at[index].set(projected_outputs(settings, states))
        after = step_network(settings, prepared, tokens[index], states)
        kept = jax.tree.map(lambda new, old: jnp.where(index < own_count, new, old), after, states)
        return kept, outputs

    width = projected_outputs(settings, states).shape[0] if is_scored else 0
    outputs = jnp.zeros((tokens.shape[0], width), jnp.float32)
    end: tuple[States, jax.Array] = jax.lax.fori_loop(0, count, step, (states, outputs))
    return end
