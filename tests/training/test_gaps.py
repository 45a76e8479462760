import jax
import jax.numpy as jnp
import numpy as np
import pytest

from textgen.training.gaps import LONGEST_GAP, hide_parts

INPUTS = jnp.ones((6000, 60), jnp.int32)


def hidden(rate: float, seed: int = 0) -> np.ndarray:
    found = np.asarray(hide_parts(jax.random.key(seed), INPUTS, rate))
    assert set(np.unique(found)) <= {0, 1}
    return found == 0


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.0, 0.3, 0.9])
def test_the_share_of_sequences_with_something_hidden_is_the_rate(rate: float) -> None:
    rows = hidden(rate)
    is_suffix = rows[:, -1] & (np.diff(rows.astype(int), axis=1) >= 0).all(1)
    is_prefix = rows[:, 0] & (np.diff(rows.astype(int), axis=1) <= 0).all(1)
    one_sided = (is_suffix | is_prefix).mean()
    # In 60 characters at least one gap begins with a probability of 1 - 0.96**60 = 0.914.
    assert rows.any(1).mean() == pytest.approx(rate * (1 / 3 + 2 / 3 * 0.914), abs=0.025)
    assert one_sided == pytest.approx(rate / 3, abs=0.04)


def test_gaps_have_every_length_and_hide_their_share_of_characters() -> None:
    rows = hidden(1.0)
    lengths = set()
    for row in rows[:2000]:
        padded = np.concatenate([[False], row, [False]]).astype(int)
        begins, ends = np.flatnonzero(np.diff(padded) == 1), np.flatnonzero(np.diff(padded) == -1)
        if len(begins) > 2:  # gaps, and not everything on one side
            lengths |= set((ends - begins).tolist())
    assert set(range(1, LONGEST_GAP + 1)) <= lengths
    # A character is hidden unless none of the 10 gaps that reach it began: at the distance d a
    # gap reaches it with a probability of (10 - d) / 10.
    with_gaps = rows[(~rows[:, :1] | ~rows[:, -1:]).ravel()]
    reached = 1 - np.prod([1 - 0.04 * (10 - d) / 10 for d in range(10)])
    inner = with_gaps[:, 20:40].mean()
    assert inner == pytest.approx(2 / 3 * reached + 1 / 3 * 0.5, abs=0.02)


def test_the_key_decides_what_is_hidden() -> None:
    assert (hidden(0.5, 1) == hidden(0.5, 1)).all()
    assert (hidden(0.5, 1) != hidden(0.5, 2)).any()
