"""The lines that measure the memory of cells, and the share that is right, on cases by hand."""

import numpy as np
import pytest

from textgen.network.cells import CELLS, LSTMState
from textgen.settings import CellName


def test_a_line_is_a_letter_a_gap_a_question_mark_and_the_same_letter() -> None:
    import memory_lines as lines

    text = lines.make_text([3, 1], np.random.default_rng(0)).tolist()
    first, second = text[:7], text[7:]
    dot, question, newline = lines.DOT, lines.QUESTION, lines.NEWLINE
    assert first == [first[0], dot, dot, dot, question, first[0], newline]
    assert second == [second[0], dot, question, second[0], newline]
    assert {first[0], second[0]} <= set(range(1, lines.LETTERS + 1))


def test_each_letter_is_drawn_equally_often() -> None:
    import memory_lines as lines

    letters = lines.make_text([1] * 4000, np.random.default_rng(1)).reshape(-1, 5)[:, 0]
    # Each count has a standard deviation of 27; all four leave 1000 +- 150 once in 10 million.
    assert np.abs(np.bincount(letters)[1:] - 1000).max() < 150


def test_mixed_gaps_have_uniform_logarithms_and_others_are_all_the_same() -> None:
    import memory_lines as lines

    generator = np.random.default_rng(2)
    assert set(lines.draw_gaps("20", 50, generator).tolist()) == {20}
    gaps = lines.draw_gaps(lines.MIXED, 20_000, generator)
    assert (gaps.min(), gaps.max()) == (lines.SHORTEST, lines.LONGEST)
    # A gap below k is drawn with ln(k / 2) / ln(81 / 2). 0.02 is over five standard deviations.
    for k in (4, 10, 40):
        assert np.mean(gaps < k) == pytest.approx(np.log(k / 2) / np.log(40.5), abs=0.02)


@pytest.mark.parametrize("gap", [2, 7])
def test_the_share_counts_the_letters_after_question_marks_behind_what_is_skipped(
    gap: int,
) -> None:
    import memory_lines as lines

    rows = lines.make_rows(gap, 3)
    logits = np.zeros((rows.shape[1] - 1, len(rows), lines.VOCAB_SIZE))
    knows = np.eye(lines.VOCAB_SIZE)[rows[:, 1:].T]
    assert lines.share_right(knows, rows) == 1
    assert lines.share_right(logits, rows) == 0  # the likeliest is the unknown character
    length = gap + lines.FRAME
    # The letter of a line has the index gap + 2 in it, and its logits one less.
    forgets = knows.copy()
    forgets[gap + 1] = 0
    assert lines.share_right(forgets, rows, skip=length) == 1
    assert lines.share_right(forgets, rows) == 1 - 1 / lines.LINES
    forgets[length + gap + 1] = 0
    assert lines.share_right(forgets, rows, length) == pytest.approx(1 - 1 / (lines.LINES - 1))
    only_letters = np.zeros_like(logits)
    only_letters[gap + 1 :: length] = knows[gap + 1 :: length]
    assert lines.share_right(only_letters, rows) == 1


def zeros(cell: CellName, size: int) -> dict[str, np.ndarray]:
    width = CELLS[cell].num_gates * size
    return {
        "layers.0.bias": np.zeros(width, np.float32),
        "layers.0.input_kernel": np.ones((3, width), np.float32),
        "layers.0.recurrent_kernel": np.zeros((size, width), np.float32),
    }


def test_a_prepared_lstm_keeps_what_it_does_not_write() -> None:
    import memory_lines as lines

    size, state = 500, np.ones(500, np.float32)
    parameters = lines.prepare("lstm", zeros("lstm", size), lines.LONG, 40, 4)
    gates = CELLS["lstm"].gates(parameters["layers.0.bias"])
    np.testing.assert_allclose(gates.input + gates.forget, 1, atol=1e-6)
    # Spans of 1 to 39: a unit keeps 1 / 2 to 39 / 40 of its state.
    assert 0.5 <= gates.forget.min() < 0.6
    assert 0.974 < gates.forget.max() <= 0.9751
    opened = lines.prepare("lstm", zeros("lstm", size), lines.KEEP, 40, 4)
    half = CELLS["lstm"].gates(opened["layers.0.bias"])
    np.testing.assert_array_equal(half.forget, gates.forget)
    np.testing.assert_array_equal(half.input, 0.5)
    after = CELLS["lstm"].step(parameters["layers.0.bias"], LSTMState(state, state))
    np.testing.assert_allclose(after.cell, gates.forget, atol=1e-6)


def test_a_prepared_gru_opens_its_update_gate_as_far() -> None:
    import memory_lines as lines

    of_lstm = lines.prepare("lstm", zeros("lstm", 8), lines.LONG, 40, 4)["layers.0.bias"]
    of_gru = lines.prepare("gru", zeros("gru", 8), lines.LONG, 40, 4)["layers.0.bias"]
    np.testing.assert_array_equal(of_gru[8:16], of_lstm[8:16])
    np.testing.assert_array_equal(of_gru[[*range(8), *range(16, 24)]], 0)


def test_a_prepared_vanilla_rnn_repeats_a_small_state() -> None:
    import memory_lines as lines

    given = zeros("rnn", 4)
    parameters = lines.prepare("rnn", given, lines.LONG, 40, 4)
    np.testing.assert_array_equal(parameters["layers.0.recurrent_kernel"], np.eye(4))
    np.testing.assert_allclose(parameters["layers.0.input_kernel"], 0.1)
    assert given["layers.0.input_kernel"].min() == 1  # what was given stays as it was


@pytest.mark.parametrize("cell", CELLS)
def test_the_own_start_changes_nothing(cell: CellName) -> None:
    import memory_lines as lines

    given = zeros(cell, 4)
    for name, array in lines.prepare(cell, given, lines.OWN, 40, 4).items():
        np.testing.assert_array_equal(array, given[name])
        assert array is not given[name]
