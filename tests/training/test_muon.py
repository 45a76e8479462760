from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray
from optax.contrib._muon import orthogonalize_via_newton_schulz

from textgen.training.muon import COEFFICIENTS, DECAY, SIZE, orthogonalise, scale_by_muon


def random(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).standard_normal(shape, np.float32)


def by_decomposition(matrix: NDArray[Any]) -> NDArray[Any]:
    """Put the singular values of a matrix, not the matrix, through the iterations."""
    left, values, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    values = values / np.sqrt(np.sum(values**2))
    for a, b, c in COEFFICIENTS:
        values = a * values + b * values**3 + c * values**5
    return (left * values) @ right


@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (5, 5), (1, 4)])
def test_the_iterations_change_the_singular_values_alone(shape: tuple[int, int]) -> None:
    matrices = random(2, *shape)
    for found, matrix in zip(orthogonalise(jnp.array(matrices)), matrices, strict=True):
        np.testing.assert_allclose(found, by_decomposition(matrix), atol=1e-5)


def test_singular_values_that_are_not_small_become_about_one() -> None:
    values = np.linalg.svd(orthogonalise(jnp.array(random(1, 4, 40)))[0], compute_uv=False)
    np.testing.assert_allclose(values, 1, atol=0.15)


def test_products_of_gram_matrices_are_the_iterations_of_optax() -> None:
    matrix = random(24, 3) @ random(3, 96)  # of rank 3, so that most singular values are zero
    expected = orthogonalize_via_newton_schulz(jnp.array(matrix), jnp.array(COEFFICIENTS))
    np.testing.assert_allclose(orthogonalise(jnp.array(matrix[None]))[0], expected, atol=1e-5)


def test_a_matrix_of_zeros_stays_as_it_is() -> None:
    assert not np.any(orthogonalise(jnp.zeros((1, 3, 4))))


def test_updates_follow_a_mean_that_looks_ahead_by_a_step() -> None:
    shapes = {"a": (4, 16), "b": (6, 16), "c": (4, 16)}
    source = np.random.default_rng(7)
    gradients = [
        {name: source.standard_normal(shape, np.float32) for name, shape in shapes.items()}
        for _ in range(3)
    ]
    optimizer = scale_by_muon()
    state = optimizer.init({name: jnp.ones(shape) for name, shape in shapes.items()})
    means = {name: np.zeros(shape) for name, shape in shapes.items()}
    for gradient in gradients:
        updates, state = optimizer.update(gradient, state)
        for name in shapes:
            means[name] = DECAY * means[name] + (1 - DECAY) * gradient[name]
            ahead = DECAY * means[name] + (1 - DECAY) * gradient[name]
            expected = SIZE * 4 * by_decomposition(ahead)
            np.testing.assert_allclose(updates[name], expected, atol=1e-5)
            np.testing.assert_allclose(state.mean[name], means[name], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_the_size_of_an_update_does_not_depend_on_the_shape() -> None:
    optimizer = scale_by_muon()
    for shape in ((8, 8), (8, 32), (32, 8)):
        matrix = jnp.array(np.linalg.qr(random(32, 32))[0][: shape[0], : shape[1]])
        updates, _ = optimizer.update(matrix, optimizer.init(matrix))
        largest = np.linalg.norm(updates, 2)
        assert largest == pytest.approx(SIZE * max(shape) ** 0.5, rel=0.2)
