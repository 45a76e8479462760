import re

import numpy as np
import pytest

from textgen.data.origins import Place
from textgen.data.shipped import shipped_corpus
from textgen.generation.trace import Stretch, Trace
from textgen.readable import width
from textgen.terminal.display.trace import (
    COLOURS,
    format_place,
    format_trace,
    format_traced,
    summary,
)

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def stretch(begin: int, end: int, file: str = "a.txt", line: int = 1, **more: object) -> Stretch:
    given = {"places": 1, "is_longest": True, "last": Place(file, line, False)} | more
    return Stretch(begin=begin, end=end, first=Place(file, line, False), **given)  # type: ignore[arg-type]


def traced(text: str, *stretches: Stretch, least: int = 2) -> Trace:
    owners = np.full(len(text), -1)
    for number, one in enumerate(stretches):
        owners[one.begin : one.end] = number
    return Trace(text, least, stretches, owners)


TRACE = traced("my own\nand copied\x1b words", stretch(7, 10), stretch(11, 24, line=12))


def test_stretches_are_marked_by_their_numbers_and_drive_no_terminal() -> None:
    assert format_traced(TRACE, None, colours=False) == (
        "my own\u21b5\nand copied\u241b words\n111 2222222222222\n"
        "below each character that is copied: the last digit of the number of its stretch"
    )


def test_each_stretch_has_a_colour_in_the_text_and_in_the_list() -> None:
    first, second = COLOURS[:2]
    assert format_traced(TRACE, None, colours=True) == (
        f"my own\u21b5\n\x1b[{first}mand\x1b[0m \x1b[{second}mcopied\u241b words\x1b[0m"
    )
    listed = format_trace(TRACE, None, top=5, colours=True)
    assert f"\x1b[{first}m1\x1b[0m" in listed
    assert f"\x1b[{second}m2\x1b[0m" in listed
    assert ESCAPE.sub("", listed) == format_trace(TRACE, None, top=5)


def test_the_list_has_length_place_and_text_and_a_summary() -> None:
    assert format_trace(TRACE, None, top=5) == (
        "   characters  where     text\n"
        "1           3  a.txt:1   and\n"
        "2          13  a.txt:12  copied\u241b words\n"
        "67 % of 24 characters stand in the training text in stretches of at least 2; longest 13"
    )


@pytest.mark.parametrize(
    ("copied", "shown"),
    [(1000, "100 %"), (998, ">99.5 %"), (994, "99 %"), (10, "1 %"), (9, "less than 1 %")],
)
def test_a_part_is_never_rounded_to_the_whole_or_to_nothing(copied: int, shown: str) -> None:
    owners = np.where(np.arange(1000) < copied, 0, -1)
    trace = Trace("a" * 1000, 2, TRACE.stretches[:1], owners)
    assert summary(trace).startswith(f"{shown} of 1,000 characters stand ")


def test_only_the_longest_are_listed_in_the_order_of_the_text() -> None:
    listed = format_trace(TRACE, None, top=1, option="--top").splitlines()
    assert [line[:1] for line in listed] == [" ", "2", "a", "6"]
    assert listed[2] == "and 1 more; --top 2"
    # A session has no options to advise.
    assert format_trace(TRACE, None, top=1).splitlines()[2] == "and 1 more"


@pytest.mark.parametrize("columns", [20, 40, 60, 100])
@pytest.mark.parametrize("colours", [True, False])
def test_nothing_is_wider_than_the_terminal(columns: int, *, colours: bool) -> None:
    shown = format_traced(TRACE, columns, colours=colours)
    listed = format_trace(TRACE, columns, top=9, colours=colours)
    lines = ESCAPE.sub("", f"{shown}\n{listed}").splitlines()
    assert max(map(width, lines)) <= columns


def test_a_text_without_copies_says_so() -> None:
    assert format_trace(traced("xyz"), None, top=3) == (
        "none of 3 characters stands in the training text in stretches of at least 2"
    )
    assert format_traced(traced("xyz"), None, colours=False) == "xyz"


@pytest.mark.parametrize(
    ("one", "shown"),
    [
        (stretch(0, 2, line=7), "a.txt:7"),
        (stretch(0, 2, last=Place("a.txt", 9, False)), "a.txt:1-9"),
        (stretch(0, 2, last=Place("b.txt", 3, False)), "a.txt:1 to b.txt:3"),
        (stretch(0, 2, places=4), "a.txt:1, 4 places"),
        (stretch(0, 2, is_longest=False), "a.txt:1, at least 1 place"),
        (Stretch(0, 2, 1, True, Place("a", 5, True), Place("a", 6, True)), "a, record 5-6"),
        (stretch(0, 2, "a\x1b\n.txt"), "a\u241b .txt:1"),
        (stretch(0, 2, str(shipped_corpus("names"))), "names.txt:1"),
    ],
)
def test_places_are_told_shortly(one: Stretch, shown: str) -> None:
    assert format_place(one) == shown


def test_a_length_that_may_be_larger_is_marked() -> None:
    listed = format_trace(traced("xyz", stretch(0, 3, is_longest=False)), None, top=3)
    assert "3+" in listed
    assert "longest at least 3" in listed
