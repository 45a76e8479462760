"""The loss, its gradient, and the step that lowers it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from textgen.network.model import Apply, Parameters, States, dropout_masks, random_key
from textgen.network.parameters import operations_per_character, parameter_shapes
from textgen.network.recurrence import MAX_ONE_HOT
from textgen.settings import ModelSettings, TrainingSettings
from textgen.training.devices import DATA, replicated, shared


class TrainState(NamedTuple):
    """All that a training step changes.

    Attributes:
        parameters: the network's, by name.
        optimizer: Optax's state.
        recurrent: each layer's state after the last batch, members [B, H].
    """

    parameters: Parameters
    optimizer: optax.OptState
    recurrent: States


# The devices share the update of a parameter of at least this many numbers, each taking some of its
# rows; for a smaller one, handing the results round would cost more than it saves.
SHARED_UPDATE = 2**18

OPERATIONS_AT_ONCE = 75e9

TrainSteps = Callable[..., tuple[TrainState, jax.Array]]


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Return -ln softmax(logits)[target] for every position, in nats.

    Args:
        logits: float [..., V].
        targets: ids, int [...].

    Returns:
        float [...], at least 0.
    """
    vocab_size = logits.shape[-1]
    if vocab_size > MAX_ONE_HOT:
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
        return cast(jax.Array, losses)
    # A sum over the one-hot target instead of a gather, whose gradient is a scatter.
    chosen = jnp.sum(logits * jax.nn.one_hot(targets, vocab_size, dtype=logits.dtype), axis=-1)
    return jax.nn.logsumexp(logits, axis=-1) - chosen


def reset_states(states: States, resets: jax.Array) -> States:
    """Zero the rows of states, members [B, H], where `resets`, bool [B], is true."""
    keep = jnp.logical_not(resets)[:, None]
    return cast(States, jax.tree.map(lambda member: member * keep, states))


def learning_rates(plan: TrainingSettings, begin: int, count: int) -> NDArray[np.float32]:
    """Return the rates of some steps of a plan: a linear rise, then a cosine to zero.

    Args:
        plan: the plan.
        begin: the first of the steps, counted from 0 at the plan's start.
        count: how many.

    Returns:
        float32 [count], in [0, `plan.learning_rate`]; the step after the plan's last has zero, as
        may the last ones of a plan of more than ten thousand, rounded.
    """
    schedule = optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=plan.learning_rate,
        warmup_steps=min(plan.warmup_steps, plan.steps),
        decay_steps=plan.steps + 1,
    )
    return np.asarray(schedule(jnp.arange(begin + 1, begin + count + 1)), np.float32)


def make_optimizer(plan: TrainingSettings) -> optax.GradientTransformation:
    """Return AdamW at a learning rate of -1, to be given clipped gradients.

    The rate of the step is multiplied in by the caller, so that a longer plan needs no new compile.
    Decay spares the biases.

    References:
        Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization.
    """
    decay = optax.add_decayed_weights(
        plan.weight_decay, mask=lambda tree: jax.tree.map(lambda leaf: leaf.ndim > 1, tree)
    )
    # The names are those of its arrays in a checkpoint.
    return optax.named_chain(
        ("adam", optax.scale_by_adam(b1=plan.b1, b2=plan.b2)), ("decay", decay)
    )


def place(state: TrainState, mesh: Mesh) -> TrainState:
    """Put a copy of a state onto the devices, recurrent state and large moments split.

    A copy, since a step consumes the arrays it is given.
    """
    state = jax.tree.map(np.array, state)
    return TrainState(
        jax.device_put(state.parameters, replicated(mesh)),
        jax.tree.map(
            lambda leaf: jax.device_put(leaf, _update_sharding(leaf, mesh)), state.optimizer
        ),
        jax.device_put(state.recurrent, shared(mesh)),
    )


def _update_sharding(leaf: Any, mesh: Mesh) -> NamedSharding:
    """Return how the update of a parameter is shared: large ones by rows, others done by each."""
    if leaf.size >= SHARED_UPDATE and leaf.shape[0] % mesh.size == 0:
        return shared(mesh)
    return replicated(mesh)


