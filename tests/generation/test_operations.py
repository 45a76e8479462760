"""Operations that NumPy and compiled loops do in different ways: both have one result."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from textgen.generation.operations import (
    FOLDED,
    first_index,
    fold,
    highest,
    number_up_to,
    replaced,
)


@pytest.mark.parametrize("size", [1, 2, 3, 65, FOLDED - 1, FOLDED, 200, 1023])
def test_numpy_and_compiled_code_agree_for_every_size(size: int) -> None:
    source = np.random.default_rng(size)
    array = source.integers(0, 7, size).astype(np.float32)  # with ties
    ascending = np.sort(array)
    compiled = jax.jit(
        lambda array, ascending: (
            highest(array),
            first_index(array, highest(array)),
            number_up_to(ascending, np.float32(3)),
            replaced(array, np.int32(size // 2), np.float32(9)),
        )
    )(jnp.asarray(array), jnp.asarray(ascending))
    changed = array.copy()
    changed[size // 2] = 9
    expected = (array.max(), array.argmax(), (array <= 3).sum(), changed)
    own = (
        highest(array),
        first_index(array, highest(array)),
        number_up_to(ascending, np.float32(3)),
        replaced(array, np.int32(size // 2), np.float32(9)),
    )
    for found in (compiled, own):
        for one, other in zip(found, expected, strict=True):
            assert np.array_equal(one, other)
        assert [np.asarray(one).dtype for one in found[1:3]] == [np.int32] * 2


@pytest.mark.parametrize("size", [1, 2, 5, 64, 97])
def test_a_fold_combines_every_entry_once(size: int) -> None:
    numbers = np.arange(size)
    assert fold(np.add, 2.0**numbers) == 2.0**size - 1
