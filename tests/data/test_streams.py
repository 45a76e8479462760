import numpy as np
import pytest

from textgen.data.streams import Streams
from textgen.errors import SettingError

TOKENS = np.arange(1003, dtype=np.uint16)


def test_targets_are_the_inputs_one_later() -> None:
    batch = Streams(TOKENS, 4, 10, seed=7).batch(3)
    np.testing.assert_array_equal(batch.targets, batch.inputs + 1)
    assert batch.inputs.shape == (4, 10)
    assert batch.inputs.dtype == np.int32


def test_a_row_goes_on_where_it_stopped_unless_it_is_reset() -> None:
    streams = Streams(TOKENS, 4, 10, seed=3)
    resets = 0
    for step in range(1, 250):
        before, after = streams.batch(step - 1), streams.batch(step)
        follows = after.inputs[:, 0] == before.targets[:, -1]
        np.testing.assert_array_equal(follows, ~after.resets)
        resets += int(after.resets.sum())
    # 100 windows, so each of 4 rows passes the end twice or three times in 250 steps.
    assert 8 <= resets <= 12


def test_each_row_reads_the_whole_text_in_one_round() -> None:
    streams = Streams(TOKENS[:1001], 3, 10, seed=0)
    windows = np.stack([streams.batch(step).inputs for step in range(streams.windows)])
    for row in range(3):
        np.testing.assert_array_equal(np.unique(windows[:, row]), np.arange(1000))


def test_a_remainder_shorter_than_a_window_is_read_in_other_rounds() -> None:
    streams = Streams(TOKENS[:37], 1, 20, seed=0)
    seen = np.unique([streams.batch(step).targets for step in range(60)])
    np.testing.assert_array_equal(seen, np.arange(1, 37))


def test_the_first_batch_starts_from_nothing() -> None:
    assert Streams(TOKENS, 4, 10, seed=0).batch(0).resets.all()


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    one, other = Streams(TOKENS, 4, 10, seed=5), Streams(TOKENS, 4, 10, seed=5)
    for step in range(5):
        one.batch(step)
    np.testing.assert_array_equal(one.batch(2).inputs, other.batch(2).inputs)
    different = Streams(TOKENS, 4, 10, seed=6).batch(2).inputs
    assert not np.array_equal(one.batch(2).inputs, different)


def test_every_seed_stays_inside_the_text() -> None:
    for seed in range(50):
        streams = Streams(TOKENS[:37], 5, 8, seed=seed)
        for step in range(9):
            assert streams.batch(step).targets.max() <= 36


def test_a_text_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(SettingError, match="sequence_length"):
        Streams(TOKENS[:8], 1, 8, seed=0)


@pytest.mark.slow
def test_readers_are_reset_by_chance_and_read_on_all_the_same() -> None:
    plain = Streams(TOKENS, 4, 10, seed=3)
    streams = Streams(TOKENS, 4, 10, seed=3, reset_rate=0.1)
    resets = np.stack([streams.batch(step).resets for step in range(2000)])
    rounds = np.stack([plain.batch(step).resets for step in range(2000)])
    assert resets[rounds].all()
    # 8,000 draws: the share's standard deviation is 0.0034; six of them, 1 in 10**9.
    assert abs(resets[~rounds].mean() - 0.1) < 0.021
    assert not np.array_equal(resets[::2], resets[1::2])
    for step in (0, 7, 99, 1999):
        np.testing.assert_array_equal(streams.batch(step).inputs, plain.batch(step).inputs)
        np.testing.assert_array_equal(streams.batch(step).resets, resets[step])


def test_lookahead_reads_further_and_predicts_the_same_characters() -> None:
    tokens = np.arange(1, 60).astype(np.uint8)
    plain, ahead = (Streams(tokens, 3, 7, 5, 0.2, lookahead) for lookahead in (0, 4))
    for step in range(20):
        short, long = plain.batch(step), ahead.batch(step)
        np.testing.assert_array_equal(long.targets, short.targets)
        np.testing.assert_array_equal(long.resets, short.resets)
        np.testing.assert_array_equal(long.inputs[:, :7], short.inputs)
        assert long.inputs.shape == (3, 12)
        for row in long.inputs.tolist():
            # Each id is one more than the one before; behind the end of the text they are 0.
            begin = row[0]
            assert row == [one if one < 60 else 0 for one in range(begin, begin + 12)]
