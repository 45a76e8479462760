"""The JAX engine: a compiled loop that writes many characters of many samples."""

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
from textgen.generation.operations import Flow
from textgen.generation.sampler import Control, Knobs, Sampler, advance, draw
from textgen.network.mixture import (
    Shape,
    for_each_part,
    predict,
    prepare,
    read_character,
    widest,
)
from textgen.runtime.devices import DATA, make_mesh
from textgen.runtime.numerics import standard_numerics


class JaxEngine:
    """A network, or a mixture of several, that writes in a compiled loop; see `Engine`."""

    # Long enough to make the cost of a call negligible, short enough to show the text as it grows.
    piece = 4096

    def __init__(self, settings: Shape, parameters: Any) -> None:
        self.settings = settings
        # Made before JAX is used anywhere, so that JAX takes each core as a device.
        sampling_mesh(many=True)
        self._prepared = prepare(parameters)
        self._rows = 0
        self._sampler: Sampler | None = None
        # Weights and knobs on the devices. They are arguments of the compiled loop, so that other
        # values need no new compilation.
        self._placed: tuple[Any, Any] = (None, None)

    @standard_numerics()
    def write(
        self,
        standings: Sequence[Standing],
        uniforms: NDArray[np.float32],
        temperatures: NDArray[np.float32],
        sampler: Sampler,
        *,
        is_scored: bool,
    ) -> Written:
        """Write all samples in one compiled loop; see `Engine.write`."""
        samples, count = uniforms.shape
        # Each matrix product of a large network uses all cores by itself.
        is_shared = widest(self.settings) <= LARGEST_OF_A_CORE
        mesh = sampling_mesh(many=is_shared and max(samples, self._rows) > 1)
        # The batch never shrinks: another size would be compiled anew and would round differently.
        rows = max(self._rows, -(-samples // mesh.size) * mesh.size)
        if (rows, sampler) != (self._rows, self._sampler):
            self._rows, self._sampler = rows, sampler
            weights = self._prepared
            if rows == 1:
                weights = for_each_part(weights, transpose_kernels)
            everywhere = NamedSharding(mesh, PartitionSpec())
            self._placed = jax.device_put((weights, sampler.knobs), everywhere)
        filled = [*standings, *[standings[0]] * (rows - samples)]
        stacked = jax.tree.map(lambda *members: np.stack(members), *filled)
        inputs = np.zeros((1 + rows, self.piece), np.float32)
        inputs[0, :count], inputs[1 : 1 + samples, :count] = temperatures, uniforms
        loop = compiled_loop(self.settings, mesh, is_scored=is_scored)
        after, tokens, nats = loop(*self._placed, np.int32(count), stacked, inputs[0], inputs[1:])
        after = jax.tree.map(np.asarray, after)
        rest = [jax.tree.map(lambda member, i=i: member[i], after) for i in range(samples)]
        tokens, nats = (np.asarray(array)[:samples, :count] for array in (tokens, nats))
        return Written(tokens, nats, rest)


class _TransposedKernel(NamedTuple):
    """A kernel [I, O], stored as its transpose [O, I].

    XLA multiplies the vector of a single sample by it a few percent faster.
    """

    transpose: Any

    def __rmatmul__(self, inputs: jax.Array) -> jax.Array:
        """Multiply inputs [I] by the kernel."""
        outputs: jax.Array = self.transpose @ inputs
        return outputs


def transpose_kernels(prepared: dict[str, NDArray[np.float32]]) -> dict[str, Any]:
    """Return prepared arrays as the loop of a single sample multiplies by them."""
    return {
        name: _TransposedKernel(np.ascontiguousarray(array.T)) if "kernel" in name else array
        for name, array in prepared.items()
    }


@cache
def sampling_mesh(*, many: bool) -> Mesh:
    """Return the devices that write: one for a single sample, all of them for many."""
    return make_mesh(None if many else 1, 2**20)


class RowAxes(NamedTuple):
    """Which arguments of a loop are those of single rows: 0 for an axis B, None for none.

    Attributes:
        knobs: the settings; each part as in `Knobs`.
        temperatures: the temperatures.
    """

    knobs: Any
    temperatures: int | None


# All samples have the same settings.
SHARED = RowAxes(None, None)
# Each row has its own settings. The large tables and the end symbol are the same for all rows.
OWN = RowAxes(
    Knobs(
        filters=0,  # type: ignore[arg-type]
        penalty=0,
        window=0,
        permitted=0,
        ends=None,
        words=None,
        script=0,  # type: ignore[arg-type]
        copies=None,
        bias=0,
    ),
    0,
)


@cache
def compiled_loop(
    settings: Shape, mesh: Mesh, *, is_scored: bool, axes: RowAxes | None = None
) -> Callable[..., Any]:
    """Return the compiled loop of `_write_all`.

    Args:
        settings: shape of the network.
        mesh: the devices, which share the rows.
        is_scored: whether to compute the surprise of each character.
        axes: which arguments are those of single rows; by default all rows share them.
    """
    axes = axes or SHARED
    write = partial(_write_all, settings, is_scored, axes)
    if mesh.size == 1:
        return jax.jit(write)
    rows, whole = PartitionSpec(DATA), PartitionSpec()
    knobs, temperatures = jax.tree.map(
        lambda axis: whole if axis is None else rows, axes, is_leaf=lambda axis: axis is None
    )
    loop = jax.shard_map(
        write,
        mesh=mesh,
        in_specs=(whole, knobs, whole, rows, temperatures, rows),
        out_specs=(rows, rows, rows),
        check_vma=False,
    )
    return jax.jit(loop)


def _repeat(count: int, step: Callable[[Any, Any], Any], value: Any) -> Any:
    return jax.lax.fori_loop(0, count, step, value)


def _only_if(condition: Any, compute: Callable[[], Any], otherwise: Any) -> Any:
    return jax.lax.cond(condition, compute, lambda: otherwise)


def _apart(compute: Callable[..., Any], *arguments: Any) -> Any:
    # XLA does not merge a branch with what follows. It removes a barrier before it merges.
    shapes = jax.eval_shape(compute, *arguments)
    zeros = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
    always = jnp.ravel(arguments[0])[0] < jnp.inf
    return jax.lax.cond(always, compute, lambda *_: zeros, *arguments)


COMPILED = Flow(_repeat, _only_if, _apart)


@jax.custom_batching.sequential_vmap  # type: ignore[untyped-decorator]
def _draw_one_by_one(
    logits: jax.Array, uniform: jax.Array, temperature: jax.Array, control: Control, knobs: Knobs
) -> jax.Array:
    # For one sample at a time the comparisons of characters fit into a core's first-level cache.
    token: jax.Array = draw(logits, uniform, temperature, control, knobs, COMPILED)
    return token


class _Loop(NamedTuple):
    """What the loop carries from one character to the next.

    Attributes:
        standing: state of the sample after the last character.
        tokens: ids written so far, int32 [T], and 0 from there on.
        nats: surprise of each character in nats, float32 [T]; all 0 if it was not requested.
    """

    standing: Standing
    tokens: jax.Array
    nats: jax.Array


def _write_all(
    settings: Shape,
    is_scored: bool,
    axes: RowAxes,
    prepared: Any,
    knobs: Knobs,
    count: jax.Array,
    standings: Standing,
    temperatures: jax.Array,
    uniforms: jax.Array,
) -> tuple[Standing, jax.Array, jax.Array]:
    """Write `count` characters of each of B samples; the arguments are those of `Engine.write`.

    Knobs and temperatures have an axis B where `axes` says so.

    Returns:
        The states of the samples afterwards, stacked, and what `Written` holds: the ids, int32
        [B, T], and the nats, float32 [B, T], both 0 from `count` on.
    """
    write = partial(_write, settings, is_scored, prepared)
    among = (axes.knobs, None, 0, axes.temperatures, 0)
    arguments = (knobs, count, standings, temperatures, uniforms)
    if uniforms.shape[0] > 1:
        each: Callable[..., tuple[Standing, jax.Array, jax.Array]] = jax.vmap(write, among)
        return each(*arguments)
    # For a single sample, products with a vector are a little faster than with a batch of one.
    alone = jax.tree.map(
        lambda axis, part: part if axis is None else jax.tree.map(lambda member: member[0], part),
        among,
        arguments,
        is_leaf=lambda axis: axis is None,
    )
    standing, tokens, nats = write(*alone)
    return jax.tree.map(lambda member: member[None], standing), tokens[None], nats[None]


def _write(
    settings: Shape,
    is_scored: bool,
    prepared: Any,
    knobs: Knobs,
    count: jax.Array,
    standing: Standing,
    temperatures: jax.Array,
    uniforms: jax.Array,
) -> tuple[Standing, jax.Array, jax.Array]:
    """Do what `_write_all` does for a single sample, without the axis B."""

    def step(index: jax.Array, loop: _Loop) -> _Loop:
        recurrent, control = loop.standing
        logits = predict(settings, prepared, recurrent)
        token = _draw_one_by_one(logits, uniforms[index], temperatures[index], control, knobs)
        after = Standing(
            read_character(settings, prepared, token, recurrent), advance(control, token, knobs)
        )
        tokens = loop.tokens.at[index].set(token)
        nats = loop.nats.at[index].set(surprise(logits, token)) if is_scored else loop.nats
        return _Loop(after, tokens, nats)

    zeros = jnp.zeros_like(uniforms)
    begin = _Loop(standing, zeros.astype(jnp.int32), zeros)
    end: _Loop = jax.lax.fori_loop(0, count, step, begin)
    return end.standing, end.tokens, end.nats
