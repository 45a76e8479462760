"""The loss, its gradient, and the step that lowers it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, PartitionSpec
from numpy.typing import NDArray

from textgen.network.model import Apply, Parameters, States, dropout_masks, random_key
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


TrainStep = Callable[..., tuple[TrainState, jax.Array, jax.Array]]


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
        float32 [count], in (0, `plan.learning_rate`]; the step after the plan's last has zero.
    """
    schedule = optax.warmup_cosine_decay_schedule(
        init_value=0.0,
        peak_value=plan.learning_rate,
        warmup_steps=min(plan.warmup_steps, plan.steps),
        decay_steps=plan.steps + 1,
    )
    return np.asarray(schedule(jnp.arange(begin + 1, begin + count + 1)), np.float32)


def make_optimizer(plan: TrainingSettings) -> optax.GradientTransformation:
    """Return AdamW behind global-norm clipping, at a learning rate of -1.

    The rate of the step is multiplied in by the caller, so that a longer plan needs no new compile.
    Decay spares the biases.

    References:
        Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization.
    """
    return optax.chain(
        optax.clip_by_global_norm(plan.max_grad_norm),
        optax.scale_by_adam(b1=plan.b1, b2=plan.b2),
        optax.add_decayed_weights(
            plan.weight_decay, mask=lambda tree: jax.tree.map(lambda leaf: leaf.ndim > 1, tree)
        ),
    )


def place(state: TrainState, mesh: Mesh) -> TrainState:
    """Put a copy of a state onto the devices: the recurrent part split, the rest on each.

    A copy, since a step consumes the arrays it is given.
    """
    state = jax.tree.map(np.array, state)
    return TrainState(
        jax.device_put(state.parameters, replicated(mesh)),
        jax.device_put(state.optimizer, replicated(mesh)),
        jax.device_put(state.recurrent, shared(mesh)),
    )


def make_train_step(
    apply: Apply, settings: ModelSettings, plan: TrainingSettings, mesh: Mesh
) -> TrainStep:
    """Compile one step of training; the state given to it is consumed.

    Returns:
        A function of (state, inputs [B, T], targets [B, T], resets [B], step, learning rate) to
        (state, loss in nats per character, global norm of the gradient before clipping).
    """
    optimizer = make_optimizer(plan)
    dropout_key = random_key(plan.seed)

    def loss(
        parameters: Parameters, recurrent: States, inputs: jax.Array, targets: jax.Array, masks: Any
    ) -> tuple[jax.Array, States]:
        logits, recurrent = apply(parameters, inputs, recurrent, masks)
        return jnp.mean(cross_entropy(logits, targets.T)), recurrent

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
        return jax.lax.pmean(value, DATA), recurrent, jax.lax.pmean(gradients, DATA)

    @partial(jax.jit, donate_argnums=0)
    def train_step(
        state: TrainState,
        inputs: jax.Array,
        targets: jax.Array,
        resets: jax.Array,
        step: jax.Array,
        learning_rate: jax.Array,
    ) -> tuple[TrainState, jax.Array, jax.Array]:
        key = jax.random.fold_in(dropout_key, step)
        masks = dropout_masks(key, settings, plan.batch_size)
        recurrent = reset_states(state.recurrent, resets)
        value, recurrent, gradients = gradient(state.parameters, recurrent, inputs, targets, masks)
        updates, moments = optimizer.update(gradients, state.optimizer, state.parameters)
        parameters = jax.tree.map(lambda p, u: p - learning_rate * u, state.parameters, updates)
        norm = optax.tree.norm(gradients)
        return TrainState(parameters, moments, recurrent), value, norm

    return train_step


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
        ValueError: if an array is missing or has another shape; it names each.
    """
    tree = {"optimizer": skeleton.optimizer, "recurrent": skeleton.recurrent}
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
    expected = {_leaf_name(path): leaf.shape for path, leaf in leaves}
    found = {name: array.shape for name, array in arrays.items()}
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
