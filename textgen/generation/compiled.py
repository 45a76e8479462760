"""The JAX engine: a compiled scan over many characters of many samples."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from numpy.typing import NDArray

from textgen.generation.engines import States, fold_scales, next_logits, step_network
from textgen.generation.sampling import Draws, Filters, Knobs, compile_settings, draw
from textgen.network.cells import CELLS, Cell
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings, SamplingSettings
from textgen.training.devices import DATA, make_mesh


class JaxEngine:
    """A network as a compiled loop; several samples share the devices."""

    # Enough to hide the cost of a call, few enough to show text while it is made.
    piece = 256

    def __init__(self, settings: ModelSettings, parameters: Arrays) -> None:
        self.settings = settings
        # Arguments of the compiled loop, not constants of it.
        self._folded = jax.tree.map(jnp.asarray, fold_scales(settings, parameters))

    def write(
        self,
        states: Sequence[States],
        draws: Sequence[Draws],
        settings: SamplingSettings,
        count: int,
    ) -> tuple[NDArray[np.int32], list[States]]:
        """Write on, all samples in one compiled loop; see `Engine.write`."""
        filters, knobs = compile_settings(settings, self.settings.vocab_size)
        samples = len(draws)
        mesh = _sampling_mesh(many=samples > 1)
        rows = -(-samples // mesh.size) * mesh.size
        filled = [*states, *[states[0]] * (rows - samples)]
        stacked = jax.tree.map(lambda *members: np.stack(members), *filled)
        uniforms = np.zeros((rows, self.piece), np.float32)
        for row, numbers in zip(uniforms, draws, strict=False):
            row[:count] = numbers.take(count)
        loop = _compiled_loop(CELLS[self.settings.cell], filters, mesh)
        after, tokens = loop(self._folded, knobs, np.int32(count), stacked, uniforms)
        after = jax.tree.map(np.asarray, after)
        rest = [jax.tree.map(lambda member, i=i: member[i], after) for i in range(samples)]
        return np.asarray(tokens)[:samples, :count], rest


@cache
def _sampling_mesh(*, many: bool) -> Mesh:
    # One sample cannot be shared; several take all devices.
    return make_mesh(None if many else 1, 2**20)


@cache
def _compiled_loop(cell: Cell, filters: Filters, mesh: Mesh) -> Callable[..., Any]:
    split, whole = PartitionSpec(DATA), PartitionSpec()
    loop = jax.shard_map(
        partial(_write, cell, filters),
        mesh=mesh,
        in_specs=(whole, whole, whole, split, split),
        out_specs=(split, split),
        check_vma=False,
    )
    return jax.jit(loop)


def _write(
    cell: Cell,
    filters: Filters,
    folded: dict[str, jax.Array],
    knobs: Knobs,
    count: jax.Array,
    states: States,
    uniforms: jax.Array,
) -> tuple[States, jax.Array]:
    def step(states: States, inputs: tuple[jax.Array, jax.Array]) -> tuple[States, jax.Array]:
        place, uniform = inputs
        token = draw(next_logits(folded, states), uniform, filters, knobs).astype(jnp.int32)
        after = step_network(cell, folded, token, states)
        # The last piece may be shorter than the loop: the states stay where it ends.
        kept = jax.tree.map(partial(jnp.where, place < count), after, states)
        return kept, token

    places = jnp.arange(uniforms.shape[1])
    states, tokens = jax.lax.scan(step, states, (places, uniforms.T))
    return states, tokens.T
