"""One step of training, and a compiled loop over several steps."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, PartitionSpec

from textgen.network.inference import States
from textgen.network.model import Apply, Parameters, dropout_masks, random_key
from textgen.network.parameters import LABEL_KERNEL, operations_per_character
from textgen.runtime.devices import DATA, is_update_shared, replicated
from textgen.settings import ModelSettings, TrainingSettings
from textgen.training.gaps import hide_parts
from textgen.training.loss import reset_states, total_loss
from textgen.training.optimizer import make_optimizer
from textgen.training.train_state import TrainState, state_shardings, update_sharding

# Folded into the random key of a step for its gaps, which are independent of its dropout masks.
GAP_KEY = 1
# Floating-point operations of the steps in one call: about half a second on two cores. On a GPU it
# is a tenth of a second on an H200.
OPERATIONS_PER_CALL, OPERATIONS_PER_CALL_ON_GPU = 75e9, 20e12
# Learning rate of the vectors of labels, as a multiple of that of all other parameters. With 1 they
# are still small when the rest has learned to do without them, and the network obeys them less.
LABEL_RATE = 10.0


Array = Any  # numpy.ndarray, jax.Array or a tracer


class Batch(NamedTuple):
    """What one training step reads.

    Attributes:
        inputs: ids, int32 [B, T].
        targets: the id after each input, int32 [B, T].
        resets: true for the sequences that begin from the zero state, bool [B].
        step: number of steps made before, int32; it decides the dropout masks.
        learning_rate: learning rate of the step, float32.
        labels: ids of the labels at each input, int32 [B, T, K]; None if documents have none.
    """

    inputs: Array
    targets: Array
    resets: Array
    step: Array
    learning_rate: Array
    labels: Array = None


@dataclass(frozen=True)
class Recipe:
    """What stays the same from step to step.

    Attributes:
        apply: the network as a function of its parameters.
        model: the network's shape.
        plan: how to train it.
        mesh: the devices that share a batch.
    """

    apply: Apply
    model: ModelSettings
    plan: TrainingSettings
    mesh: Mesh


def batch_loss(
    recipe: Recipe,
    parameters: Parameters,
    recurrent: States,
    inputs: jax.Array,
    targets: jax.Array,
    masks: Any,
    labels: jax.Array | None = None,
) -> tuple[jax.Array, States]:
    """Return one device's part of a batch's mean loss.

    Args:
        recipe: what stays the same from step to step.
        parameters: the parameters of the network, by name.
        recurrent: state of each layer before the batch, members [b, H] for b rows on this device.
        inputs: ids, int32 [b, T].
        targets: the id after each input, int32 [b, T].
        masks: dropout masks of each layer, float32 [b, H], or None.
        labels: ids of the labels at each input, int32 [b, T, K], or None.

    Returns:
        The device's part of the loss, and the state of each layer after the batch. The part is the
        sum of the device's losses in nats, divided by the number of characters of the whole batch,
        so that the parts of all devices add up to the mean.
    """
    total, recurrent = total_loss(
        recipe.apply,
        recipe.model,
        parameters,
        inputs,
        targets,
        recurrent,
        masks,
        labels,
        recipe.plan.precision,
    )
    return total / recipe.plan.characters_per_step, recurrent


def batch_gradient(
    recipe: Recipe, parameters: Parameters, recurrent: States, batch: Batch, masks: Any
) -> tuple[jax.Array, States, Parameters]:
    """Return a batch's mean loss in nats, the states after it, and the gradient of the loss.

    Each device reads its rows of the batch; losses and gradients are then summed over the devices.
    """
    everywhere, split = PartitionSpec(), PartitionSpec(DATA)

    @partial(
        jax.shard_map,
        mesh=recipe.mesh,
        in_specs=(everywhere, split, split, split, split, split),
        out_specs=(everywhere, split, everywhere),
        check_vma=False,
    )
    def gradient(*arguments: Any) -> tuple[jax.Array, States, Parameters]:
        loss = partial(batch_loss, recipe)
        (value, after), gradients = jax.value_and_grad(loss, has_aux=True)(*arguments)
        value, gradients = sum_over_devices(recipe.mesh, (value, gradients))
        return value, after, gradients

    found = gradient(parameters, recurrent, batch.inputs, batch.targets, masks, batch.labels)
    return cast(tuple[jax.Array, States, Parameters], found)


def sum_over_devices(mesh: Mesh, tree: Any) -> Any:
    """Sum arrays over the devices of a mesh, all in one exchange.

    On a CPU each exchange between processes takes up to a few milliseconds, whatever its size.
    """
    if mesh.size == 1:
        return tree
    flat, restore = ravel_pytree(tree)
    # Without the barrier XLA adds up the norm of the gradient in another order, as it did not when
    # each array was exchanged alone; older runs then could not be resumed to the last bit.
    return jax.lax.optimization_barrier(restore(jax.lax.psum(flat, DATA)))


def train_step(recipe: Recipe, state: TrainState, batch: Batch) -> tuple[TrainState, jax.Array]:
    """Make one step: forward, backward, clipping to a global norm, AdamW or Muon.

    Args:
        recipe: what stays the same from step to step.
        state: the state before the step.
        batch: the input of the step.

    Returns:
        The state after the step, and two measures, float32 [2]: the mean loss of the batch in nats
        per character, and the global norm of its gradient before clipping. The norm is NaN if a
        parameter is not finite after the step.
    """
    plan, mesh = recipe.plan, recipe.mesh
    key = jax.random.fold_in(random_key(plan.seed), batch.step)
    masks = dropout_masks(key, recipe.model, plan.batch_size)
    if plan.gap_rate:
        hidden = hide_parts(jax.random.fold_in(key, GAP_KEY), batch.inputs, plan.gap_rate)
        batch = batch._replace(inputs=hidden)
    recurrent = reset_states(state.recurrent, batch.resets)
    loss, recurrent, gradients = batch_gradient(recipe, state.parameters, recurrent, batch, masks)
    norm = optax.tree.norm(gradients)
    clip = jnp.minimum(1.0, plan.max_grad_norm / norm)
    gradients = jax.tree.map(lambda leaf: _share_update(leaf, mesh) * clip, gradients)
    before = jax.tree.map(lambda leaf: _share_update(leaf, mesh), state.parameters)
    updates, moments = make_optimizer(plan, mesh).update(gradients, state.optimizer, before)
    parameters = {
        name: parameter - batch.learning_rate * _times(updates[name], name)
        for name, parameter in before.items()
    }
    parameters = gather_updates(mesh, parameters)
    # This is checked at every step, so that a run diverges at the same step even if it was stopped
    # and resumed.
    sums = [jnp.sum(leaf) for leaf in parameters.values()]
    norm = jnp.where(jnp.isfinite(jnp.stack(sums)).all(), norm, jnp.nan)
    return TrainState(parameters, moments, recurrent), jnp.stack([loss, norm])


def _times(update: jax.Array, name: str) -> jax.Array:
    """Return the update of a parameter; the vectors of labels learn faster than the rest."""
    return LABEL_RATE * update if name.endswith(LABEL_KERNEL) else update


def gather_updates(mesh: Mesh, parameters: Parameters) -> Parameters:
    """Give every device all of the parameters whose update was shared, in one exchange."""
    parts = {
        name: leaf.reshape(mesh.size, -1)
        for name, leaf in parameters.items()
        if is_update_shared(leaf.shape, mesh.size)
    }
    if mesh.size > 1 and parts:
        joined = jnp.concatenate([*parts.values()], axis=1)
        joined = jax.lax.with_sharding_constraint(joined, replicated(mesh))
        ends = np.cumsum([part.shape[1] for part in parts.values()])
        split = jnp.split(joined, ends[:-1], axis=1)
        for name, part in zip(parts, split, strict=True):
            parameters[name] = part.reshape(parameters[name].shape)
    return cast(Parameters, jax.lax.with_sharding_constraint(parameters, replicated(mesh)))


def _share_update(leaf: jax.Array, mesh: Mesh) -> jax.Array:
    constrained = jax.lax.with_sharding_constraint(leaf, update_sharding(leaf, mesh))
    return cast(jax.Array, constrained)


def make_train_steps(recipe: Recipe) -> jax.stages.Wrapped:
    """Compile a loop over several training steps.

    A call for several steps allocates its working memory only once, and the devices wait for the
    host only once.

    Returns:
        A function of a state, a count in [1, K], and K batches stacked along a first axis. It makes
        `count` steps and returns the new state and the measures of each step, float32 [K, 2]; see
        `train_step`. It consumes the state given to it. The count is traced: it changes neither the
        compiled code nor the results.
    """
    shardings = state_shardings(recipe.model, recipe.plan, recipe.mesh)
    # The state keeps its shardings; with other shardings the next call would compile again.
    outputs = shardings, replicated(recipe.mesh)

    @partial(jax.jit, donate_argnums=0, out_shardings=outputs)
    def train_steps(
        state: TrainState, count: jax.Array, batches: Batch
    ) -> tuple[TrainState, jax.Array]:
        def body(index: jax.Array, carry: Any) -> Any:
            state, measures = carry
            # XLA would otherwise divide the parameters between two steps, and gather them twice.
            whole = jax.lax.with_sharding_constraint(state.parameters, shardings.parameters)
            state = state._replace(parameters=whole)
            batch = jax.tree.map(lambda array: array[index], batches)
            state, measured = train_step(recipe, state, batch)
            return state, measures.at[index].set(measured)

        measures = jnp.zeros((len(batches.inputs), 2))
        state, measures = jax.lax.fori_loop(0, count, body, (state, measures))
        return state, measures

    return train_steps


def steps_per_call(settings: ModelSettings, plan: TrainingSettings, *, on_cpu: bool = True) -> int:
    """Choose the number of steps in one call, in [2, 16]: about half a second on two cores.

    At least two steps share the cost of a call.

    Args:
        settings: the network's shape.
        plan: how to train it.
        on_cpu: whether the steps run on a CPU, not on an accelerator.
    """
    operations = operations_per_character(settings) * plan.characters_per_step
    each_call = OPERATIONS_PER_CALL if on_cpu else OPERATIONS_PER_CALL_ON_GPU
    return min(max(int(each_call / operations), 2), 16)
