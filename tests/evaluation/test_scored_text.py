import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.data.vocabulary import END
from textgen.errors import UsageError
from textgen.evaluation.scored_text import Line, Part, cut_blocks, cut_lines, gather_lines

CHUNKS = st.lists(st.text("ab\n", max_size=9), max_size=6)


@given(CHUNKS, st.integers(1, 7))
def test_blocks_are_the_text_anew_in_one_size(chunks: list[str], size: int) -> None:
    blocks = list(cut_blocks(chunks, size))
    assert "".join(blocks) == "".join(chunks)
    assert all(len(block) == size for block in blocks[:-1])
    assert all(0 < len(block) <= size for block in blocks[-1:])


@given(CHUNKS, CHUNKS)
def test_lines_do_not_depend_on_how_a_text_is_cut(chunks: list[str], others: list[str]) -> None:
    text = "".join(chunks)
    lines = list(cut_lines(chunks, 100))
    assert lines == text.splitlines(keepends=True)
    # Each character's surprise is its place, so that a sum tells which were added.
    places, at, parts = np.arange(len(text), dtype=np.float32), 0, []
    for chunk in chunks:
        nats = places[at : at + len(chunk)]
        parts, at = [*parts, Part(chunk, np.stack([nats, 2 * nats]))], at + len(chunk)
    found, begin = list(gather_lines(parts)), 0
    assert [line.text for line in found] == text.splitlines()
    for number, (line, whole) in enumerate(zip(found, lines, strict=True), start=1):
        end = begin + len(whole)
        assert (line.number, line.characters) == (number, len(whole))
        assert line.nats.tolist() == [sum(range(begin, end)), 2 * sum(range(begin, end))]
        begin = end


def test_a_line_too_long_to_stand_alone_is_named_before_it_fills_the_memory() -> None:
    def endless() -> object:
        yield "one\ntwo\nthr"
        while True:
            yield "e" * 10

    with pytest.raises(UsageError, match="line 3 has 50 characters or more"):
        list(cut_lines(endless(), 50))  # type: ignore[arg-type]
    assert list(cut_lines(["a" * 48 + "\n" + "b" * 49], 50)) == ["a" * 48 + "\n", "b" * 49]


def test_of_a_long_line_the_beginning_is_kept() -> None:
    parts = [Part("x" * 200, np.ones((1, 200), np.float32))] * 15
    (line,) = gather_lines(parts)
    assert (line.characters, len(line.text), line.nats.tolist()) == (3000, 300, [3000.0])


def test_the_lead_is_what_the_next_best_model_lacks() -> None:
    nats = np.log(2) * np.array([30.0, 10.0, 12.5])
    assert Line(1, "ab", 2, nats).lead == pytest.approx(2.5)
    assert Line(1, "ab", 2, nats).bits_per_character == pytest.approx([15, 5, 6.25])
    assert Line(1, "ab", 2, nats[:1]).lead == 0


def test_a_line_ends_with_the_end_of_a_document_too() -> None:
    text = f"one{END}two\nlines{END}three"
    assert list(cut_lines(text, 50)) == [f"one{END}", "two\n", f"lines{END}", "three"]
    nats = np.ones((1, len(text)), np.float32)
    lines = list(gather_lines([Part(text, nats)]))
    assert [line.text for line in lines] == ["one", "two", "lines", "three"]
    assert [line.characters for line in lines] == [4, 4, 6, 5]
