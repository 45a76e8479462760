from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from tests.generators import result_of
from textgen.generation import copies as copies_module
from textgen.generation.copies import (
    CopyState,
    find_copies,
    forbidden_wrongly,
    longest_copies,
    make_copy_table,
)

Tokens = np.ndarray[Any, Any]


def random_tokens(seed: int, length: int, symbols: int = 3, dtype: Any = np.int32) -> Tokens:
    return np.random.default_rng(seed).integers(1, symbols + 1, length).astype(dtype)


def is_in(run: Tokens, training: Tokens) -> bool:
    """Return whether a run stands in a text, compared as bytes of characters."""
    return "".join(map(chr, run)) in "".join(map(chr, training))


def longest_by_hand(training: Tokens, text: Tokens) -> int:
    return max(
        end - begin
        for begin in range(len(text) + 1)
        for end in range(begin, len(text) + 1)
        if is_in(text[begin:end], training)
    )


@pytest.mark.parametrize("chunk", [7, 64, 2**20])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 13])
def test_found_copies_are_those_that_a_search_finds(
    length: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies_module, "CHUNK", chunk)
    training = random_tokens(1, 300)
    texts = [random_tokens(seed, size) for seed, size in ((2, 100), (3, 12), (4, 4), (5, 0))]
    texts.append(training[190:220].copy())
    found = find_copies(training, texts, length)
    for text, copies in zip(texts, found, strict=True):
        runs = [text[begin : begin + length] for begin in range(len(text) - length + 1)]
        assert copies.tolist() == [is_in(run, training) for run in runs]


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [5, 2**20])
def test_the_longest_copy_is_the_one_that_a_search_finds(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies_module, "CHUNK", chunk)
    training = random_tokens(1, 150)
    texts = [random_tokens(seed, 40, symbols) for seed in range(6) for symbols in (2, 3, 4)]
    # A copy of all lengths around the first guess of 16 and its doubles.
    for length in (1, 15, 16, 17, 31, 32, 33, 64, 65, 150):
        begin = (150 - length) // 2
        texts.append(np.concatenate([[9], training[begin : begin + length], [9]]))
    assert longest_copies(training, texts) == [longest_by_hand(training, text) for text in texts]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32])
def test_tokens_of_every_width_and_mapped_ones_are_searched(dtype: Any, tmp_path: Path) -> None:
    largest = min(np.iinfo(dtype).max, 2**18)
    training = random_tokens(0, 500, largest, dtype)
    text = np.concatenate([training[400:440], training[10:90], [largest]]).astype(np.int32)
    training.tofile(tmp_path / "tokens")
    mapped = np.memmap(tmp_path / "tokens", dtype, mode="r")
    assert longest_copies(training, [text]) == longest_copies(mapped, [text]) == [80]
    table = result_of(make_copy_table(mapped, largest + 1, 12))
    np.testing.assert_array_equal(
        table.bits, result_of(make_copy_table(training, largest + 1, 12)).bits
    )


def test_empty_and_short_texts_have_no_copies() -> None:
    some, nothing = random_tokens(0, 30), np.zeros(0, np.int32)
    assert longest_copies(some, []) == []
    assert longest_copies(some, [nothing, some[:3]]) == [0, 3]
    assert longest_copies(nothing, [some, nothing]) == [0, 0]
    assert longest_copies(some[:4], [some]) == [4]
    assert longest_copies(some, [some]) == [30]
    assert find_copies(some, [], 4) == []
    assert [found.tolist() for found in find_copies(some[:3], [some[:5], nothing], 4)] == [
        [False, False],
        [],
    ]


def states_along(text: Tokens, length: int, vocab_size: int, training: Tokens) -> list[Any]:
    """Return for each place of a text which characters the table takes for copies there."""
    table = result_of(make_copy_table(training, vocab_size, length))
    state, rows = table.begin(length), []
    for token in text:
        rows.append(table.copies(state))
        state = table.advance(state, token)
    return rows


