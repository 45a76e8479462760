"""Arrays on the devices that write: the weights of a network and the large tables of settings."""

from collections.abc import Hashable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from textgen.generation.engine import LARGEST_OF_A_CORE
from textgen.generation.jax_engine import sampling_mesh, transpose_kernels
from textgen.network.cells import CELLS
from textgen.network.inference import States, prepare_parameters
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings

# Fewest rows that are divided among all cores. Fewer are written faster by one core, and leave the
# others to what else a server does.
LEAST_DIVIDED = 16
# Largest size of tables, in bytes, that each device gets for itself.
LARGEST_COPIED = 2**24


class Placed:
    """Arrays that are copied to devices when they are first used there."""

    def __init__(self, arrays: Any) -> None:
        """Take a tree of arrays."""
        self._arrays, self._on = arrays, dict[Mesh, Any]()
        self.nbytes = sum(leaf.nbytes for leaf in jax.tree.leaves(arrays))

    def on(self, mesh: Mesh) -> Any:
        """Return the arrays, whole on each device of a mesh."""
        if mesh not in self._on:
            everywhere = NamedSharding(mesh, PartitionSpec())
            self._on[mesh] = jax.device_put(self._arrays, everywhere)
        return self._on[mesh]


class Weights:
    """The weights that texts are written with: those of one checkpoint with one choice of labels.

    Attributes:
        settings: shape of the network, without labels.
        network: tells these weights from all others.
    """

    def __init__(self, settings: ModelSettings, parameters: Arrays, network: Hashable) -> None:
        """Take the parameters of a network by name."""
        self.settings, self.network = settings, network
        prepared = prepare_parameters(parameters)
        self._placed = {False: Placed(prepared), True: Placed(transpose_kernels(prepared))}

    def on(self, mesh: Mesh, *, is_transposed: bool) -> dict[str, Any]:
        """Return the prepared arrays on a mesh; transposed kernels are for loops of one row."""
        placed: dict[str, Any] = self._placed[is_transposed].on(mesh)
        return placed

    def zero_states(self) -> States:
        """Return the state of each layer before any text: members of zeros, float32 [H]."""
        zero = np.zeros(self.settings.hidden_size, np.float32)
        return (CELLS[self.settings.cell].fill_state(zero),) * self.settings.num_layers


def mesh_for(settings: ModelSettings, rows: int, table_bytes: int = 0) -> Mesh:
    """Return the devices that read or write some rows.

    Args:
        settings: shape of the network.
        rows: number of rows.
        table_bytes: size of the tables that each device needs besides the weights.
    """
    is_small = settings.hidden_size <= LARGEST_OF_A_CORE and table_bytes <= LARGEST_COPIED
    return sampling_mesh(many=is_small and rows >= LEAST_DIVIDED)
