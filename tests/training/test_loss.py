import math

import jax.numpy as jnp
import numpy as np
import pytest

from textgen.training.loss import cross_entropy, reset_states


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
