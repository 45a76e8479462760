"""The JAX engine: a compiled loop over many characters of many samples."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from numpy.typing import NDArray

from textgen.generation.engines import (
    Standing,
    Written,
    fold_scales,
    next_logits,
    step_network,
)
from textgen.generation.sampler import Knobs, Sampler, advance, draw
from textgen.generation.sampling import surprise
from textgen.network.cells import CELLS, Cell
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings
from textgen.training.devices import DATA, make_mesh


class JaxEngine:
    """A network as a compiled loop; several samples share the devices."""

    # Enough to hide the cost of a call, few enough to show text while it is made.
    piece = 4096

    def __init__(self, settings: ModelSettings, parameters: Arrays) -> None:
        self.settings = settings
        # Arguments of the compiled loop, not constants of it.
        self._folded = jax.tree.map(jnp.asarray, fold_scales(settings, parameters))
        self._rows = 1
        self._sampler: Sampler | None = None
        self._knobs: Knobs | None = None

    def write(
        self,
        standings: Sequence[Standing],
        uniforms: NDArray[np.float32],
        temperatures: NDArray[np.float32],
        sampler: Sampler,
    ) -> Written:
        """Write on, all samples in one compiled loop; see `Engine.write`."""
        samples, count = uniforms.shape
        mesh = _sampling_mesh(many=max(samples, self._rows) > 1)
        # As wide as before: another width would be compiled anew, and round differently.
        self._rows = rows = max(self._rows, -(-samples // mesh.size) * mesh.size)
        if sampler is not self._sampler:
            self._sampler, self._knobs = sampler, jax.tree.map(jnp.asarray, sampler.knobs)
        filled = [*standings, *[standings[0]] * (rows - samples)]
        stacked = jax.tree.map(lambda *members: np.stack(members), *filled)
        inputs = np.zeros((self.piece, 1 + rows), np.float32)
        inputs[:count, 0], inputs[:count, 1 : 1 + samples] = temperatures, uniforms.T
        loop = _compiled_loop(CELLS[self.settings.cell], mesh)
        after, tokens, nats = loop(
            self._folded, self._knobs, np.int32(count), stacked, inputs[:, 0], inputs[:, 1:]
        )
        after = jax.tree.map(np.asarray, after)
        rest = [jax.tree.map(lambda member, i=i: member[i], after) for i in range(samples)]
        return Written(
            np.asarray(tokens).T[:samples, :count], np.asarray(nats).T[:samples, :count], rest
        )


@cache
def _sampling_mesh(*, many: bool) -> Mesh:
    # One sample cannot be shared; several take all devices.
    return make_mesh(None if many else 1, 2**20)


@cache
def _compiled_loop(cell: Cell, mesh: Mesh) -> Callable[..., Any]:
    rows, columns, whole = PartitionSpec(DATA), PartitionSpec(None, DATA), PartitionSpec()
    loop = jax.shard_map(
        partial(_write, cell),
        mesh=mesh,
        in_specs=(whole, whole, whole, rows, whole, columns),
        out_specs=(rows, columns, columns),
        check_vma=False,
    )
    return jax.jit(loop)


class _Loop(NamedTuple):
    standings: Standing  # members [B, ...]
    tokens: jax.Array  # int32 [T, B]
    nats: jax.Array  # float32 [T, B]


def _write(
    cell: Cell,
    folded: dict[str, jax.Array],
    knobs: Knobs,
    count: jax.Array,
    standings: Standing,
    temperatures: jax.Array,
    uniforms: jax.Array,
) -> tuple[Standing, jax.Array, jax.Array]:
    draw_each = jax.vmap(draw, (0, 0, None, 0, None))
    advance_each = jax.vmap(advance, (0, 0, None))

    def step(place: jax.Array, loop: _Loop) -> _Loop:
        recurrent, control = loop.standings
        logits = next_logits(folded, recurrent)
        uniform, temperature = (
            jax.lax.dynamic_index_in_dim(numbers, place, keepdims=False)
            for numbers in (uniforms, temperatures)
        )
        tokens = draw_each(logits, uniform, temperature, control, knobs)
        after = Standing(
            step_network(cell, folded, tokens, recurrent), advance_each(control, tokens, knobs)
        )
        nats = jax.vmap(surprise)(logits, tokens)
        put = partial(jax.lax.dynamic_update_index_in_dim, index=place, axis=0)
        return _Loop(after, put(loop.tokens, tokens), put(loop.nats, nats))

    zeros = jnp.zeros_like(uniforms)
    begin = _Loop(standings, zeros.astype(jnp.int32), zeros)
    end: _Loop = jax.lax.fori_loop(0, count, step, begin)
    return end.standings, end.tokens, end.nats