def make_train_steps(
    apply: Apply, settings: ModelSettings, plan: TrainingSettings, mesh: Mesh
) -> TrainSteps:
    """Compile a loop over some steps of training; the state given to it is consumed.

    The memory that a step works in is asked for once a call, and the devices wait for the host once
    a call. How many steps are made is an argument: it changes nothing in their numbers.

    Returns:
        A function of (state, count, inputs [K, B, T], targets [K, B, T], resets [K, B], steps [K],
        learning rates [K]), of which the first `count` are used, to (state, measures [K, 2]): each
        step's loss in nats per character and global norm of the gradient before clipping, which is
        NaN if the step leaves a weight that is not finite.
    """
    optimizer = make_optimizer(plan)
    dropout_key = random_key(plan.seed)

    def loss(
        parameters: Parameters, recurrent: States, inputs: jax.Array, targets: jax.Array, masks: Any
    ) -> tuple[jax.Array, States]:
        logits, recurrent = apply(parameters, inputs, recurrent, masks)
        # A device's share of the mean: gradients are then summed and need no division.
        return jnp.sum(cross_entropy(logits, targets.T)) / plan.characters_per_step, recurrent

    everywhere, split = PartitionSpec(), PartitionSpec(DATA)

    @partial(
        jax.shard_map,
        mesh=mesh,
        in_specs=(everywhere, split, split, split, split),
        out_specs=(everywhere, split, everywhere),
        check_vma=False,
    )
    def gradient(*arguments: Any) -> tuple[jax.Array, States, Parameters]:
        (value, recurrent), gradients = jax.value_and_grad(loss, has_aux=True)(*arguments)
        return jax.lax.psum(value, DATA), recurrent, jax.lax.psum(gradients, DATA)

    def train_step(
        state: TrainState,
        inputs: jax.Array,
        targets: jax.Array,
        resets: jax.Array,
        step: jax.Array,
        learning_rate: jax.Array,
    ) -> tuple[TrainState, jax.Array]:
        key = jax.random.fold_in(dropout_key, step)
        masks = dropout_masks(key, settings, plan.batch_size)
        recurrent = reset_states(state.recurrent, resets)
        value, recurrent, gradients = gradient(state.parameters, recurrent, inputs, targets, masks)
        norm = optax.tree.norm(gradients)
        clip = jnp.minimum(1.0, plan.max_grad_norm / norm)

        def share(leaf: jax.Array) -> jax.Array:
            sharding = _update_sharding(leaf, mesh)
            return cast(jax.Array, jax.lax.with_sharding_constraint(leaf, sharding))

        gradients = jax.tree.map(lambda leaf: share(leaf) * clip, gradients)
        before = jax.tree.map(share, state.parameters)
        updates, moments = optimizer.update(gradients, state.optimizer, before)
        parameters = jax.tree.map(lambda p, u: p - learning_rate * u, before, updates)
        parameters = jax.lax.with_sharding_constraint(parameters, replicated(mesh))
        # NaN if a weight is not finite: found at the step it happens in, wherever a run is cut.
        sums = [jnp.sum(leaf) for leaf in parameters.values()]
        norm = jnp.where(jnp.isfinite(jnp.stack(sums)).all(), norm, jnp.nan)
        return TrainState(parameters, moments, recurrent), jnp.stack([value, norm])

    shapes = parameter_shapes(settings).items()
    structs = {name: jax.ShapeDtypeStruct(shape, jnp.float32) for name, shape in shapes}
    moments = jax.tree.map(
        lambda leaf: _update_sharding(leaf, mesh), jax.eval_shape(optimizer.init, structs)
    )
    # Placed as they were given, or the next call would be compiled anew for other places.
    places: Any = replicated(mesh), moments, shared(mesh)

    @partial(jax.jit, donate_argnums=0, out_shardings=(TrainState(*places), replicated(mesh)))
    def train_steps(
        state: TrainState, count: jax.Array, *batches: jax.Array
    ) -> tuple[TrainState, jax.Array]:
        def body(place: jax.Array, carry: Any) -> Any:
            state, measures = carry
            state, measured = train_step(state, *(array[place] for array in batches))
            return state, measures.at[place].set(measured)

        measures = jnp.zeros((len(batches[0]), 2))
        state, measures = jax.lax.fori_loop(0, count, body, (state, measures))
        return state, measures

    return train_steps


def steps_at_once(settings: ModelSettings, plan: TrainingSettings) -> int:
    """Choose how many steps to make in one call: as many as two cores make in about half a second.

    Never fewer than 2, so that part of a call's cost is shared, nor more than 16.
    """
    operations = operations_per_character(settings) * plan.characters_per_step
    return min(max(int(OPERATIONS_AT_ONCE / operations), 2), 16)


def state_arrays(state: TrainState) -> dict[str, NDArray[Any]]:
    """Return the optimizer's and the recurrent state as named arrays, for a checkpoint."""
    tree = {"optimizer": state.optimizer, "recurrent": state.recurrent}
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {_leaf_name(path): np.asarray(leaf) for path, leaf in leaves}


def state_from_arrays(
    parameters: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], skeleton: TrainState
) -> TrainState:
    """Rebuild a state from its parameters and what `state_arrays` returned.

    Args:
        parameters: by name.
        arrays: by name.
        skeleton: a state of the same network and plan, for the structure and the shapes.

    Raises:
        ValueError: if an array is missing, has another shape or type, or is not finite; it names
            each.
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
