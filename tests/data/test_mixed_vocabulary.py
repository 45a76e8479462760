"""The alphabet of several networks, against tables that were written by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.data.mixed_vocabulary import mixed_vocabulary, part_ids
from textgen.data.vocabulary import END, UNICODE, Vocabulary

PLAIN, LINES, POEMS = Vocabulary("\nab"), Vocabulary("bc" + END), Vocabulary("\nbd" + END)
LETTERS = st.lists(st.sampled_from("\nabcdef" + END), min_size=1, max_size=8, unique=True)


def test_the_first_run_decides_what_ends_a_text() -> None:
    assert mixed_vocabulary([PLAIN, LINES]).characters == "\nabc"
    assert mixed_vocabulary([LINES, PLAIN]).characters == "bc" + END + "a"
    assert mixed_vocabulary([POEMS, PLAIN]).characters == "\nbd" + END + "a"
    assert mixed_vocabulary([PLAIN, POEMS, LINES]).characters == "\nabcd"
    assert mixed_vocabulary([Vocabulary("ab"), LINES]).characters == "ab\nc"


def test_where_a_mixture_has_no_ends_the_end_of_a_line_is_that_of_a_document_of_one_line() -> None:
    # Ids of the mixture: unknown, newline, a, b, c. Those of the part: unknown, b, c, end.
    found = part_ids(mixed_vocabulary([PLAIN, LINES]), LINES)
    assert found.readings.tolist() == [0, 3, 0, 1, 2]
    other = 1 / (UNICODE - 3)
    np.testing.assert_allclose(found.shares, [1 - other, 1, other, 1, 1], rtol=1e-15)
    assert found.silent.tolist() == []
    assert found.written.tolist() == [0, 3, 4, 1]


def test_documents_of_several_lines_never_end_where_a_mixture_has_no_ends() -> None:
    # Ids of the mixture: unknown, newline, a, b, d. Those of the part: unknown, newline, b, d, end.
    found = part_ids(mixed_vocabulary([PLAIN, POEMS]), POEMS)
    assert found.readings.tolist() == [0, 1, 0, 2, 3]
    assert found.silent.tolist() == [4]
    assert found.written.tolist() == [0, 1, 3, 4, 1]


def test_the_end_of_a_line_is_that_of_a_document_where_the_first_run_writes_lines() -> None:
    # Ids of the mixture: unknown, b, c, end, a. Those of the part: unknown, newline, a, b.
    found = part_ids(mixed_vocabulary([LINES, PLAIN]), PLAIN)
    assert found.readings.tolist() == [0, 3, 0, 1, 2]
    np.testing.assert_allclose(found.shares[[1, 3, 4]], 1)
    assert found.silent.tolist() == []
    assert found.written.tolist() == [0, 3, 4, 1]


def test_a_run_without_ends_reads_a_newline_for_one_and_gives_it_no_probability() -> None:
    found = part_ids(mixed_vocabulary([POEMS, PLAIN]), PLAIN)
    assert found.readings.tolist() == [0, 1, 3, 0, 1, 2]
    assert found.shares[[1, 4]].tolist() == [1, 0]


@given(st.lists(LETTERS, min_size=1, max_size=4), st.data())
def test_what_a_run_gives_to_the_ids_of_a_mixture_adds_up_to_one(
    alphabets: list[list[str]], data: st.DataObject
) -> None:
    runs = [Vocabulary("".join(alphabet)) for alphabet in alphabets]
    mixed = mixed_vocabulary(runs)
    for run in runs:
        found = part_ids(mixed, run)
        chances = np.array(
            data.draw(st.lists(st.integers(0, 9), min_size=len(run), max_size=len(run))), float
        )
        chances[found.silent] = 0
        given_to = found.shares * chances[found.readings]
        assert given_to.sum() == pytest.approx(chances.sum(), abs=1e-12)


@given(st.lists(LETTERS, min_size=1, max_size=4))
def test_each_run_reads_its_own_characters_as_it_wrote_them(alphabets: list[list[str]]) -> None:
    runs = [Vocabulary("".join(alphabet)) for alphabet in alphabets]
    mixed = mixed_vocabulary(runs)
    assert mixed.characters.startswith(runs[0].characters)
    for run in runs:
        found = part_ids(mixed, run)
        kept = np.setdiff1d(np.arange(len(run)), found.silent)
        assert found.readings[found.written[kept]].tolist() == kept.tolist()
