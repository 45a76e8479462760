"""The JAX engine: a compiled loop over many characters of many samples."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from textgen.generation.engine import LARGEST_OF_A_CORE, Standing, Written
from textgen.generation.filters import surprise
from textgen.generation.sampler import Control, Knobs, Sampler, advance, draw
from textgen.network.cells import CELLS, Cell
from textgen.network.inference import fold_scales, next_logits, step_network
from textgen.network.parameters import Arrays
from textgen.runtime.devices import DATA, make_mesh
from textgen.settings import ModelSettings


class JaxEngine:
    """A network as a compiled loop; several samples share the devices."""

    # Enough to hide the cost of a call, few enough to show text while it is made.
    piece = 4096

    def __init__(self, settings: ModelSettings, parameters: Arrays) -> None:
        self.settings = settings
        _sampling_mesh(many=True)  # before JAX is used: it then takes all cores as devices
        self._folded = fold_scales(settings, parameters)
        self._rows = 0
        self._sampler: Sampler | None = None
        # Arguments of the compiled loop, not constants of it: weights and settings.
        self._placed: tuple[Any, Any] = (None, None)

    def write(
        self,
        standings: Sequence[Standing],
        uniforms: NDArray[np.float32],
        temperatures: NDArray[np.float32],
        sampler: Sampler,
        *,
        is_scored: bool,
    ) -> Written:
        """Write on, all samples in one compiled loop; see `Engine.write`."""
        samples, count = uniforms.shape
        # The products of a large network take all cores by themselves.
        is_shared = self.settings.hidden_size <= LARGEST_OF_A_CORE
        mesh = _sampling_mesh(many=is_shared and max(samples, self._rows) > 1)
        # As wide as before: another width would be compiled anew, and round differently.
        rows = max(self._rows, -(-samples // mesh.size) * mesh.size)
        if (rows, sampler) != (self._rows, self._sampler):
            self._rows, self._sampler = rows, sampler
            weights = _turned(self._folded) if rows == 1 else self._folded
            everywhere = NamedSharding(mesh, PartitionSpec())
            self._placed = jax.device_put((weights, sampler.knobs), everywhere)
        filled = [*standings, *[standings[0]] * (rows - samples)]
        stacked = jax.tree.map(lambda *members: np.stack(members), *filled)
        inputs = np.zeros((1 + rows, self.piece), np.float32)
        inputs[0, :count], inputs[1 : 1 + samples, :count] = temperatures, uniforms
        loop = _compiled_loop(CELLS[self.settings.cell], mesh, is_scored=is_scored)
        after, tokens, nats = loop(*self._placed, np.int32(count), stacked, inputs[0], inputs[1:])
        after = jax.tree.map(np.asarray, after)
        rest = [jax.tree.map(lambda member, i=i: member[i], after) for i in range(samples)]
        tokens, nats = (np.asarray(array)[:samples, :count] for array in (tokens, nats))
        return Written(tokens, nats, rest)


class _Turned(NamedTuple):
    """A kernel [I, O] kept as [O, I]: for one sample XLA multiplies a few percent faster so."""

    rows: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the kernel."""
        return tuple(self.rows.shape[::-1])

    def __rmatmul__(self, inputs: jax.Array) -> jax.Array:
        """Multiply inputs [I] by the kernel."""
        outputs: jax.Array = self.rows @ inputs
        return outputs


def _turned(folded: dict[str, NDArray[np.float32]]) -> dict[str, Any]:
    return {
        name: _Turned(np.ascontiguousarray(array.T)) if "kernel" in name else array
        for name, array in folded.items()
    }


@cache
def _sampling_mesh(*, many: bool) -> Mesh:
    # One sample cannot be shared; several take all devices.
    return make_mesh(None if many else 1, 2**20)


@cache
def _compiled_loop(cell: Cell, mesh: Mesh, *, is_scored: bool) -> Callable[..., Any]:
    write, rows, whole = partial(_write_all, cell, is_scored), PartitionSpec(DATA), PartitionSpec()
    if mesh.size == 1:
        return jax.jit(write)
    loop = jax.shard_map(
        write,
        mesh=mesh,
        in_specs=(whole, whole, whole, rows, whole, rows),
        out_specs=(rows, rows, rows),
        check_vma=False,
    )
    return jax.jit(loop)


@jax.custom_batching.sequential_vmap  # type: ignore[untyped-decorator]
def _draw_in_turn(
    logits: jax.Array, uniform: jax.Array, temperature: jax.Array, control: Control, knobs: Knobs
) -> jax.Array:
    # One sample after the other: comparisons of characters then stay in a core's nearest memory.
    token: jax.Array = draw(logits, uniform, temperature, control, knobs)
    return token


class _Loop(NamedTuple):
    standing: Standing
    tokens: jax.Array  # int32 [T]
    nats: jax.Array  # float32 [T]


def _write_all(
    cell: Cell,
    is_scored: bool,
    folded: dict[str, Any],
    knobs: Knobs,
    count: jax.Array,
    standings: Standing,
    temperatures: jax.Array,
    uniforms: jax.Array,
) -> tuple[Standing, jax.Array, jax.Array]:
    write = partial(_write, cell, is_scored, folded, knobs, count)
    if uniforms.shape[0] > 1:
        each: Callable[..., tuple[Standing, jax.Array, jax.Array]] = jax.vmap(write, (0, None, 0))
        return each(standings, temperatures, uniforms)
    # For one sample products of vectors are a little faster than those of a batch of one.
    (alone, uniform) = jax.tree.map(lambda member: member[0], (standings, uniforms))
    standing, tokens, nats = write(alone, temperatures, uniform)
    return jax.tree.map(lambda member: member[None], standing), tokens[None], nats[None]


def _write(
    cell: Cell,
    is_scored: bool,
    folded: dict[str, Any],
    knobs: Knobs,
    count: jax.Array,
    standing: Standing,
    temperatures: jax.Array,
    uniforms: jax.Array,
) -> tuple[Standing, jax.Array, jax.Array]:
    def step(place: jax.Array, loop: _Loop) -> _Loop:
        recurrent, control = loop.standing
        logits = next_logits(folded, recurrent)
        token = _draw_in_turn(logits, uniforms[place], temperatures[place], control, knobs)
        after = Standing(
            step_network(cell, folded, token, recurrent), advance(control, token, knobs)
        )
        tokens = loop.tokens.at[place].set(token)
        nats = loop.nats.at[place].set(surprise(logits, token)) if is_scored else loop.nats
        return _Loop(after, tokens, nats)

    zeros = jnp.zeros_like(uniforms)
    begin = _Loop(standing, zeros.astype(jnp.int32), zeros)
    end: _Loop = jax.lax.fori_loop(0, count, step, begin)
    return end.standing, end.tokens, end.nats
