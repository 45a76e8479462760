"""The state that a training step changes, on the devices and in a checkpoint."""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding
from numpy.typing import NDArray

from textgen.network.inference import States
from textgen.network.model import Parameters, zero_states
from textgen.network.parameters import parameter_shapes
from textgen.runtime.collectives import Link, ring_all_gather, ring_all_reduce
from textgen.runtime.devices import is_update_shared, place_all, replicated, shared
from textgen.settings import ModelSettings, TrainingSettings
from textgen.training.optimizer import make_optimizer

# Bytes of a number of type float32.
FLOAT32 = 4


class TrainState(NamedTuple):
    """All that a training step changes.

    Attributes:
        parameters: the parameters of the network, by name.
        optimizer: the state of the optimizer, as Optax holds it.
        recurrent: state of each layer after the last batch, members [B, H].
    """

    parameters: Parameters
    optimizer: optax.OptState
    recurrent: States


def fresh_state(model: ModelSettings, plan: TrainingSettings, parameters: Parameters) -> TrainState:
    """Return the state before the first step: these parameters, all else zero."""
    shapes = jax.eval_shape(lambda: _rest_of_state(model, plan, parameters))
    # NumPy's zeros, unlike JAX's, need no program compiled for each shape.
    rest = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    return TrainState(parameters, *rest)


def _rest_of_state(
    model: ModelSettings, plan: TrainingSettings, parameters: Parameters
) -> tuple[optax.OptState, States]:
    """Return the state of the optimizer and the recurrent state before the first step."""
    return make_optimizer(plan).init(parameters), zero_states(model, plan.batch_size)


def shapes_of_state(model: ModelSettings, plan: TrainingSettings, mesh: Mesh) -> TrainState:
    """Return the shape, the type and the sharding of each array of a state on the devices."""
    shapes = parameter_shapes(model).items()
    parameters: Any = {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in shapes}
    rest = jax.eval_shape(lambda one: _rest_of_state(model, plan, one), parameters)
    state = TrainState(parameters, *rest)
    return cast(
        TrainState,
        jax.tree.map(
            lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
            state,
            shardings_of(state, mesh),
        ),
    )


def place(state: TrainState, mesh: Mesh) -> TrainState:
    """Copy a state to the devices. A training step consumes the arrays of the copy."""
    return cast(TrainState, place_all(jax.tree.map(np.array, state), shardings_of(state, mesh)))


def state_shardings(model: ModelSettings, plan: TrainingSettings, mesh: Mesh) -> TrainState:
    """Return the shardings of the state of a network and a plan; see `shardings_of`."""
    shapes = shapes_of_state(model, plan, mesh)
    return cast(TrainState, jax.tree.map(lambda leaf: leaf.sharding, shapes))


def shardings_of(state: TrainState, mesh: Mesh) -> TrainState:
    """Return how each array of a state is divided among the devices.

    Every device holds all parameters. The recurrent state is split by rows. The moments of a large
    parameter are split by rows too; those of a small one are held by every device.
    """
    return TrainState(
        jax.tree.map(lambda _: replicated(mesh), state.parameters),
        jax.tree.map(lambda leaf: update_sharding(leaf, mesh), state.optimizer),
        jax.tree.map(lambda _: shared(mesh), state.recurrent),
    )


def update_sharding(leaf: Any, mesh: Mesh) -> NamedSharding:
    """Return how the update of a parameter is divided: by rows if it is large, else not."""
    return shared(mesh) if is_update_shared(leaf.shape, mesh.size) else replicated(mesh)


def exchange_seconds(model: ModelSettings, devices: int, link: Link) -> float:
    """Return the seconds of a step in which devices exchange arrays.

    They sum the gradients of all parameters at once, and gather the parameters whose update they
    share at once.

    Args:
        model: the network's shape.
        devices: number of devices.
        link: what connects them.
    """
    shapes = [*parameter_shapes(model).values()]
    summed = FLOAT32 * sum(map(prod, shapes))
    gathered = FLOAT32 * sum(prod(shape) for shape in shapes if is_update_shared(shape, devices))
    gather = ring_all_gather(gathered, devices, link) if gathered else 0.0
    return ring_all_reduce(summed, devices, link) + gather


def state_arrays(state: TrainState) -> dict[str, NDArray[Any]]:
    """Return the optimizer state and the recurrent state as named arrays, for a checkpoint."""
    tree = {"optimizer": state.optimizer, "recurrent": state.recurrent}
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {_leaf_name(path): np.asarray(leaf) for path, leaf in leaves}


def state_from_arrays(
    parameters: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], skeleton: TrainState
) -> TrainState:
    """Rebuild a state from its parameters and what `state_arrays` returned.

    Args:
        parameters: the parameters of the network, by name.
        arrays: the other arrays, by name.
        skeleton: a state of the same network and plan, for the structure and the shapes.

    Raises:
        ValueError: if an array is missing, unknown, of the wrong shape or type, or not finite; the
            message names each of these.
    """
    tree = {"optimizer": skeleton.optimizer, "recurrent": skeleton.recurrent}
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
    expected = {_leaf_name(path): f"{leaf.dtype} {leaf.shape}" for path, leaf in leaves}
    found = {
        name: f"{array.dtype} {array.shape}" if np.isfinite(array).all() else "not finite"
        for name, array in arrays.items()
    }
    if found != expected:
        wrong = sorted(
            f"{name} is {found.get(name, 'missing')}, expected {expected.get(name, 'none')}"
            for name in expected.keys() | found.keys()
            if found.get(name) != expected.get(name)
        )
        raise ValueError("; ".join(wrong))
    restored = jax.tree.unflatten(structure, [arrays[name] for name in expected])
    return TrainState(dict(parameters), restored["optimizer"], restored["recurrent"])


def _leaf_name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