@pytest.mark.parametrize("chunk", [10, 2**20])
@pytest.mark.parametrize("length", [1, 2, 7, 40])
def test_no_character_that_ends_a_longer_copy_is_ever_let_through(
    length: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies_module, "CHUNK", chunk)
    training = random_tokens(1, 400, 4)
    rows = states_along(training, length, 6, training)
    for place, row in enumerate(rows):
        assert row[training[place]] == (place >= length)
    # In another text, all that a search finds is forbidden.
    text = np.concatenate([random_tokens(2, 60, 4), training[50 : 50 + length + 5]])
    for place, row in enumerate(states_along(text, length, 6, training)):
        for token in range(1, 6):
            run = np.append(text[max(place - length, 0) : place], token)
            if place >= length and is_in(run, training):
                assert row[token]
            if place < length:
                assert not row.any()


@pytest.mark.parametrize("length", [8, 30, 64])
def test_fewer_than_one_character_in_ten_thousand_is_forbidden_without_need(length: int) -> None:
    training = random_tokens(1, 2**16 + length, 60)
    text = random_tokens(2, 3000, 60)
    rows = np.array(states_along(text, length, 61, training))[length:]
    # A run of nine of 60 characters stands in both less than once in 10**7 times. 176,000 are
    # tried: 18 and more of them go wrong less than once in 10**9 times up to a rate of 0.002 %.
    assert rows[:, 1:].mean() < 1e-4


@pytest.mark.parametrize("bits", [6, 10, 40])
def test_the_share_that_a_table_forbids_wrongly_is_that_of_new_texts(
    bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies_module, "BITS_PER_CONTEXT", bits)
    monkeypatch.setattr(copies_module, "ROOMY_BITS", 1)
    monkeypatch.setattr(copies_module, "LEAST_BITS_PER_CONTEXT", bits)
    training, text = random_tokens(1, 30_000, 60), random_tokens(2, 3000, 60)
    rows = np.array(states_along(text, 20, 61, training))[20:]
    share = forbidden_wrongly(result_of(make_copy_table(training, 61, 20)))
    # Of a context that is wrongly held, several characters are, so that these are about 1,000
    # draws where a tenth of the contexts is held.
    assert share == pytest.approx(rows[:, 1:].mean(), rel=0.25, abs=2e-4)


def test_a_text_of_a_gigabyte_gets_a_gigabyte_and_one_of_a_tenth_a_quarter() -> None:
    # The system gives the memory of zeros only when something is written into it.
    sizes = (copies_module.empty_copy_table(10**n, 61, 20).bits.nbytes for n in (6, 8, 9, 10))
    assert [size / 2**20 for size in sizes] == [8, 256, 1024, 1024]


def test_the_table_takes_at_most_ten_bytes_a_run() -> None:
    for runs in (1000, 1024, 1025, 70_000):
        bits = result_of(make_copy_table(random_tokens(0, runs + 10, 60), 61, 10)).bits
        assert bits.nbytes / runs < 10.2


def test_a_training_text_shorter_than_a_run_forbids_nothing() -> None:
    for size in (0, 1, 10):
        text = random_tokens(0, 10)
        assert not np.any(states_along(np.tile(text, 3), 10, 4, text[:size]))


@pytest.mark.slow
def test_both_engines_forbid_the_same() -> None:
    training, text = random_tokens(1, 300), random_tokens(2, 50)
    table = result_of(make_copy_table(training, 5, 6))
    compiled = type(table)(*map(jnp.asarray, table))
    state = table.begin(6)
    traced = CopyState(*map(jnp.asarray, state))
    for token in text:
        np.testing.assert_array_equal(compiled.copies(traced), table.copies(state))
        state, traced = table.advance(state, token), compiled.advance(traced, token)
        for one, other in zip(state, traced, strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype


def test_a_hash_is_the_polynomial_of_its_run() -> None:
    values = np.array([5, 7, 11, 2**32 - 1, 13], np.uint32)
    found = copies_module._hashes(values, np.uint32(3), 3)
    by_hand = [5 * 9 + 7 * 3 + 11, 7 * 9 + 11 * 3 + 2**32 - 1, 11 * 9 + (2**32 - 1) * 3 + 13]
    assert found.tolist() == [number % 2**32 for number in by_hand]
