"""Texts that are written side by side, each with its own settings, by one compiled loop."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from textgen.generation.engine import Standing
from textgen.generation.jax_engine import OWN, compiled_loop
from textgen.generation.sampler import Knobs
from textgen.generation.writing import Drawn
from textgen.runtime.numerics import standard_numerics
from textgen.serve.loops import Loops, Pace
from textgen.serve.text import Text
from textgen.serve.weights import Placed, Weights, mesh_for

# Most characters that a piece writes of all rows together, and of one row.
MOST_WRITTEN, MOST_OF_A_ROW = 2**14, 2**10
# Parts of the settings that the rows of a loop share.
SHARED_PARTS = ("ends", "words", "copies")

# Takes what was drawn of a text, and the state after it; None if the loop wrote further.
Take = Callable[[Text, Drawn, Standing | None], None]


def kind_of(text: Text) -> Hashable:
    """Tell what texts must have in common to be rows of one loop.

    The weights and the large tables are the same, and the other settings have the same shapes. What
    is reported has to be read as well, so that texts with a report are rows of loops of their own.
    """
    shared = tuple(id(getattr(text.knobs, part)) for part in ("words", "copies"))
    leaves, structure = jax.tree.flatten((text.knobs, text.standing))
    is_reported = text.order.top is not None
    return (
        id(text.weights),
        is_reported,
        shared,
        structure,
        tuple(np.shape(leaf) for leaf in leaves),
    )


class Group:
    """Texts that can be rows of one loop."""

    def __init__(self, first: Text, loops: Loops, pace: Pace) -> None:
        """Begin with no texts; the first one tells what they have in common."""
        self._weights, self._loops, self._pace = first.weights, loops, pace
        self._shared = Placed([getattr(first.knobs, part) for part in SHARED_PARTS])
        leaves, structure = jax.tree.flatten((first.knobs, first.standing))
        shapes = tuple(np.shape(leaf) for leaf in leaves)
        # Loops are compiled for shapes, whatever the weights are.
        self._kind = ("write", first.weights.settings, structure, shapes)
        self._example = first.knobs, first.standing
        self._batches: list[_Batch] = []
        self.texts: list[Text] = []

    def write(self, seconds: float, take: Take) -> None:
        """Write the next characters of the texts.

        Texts of which the loop is still being compiled have to wait.

        Args:
            seconds: how long that may take.
            take: takes what was drawn of each text.
        """
        sizes = self._loops.split(self._kind, len(self.texts), self.compile_rows)
        self._batches = self._batched(sizes)
        for batch in self._batches:
            pace = self._kind, batch.rows
            count = self._pace.count(pace, seconds / len(sizes), batch.size)
            count = min(count, max(text.remaining for text in batch.texts))
            batch.draw(count)
            # Only the loop is measured: what is done once a piece does not depend on its length.
            with self._pace.measured(pace, count):
                tokens = batch.run(count)
            for text, drawn, standing in batch.written(tokens):
                take(text, drawn, standing)

    def prepare(self, rows: int) -> Future[None] | None:
        """Compile the loop for a number of rows in the background; see `Loops.prepare`."""
        return self._loops.prepare(self._kind, rows, self.compile_rows)

    def compile_rows(self, rows: int) -> None:
        """Compile the loop for a number of rows: write nothing with it."""
        _Batch(self._weights, self._shared, [self._example], rows).run(0)

    def _batched(self, sizes: Sequence[int]) -> list["_Batch"]:
        """Return the texts in batches of some sizes; those that did not change stay as they are."""
        before = {(batch.rows, *map(id, batch.texts)): batch for batch in self._batches}
        batches, begin = [], 0
        for rows in sizes:
            texts = self.texts[begin : begin + rows]
            begin += rows
            batch = before.get((rows, *map(id, texts)))
            if batch is None:
                members = [(text.knobs, text.standing) for text in texts]
                batch = _Batch(self._weights, self._shared, members, rows, texts)
            batches.append(batch)
        return batches


class _Batch:
    """The rows of one loop. Between two pieces of the same texts their states stay stacked."""

    def __init__(
        self,
        weights: Weights,
        shared: Placed,
        members: Sequence[tuple[Knobs, Standing]],
        rows: int,
        texts: Sequence[Text] = (),
    ) -> None:
        self.rows, self.texts = rows, texts
        self.size = min(MOST_OF_A_ROW, MOST_WRITTEN // rows)
        self._mesh = mesh_for(weights.settings, rows, shared.nbytes)
        self._weights = weights.on(self._mesh, is_transposed=rows == 1)
        filled = [*members, *[members[0]] * (rows - len(members))]
        own = [(_own_part(knobs), standing) for knobs, standing in filled]
        knobs, self._standings = _stacked(own)
        parts = dict(zip(SHARED_PARTS, shared.on(self._mesh), strict=True))
        self._knobs = knobs._replace(**parts)
        self._loop = compiled_loop(weights.settings, self._mesh, is_scored=False, axes=OWN)
        shape = (rows, self.size)
        self._uniforms, self._temperatures = np.zeros(shape, np.float32), np.ones(shape, np.float32)

    def draw(self, count: int) -> None:
        """Draw the random numbers for `count` characters of each text."""
        for row, text in enumerate(self.texts):
            own = min(count, text.remaining)
            self._uniforms[row, :own], self._temperatures[row, :own] = text.draw(own)

    def written(self, tokens: NDArray[np.int32]) -> Iterator[tuple[Text, Drawn, Standing | None]]:
        """Yield each text, what was drawn of it, and the state after that."""
        count = tokens.shape[1]
        leaves, structure = jax.tree.flatten(self._standings)
        nats = np.zeros(count, np.float32)
        for row, text in enumerate(self.texts):
            own = min(count, text.remaining)
            # The next piece overwrites the numbers.
            numbers = self._uniforms[row, :own].copy(), self._temperatures[row, :own].copy()
            drawn = Drawn(tokens[row, :own], nats[:own], *numbers)
            standing = None
            if own == count:
                standing = jax.tree.unflatten(structure, [leaf[row] for leaf in leaves])
            yield text, drawn, standing

    @standard_numerics()
    def run(self, count: int) -> NDArray[np.int32]:
        """Call the loop and return the ids, int32 [B, count]."""
        after, tokens, _ = self._loop(
            self._weights,
            self._knobs,
            np.int32(count),
            self._standings,
            self._temperatures,
            self._uniforms,
        )
        self._standings = jax.tree.map(np.asarray, after)
        return np.asarray(tokens)[:, :count]


def _own_part(knobs: Knobs) -> Knobs:
    return knobs._replace(ends=None, words=None, copies=None)


def _stacked(members: Sequence[tuple[Knobs, Standing]]) -> Any:
    """Return trees of arrays as one tree, whose arrays have an axis more."""
    flat = [jax.tree.leaves(member) for member in members]
    structure = jax.tree.structure(members[0])
    return jax.tree.unflatten(structure, [np.stack(leaves) for leaves in zip(*flat, strict=True)])
