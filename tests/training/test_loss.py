import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.networks import random_network
from textgen.network.model import network_function, zero_states
from textgen.training import loss as module
from textgen.training.loss import (
    cross_entropy,
    prediction_losses,
    projected_cross_entropy,
    projected_predictions,
    projected_total,
    reset_states,
    total_loss,
)


@pytest.mark.parametrize("vocab_size", [2, 65, 600])
def test_the_cross_entropy_of_uniform_logits_is_ln_v(vocab_size: int) -> None:
    logits = jnp.full((3, 2, vocab_size), 1.7)
    targets = jnp.asarray(np.random.default_rng(0).integers(0, vocab_size, (3, 2)))
    np.testing.assert_allclose(cross_entropy(logits, targets), math.log(vocab_size), rtol=1e-6)


def test_the_cross_entropy_of_given_odds_is_their_logarithm() -> None:
    # Odds 1 : 2 : 5, so probabilities 1/8, 1/4 and 5/8.
    logits = jnp.log(jnp.array([[1.0, 2.0, 5.0]] * 3))
    expected = [-math.log(1 / 8), -math.log(1 / 4), -math.log(5 / 8)]
    np.testing.assert_allclose(cross_entropy(logits, jnp.arange(3)), expected, rtol=1e-6)


def test_only_marked_rows_are_reset() -> None:
    state = ({"h": jnp.ones((3, 2))},)
    found = reset_states(state, jnp.array([False, True, False]))
    np.testing.assert_array_equal(found[0]["h"], [[1, 1], [0, 0], [1, 1]])


PIECES = {"a row": (1, 1), "some rows": (1, 2 * 11), "a step": (1, 99), "all": (10**6, 99)}


@pytest.fixture(params=[*PIECES.values(), (100, 99)], ids=[*PIECES, "some steps"])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute the logits of one row at a time, those of a few, and so on, or all together."""
    monkeypatch.setattr(module, "LOGITS_AT_ONCE", request.param[0])
    monkeypatch.setattr(module, "MOST_LOGITS", request.param[1])


def projected_inputs() -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Return what a kernel multiplies [6, 3, 4], the kernel [4, 11], its bias, and targets."""
    source = np.random.default_rng(0)
    shapes = (6, 3, 4), (4, 11), (11,)
    read, kernel, bias = (jnp.asarray(source.normal(size=s), jnp.float32) for s in shapes)
    return read, kernel, bias, jnp.asarray(source.integers(0, 11, (6, 3)))


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_losses_in_pieces_are_those_of_all_logits() -> None:
    read, kernel, bias, targets = projected_inputs()
    logits = np.asarray(read, np.float64) @ np.asarray(kernel) + np.asarray(bias)
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    chosen = np.take_along_axis(shares, np.asarray(targets)[..., None], axis=-1)[..., 0]
    found = projected_cross_entropy(read, kernel, bias, targets)
    np.testing.assert_allclose(found, -np.log(chosen), rtol=1e-5)
    total = projected_total(read, kernel, bias, targets)
    np.testing.assert_allclose(total, -np.log(chosen).sum(), rtol=1e-6)
    nats, right = projected_predictions(read, kernel, bias, targets)
    np.testing.assert_array_equal(nats, found)
    np.testing.assert_array_equal(right, logits.argmax(-1) == targets)


def shapes_in(jaxpr: Any) -> Iterator[tuple[int, ...]]:
    """Yield the shape of every array that a program computes, also within its loops."""
    for equation in jaxpr.eqns:
        yield from (one.aval.shape for one in equation.outvars if hasattr(one.aval, "shape"))
        for inner in jax.tree.leaves(equation.params, is_leaf=lambda part: hasattr(part, "eqns")):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from shapes_in(inner)


@pytest.mark.parametrize("rows", [1, 32, 509, 4096])
def test_a_batch_of_any_size_never_has_more_logits_at_once_than_fit(rows: int) -> None:
    shapes = (4, rows, 8), (8, 190_001), (190_001,)
    read, kernel, bias = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes)
    targets = jax.ShapeDtypeStruct((4, rows), jnp.int32)
    arrays = read, kernel, bias, targets
    gradient = jax.grad(lambda *arrays: projected_total(*arrays), (0, 1, 2))
    for function in (gradient, projected_cross_entropy, projected_predictions):
        found = [*shapes_in(jax.make_jaxpr(function)(*arrays).jaxpr)]
        largest = max((shape for shape in found if 190_001 in shape[1:]), key=math.prod)
        assert math.prod(largest) <= max(module.MOST_LOGITS, 8 * 190_001)


@pytest.mark.slow
@pytest.mark.usefixtures("at_once")
def test_the_gradient_that_is_computed_with_the_loss_is_that_of_autodiff() -> None:
    *arrays, targets = projected_inputs()

    def plain(read: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
        return 3 * jnp.sum(cross_entropy(read @ kernel + bias, targets))

    def in_pieces(read: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
        return 3 * projected_total(read, kernel, bias, targets)

    expected = jax.grad(plain, (0, 1, 2))(*arrays)
    for one, other in zip(jax.grad(in_pieces, (0, 1, 2))(*arrays), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"projected": "all"}, {"projection_rank": 3}])
def test_a_large_vocabulary_has_the_losses_of_its_logits(changes: dict[str, object]) -> None:
    settings, parameters = random_network(vocab_size=600, **changes)
    apply = network_function(settings)
    tokens = np.random.default_rng(2).integers(0, 600, (2, 9)).astype(np.int32)
    batch = tokens[:, :-1], tokens[:, 1:], zero_states(settings, 2)
    logits, after = apply(parameters, batch[0], batch[2])
    expected = cross_entropy(logits, tokens[:, 1:].T)
    nats, states = prediction_losses(apply, settings, parameters, *batch)
    np.testing.assert_allclose(nats, expected, rtol=1e-4)
    total, same = total_loss(apply, settings, parameters, *batch)
    np.testing.assert_allclose(total, jnp.sum(expected), rtol=1e-5)
    for one, two, three in zip(*map(jax.tree.leaves, (after, states, same)), strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
