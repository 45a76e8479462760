from dataclasses import replace
from math import prod

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.training.plans import MODEL, batches, plan
from textgen.network.model import create_model
from textgen.network.parameters import parameter_shapes
from textgen.runtime.collectives import Link
from textgen.runtime.devices import make_mesh
from textgen.training.train_state import (
    TrainState,
    exchange_seconds,
    fresh_state,
    place,
    state_arrays,
    state_from_arrays,
)
from textgen.training.train_step import Recipe, make_train_steps


def state_after_a_step(optimizer: str = "adamw") -> TrainState:
    """Return a state in which no array is all zeros."""
    settings = plan(optimizer=optimizer)
    mesh = make_mesh(1, settings.batch_size)
    apply, parameters = create_model(MODEL, seed=3)
    run = make_train_steps(Recipe(apply, MODEL, settings, mesh))
    tokens = np.random.default_rng(1).integers(1, 9, (5, 4, 11)).astype(np.int32)
    given = batches(tokens, steps=np.arange(5))
    state, _ = run(place(fresh_state(MODEL, settings, parameters), mesh), np.int32(2), given)
    return state


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_state_written_as_arrays_comes_back_the_same(optimizer: str) -> None:
    state = state_after_a_step(optimizer)
    arrays = state_arrays(state)
    assert float(np.abs(arrays["recurrent.0.cell"]).max()) > 0
    parameters = {name: np.asarray(array) for name, array in state.parameters.items()}
    skeleton = jax.tree.map(jnp.zeros_like, state)
    restored = state_from_arrays(parameters, arrays, skeleton)
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    for left, right in zip(jax.tree.leaves(restored), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.slow
def test_a_state_that_does_not_fit_names_every_mismatch() -> None:
    state = state_after_a_step()
    arrays = state_arrays(state)
    del arrays["recurrent.0.cell"]
    arrays["recurrent.1.cell"] = np.zeros((2, 2), np.float32)
    message = r"0\.cell is missing.*1\.cell is float32 \(2, 2\), expected float32 \(4, 8\)"
    with pytest.raises(ValueError, match=message):
        state_from_arrays({}, arrays, state)


def test_devices_exchange_all_gradients_and_gather_what_they_share() -> None:
    model = replace(MODEL, hidden_size=512, embedding_size=512, num_layers=1)
    shapes = parameter_shapes(model).values()
    link = Link(1e6, 0.5)
    numbers = sum(map(prod, shapes))
    # Four devices: 3 messages around for both kernels together, twice 3 for the sum.
    gather = 3 * (2 * 4 * 512 * 2048 / 4 / 1e6 + 0.5)
    reduction = 2 * 3 * (4 * numbers / 4 / 1e6 + 0.5)
    assert exchange_seconds(model, 4, link) == pytest.approx(reduction + gather)
    # Three devices cannot share rows evenly.
    assert exchange_seconds(model, 3, link) == pytest.approx(2 * 2 * (4 * numbers / 3 / 1e6 + 0.5))
