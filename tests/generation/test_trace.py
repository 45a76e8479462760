import inspect

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import textgen
from tests.data.indexes import index_of, longest_by_search
from tests.networks import random_model
from textgen.data.origins import Origins, Place
from textgen.data.sorted_entries import step_for
from textgen.data.text_index import Matches
from textgen.data.vocabulary import END
from textgen.generation.trace import Stretch, Trace, Tracer, longest_of_each
from textgen.settings import TRACE_LEAST

CHARACTERS = "\n abcdefghijklmnopqrstuvwxyz" + END
TEXT = "one fox ran home\nthe dog sat there and looked\nat the moon\n"


def tracer(text: str, least: int, characters: str = CHARACTERS) -> Tracer:
    config = random_model(characters=characters).config
    ids = config.vocabulary.encode_documents(text, "replace").astype(np.uint8)
    zero = np.zeros(1, np.int64)
    origins = Origins(("a.txt",), ("text",), zero, zero, zero + 1)
    return Tracer(ids, index_of(ids, step_for(least)), config, origins)


def lengths(trace: Trace) -> list[int]:
    """Return the length of the stretch of each character; 0 for none."""
    return [len(trace.stretches[one]) if one >= 0 else 0 for one in trace.owners.tolist()]


def test_a_stretch_has_its_lines_and_what_is_new_has_none() -> None:
    trace = tracer(TEXT, 8).trace("My xx sat there and looked\nat the moo! XX", 8)
    [only] = trace.stretches
    assert trace.text[only.begin : only.end] == " sat there and looked\nat the moo"
    assert (only.first, only.last) == (Place("a.txt", 2, False), Place("a.txt", 3, False))
    assert (only.places, only.is_longest) == (1, True)
    assert (trace.copied, trace.longest) == (32, 32)
    assert trace.share == 32 / 41


def test_no_stretch_runs_across_the_end_of_a_document() -> None:
    trace = tracer(f"{END}abcdefgh{END}ijklmnop{END}", 6).trace("abcdefghijklmnop", 6)
    assert [(one.begin, one.end) for one in trace.stretches] == [(0, 8), (8, 16)]
    # Documents that are lines of a file: an end is the end of a line.
    assert [one.first.number for one in trace.stretches] == [2, 3]


def test_an_end_symbol_and_an_unknown_character_match_nothing() -> None:
    trace = tracer(f"{END}abcdef{END}ghijkl?mnopqr{END}", 5).trace(
        f"abcdef{END}ghijkl?mnopqr\ufffdXYZWV", 5
    )
    assert [(one.begin, one.end) for one in trace.stretches] == [(0, 6), (7, 13), (14, 20)]


def test_texts_are_brought_into_the_normal_form_of_the_training_text() -> None:
    from dataclasses import replace

    one = tracer("caf\u00e9 caf\u00e9s", 5, "\u00e9acfs ")
    one._config = replace(one._config, normalization="nfc")
    trace = one.trace("cafe\u0301 cafe\u0301s", 5)
    assert (trace.text, trace.share) == ("caf\u00e9 caf\u00e9s", 1)


@given(st.text("abc", max_size=60), st.text("abcX", max_size=40), st.integers(5, 12))
def test_each_character_has_the_longest_stretch_around_it(
    text: str, asked: str, least: int
) -> None:
    text += "c"
    one = tracer(text, least)
    trace = one.trace(asked, least)
    encoded = random_model(characters=CHARACTERS).config.vocabulary
    query = encoded.encode(asked, "replace").astype(np.int64)
    query[query == 0] = -1
    expected = longest_by_search(encoded.encode(text).astype(np.uint8), query, least)
    assert lengths(trace) == expected.tolist()
    for stretch in trace.stretches:
        part = trace.text[stretch.begin : stretch.end]
        starts = range(len(text) - len(part) + 1)
        assert stretch.places == sum(text.startswith(part, start) for start in starts)


def test_of_overlapping_stretches_the_longest_is_told_for_each_character() -> None:
    begins, ends = np.array([0, 10, 10, 20]), np.array([50, 55, 55, 70])
    matches = Matches(begins, ends, np.arange(4), np.zeros(80, bool))
    groups, owners = longest_of_each(matches, 80)
    # Every character of the second one is in a longer one; the first of two equal ones is told.
    assert groups == [slice(0, 1), slice(3, 4)]
    assert owners.tolist() == [0] * 50 + [1] * 20 + [-1] * 10


def test_a_trace_says_all_in_json() -> None:
    place = Place("a.json", 7, True)
    stretch = Stretch(1, 4, 2, False, place, place)
    trace = Trace("xabcx", 3, (stretch,), np.array([-1, 0, 0, 0, -1]))
    assert trace.to_json() == {
        "characters": 5,
        "least": 3,
        "copied": 3,
        "share": 0.6,
        "longest": 3,
        "stretches": [
            {
                "begin": 1,
                "end": 4,
                "characters": 3,
                "text": "abc",
                "file": "a.json",
                "record": 7,
                "last_record": 7,
                "places": 2,
                "is_longest": False,
            }
        ],
    }


def test_a_stretch_of_two_files_names_both() -> None:
    stretch = Stretch(0, 3, 1, True, Place("a", 9, False), Place("b", 1, False))
    [told] = Trace("abc", 3, (stretch,), np.zeros(3, np.int64)).to_json()["stretches"]
    assert (told["file"], told["line"]) == ("a", 9)
    assert (told["last_file"], told["last_line"]) == ("b", 1)


def test_an_empty_text_and_one_without_copies_have_no_stretches() -> None:
    for text in ("", "zzzz", "one fo"):
        trace = tracer(TEXT, 8).trace(text, 8)
        assert (trace.stretches, trace.copied, trace.share, trace.longest) == ((), 0, 0, 0)


def test_python_and_the_command_line_have_the_same_least() -> None:
    assert inspect.signature(textgen.trace).parameters["least"].default == TRACE_LEAST
