import jax.numpy as jnp
import numpy as np
import pytest

from tests.networks import random_network
from textgen.network.projection import Projection


@pytest.mark.parametrize("projected", ["last", "all"])
@pytest.mark.parametrize("rank", [0, 3])
def test_the_logits_are_one_product_with_the_outputs_side_by_side(
    projected: str, rank: int
) -> None:
    settings, parameters = random_network(projected=projected, projection_rank=rank)
    projection = Projection(settings)
    projection.kernel[...] = jnp.asarray(parameters["projection.kernel"])
    projection.bias[...] = jnp.asarray(parameters["projection.bias"])
    kernel = parameters["projection.kernel"]
    if rank:
        inner = parameters["projection.inner_kernel"]
        projection.inner_kernel[...] = jnp.asarray(inner)
        kernel = inner @ kernel
        assert np.linalg.matrix_rank(kernel) == rank
    count = 2 if projected == "all" else 1
    outputs = np.random.default_rng(0).normal(size=(count, 4, 3, 5)).astype(np.float32)
    expected = np.concatenate([*outputs], axis=-1) @ kernel + parameters["projection.bias"]
    np.testing.assert_allclose(projection([*map(jnp.asarray, outputs)]), expected, atol=1e-4)
