import itertools
import re

import numpy as np
import pytest

from textgen.generation.endings import EndFinder, FinishReason
from textgen.settings import SamplingSettings


def ended(
    pieces: list[str], *, is_mid_line: bool = False, **settings: object
) -> tuple[str, FinishReason | None]:
    """Return what is shown of a text that comes in pieces, and why it ends."""
    finder = EndFinder(SamplingSettings(**settings), is_mid_line=is_mid_line)  # type: ignore[arg-type]
    shown = ""
    for piece in pieces:
        text, reason = finder.follow(piece)
        shown += text
        if reason is not None:
            return shown, reason
    return shown + finder.rest(), None


def splits(text: str) -> list[list[str]]:
    """Return every way to cut a text into pieces."""
    places = range(1, len(text))
    return [
        [text[begin:end] for begin, end in itertools.pairwise([0, *cuts, len(text)])]
        for count in range(len(text))
        for cuts in itertools.combinations(places, count)
    ]


@pytest.mark.parametrize(
    ("text", "settings", "shown", "reason"),
    [
        ("one END two", {"stop": ["END"]}, "one ", "stop"),
        ("END", {"stop": ["END"]}, "", "stop"),
        ("one EN two", {"stop": ["END"]}, "one EN two", None),
        ("one EN", {"stop": ["END"]}, "one EN", None),
        ("ENENDx", {"stop": ["END"]}, "EN", "stop"),
        ("aabaaabx", {"stop": ["aaab"]}, "aab", "stop"),
        # The one that is whole first, whichever began first.
        ("xabcdy", {"stop": ["abcd", "bc"]}, "xa", "stop"),
        ("xabcdy", {"stop": ["bcd", "abc"]}, "x", "stop"),
        ("xabcy", {"stop": ["bc", "abc"]}, "x", "stop"),
        ("xabxbcy", {"stop": ["abc", "bc"]}, "xabx", "stop"),
        ("a\nb\nc\n", {"lines": 2}, "a\nb", "lines"),
        ("a\n\nc\n", {"lines": 2}, "a\n", "lines"),
        ("a\nb", {"lines": 2}, "a\nb", None),
        ("a. b c. d", {"sentences": 2}, "a. b c.", "sentences"),
        ("a 1.5 b. c", {"sentences": 1}, "a 1.5 b.", "sentences"),
        ("a?!... b. c", {"sentences": 2}, "a?!... b.", "sentences"),
        ('"a." "b!"\nc', {"sentences": 2}, '"a." "b!"', "sentences"),
        ("(a.) b*c.*\n", {"sentences": 2}, "(a.) b*c.*", "sentences"),
        ("\u201ca\u2026\u201d b", {"sentences": 1}, "\u201ca\u2026\u201d", "sentences"),
        ("a. b", {"sentences": 2}, "a. b", None),
        ("Mr. B c. d", {"sentences": 1}, "Mr.", "sentences"),
        ("a.", {"sentences": 1}, "a.", None),  # more of it may come
        # Behind these of East Asia a sentence ends without a space.
        ("\u6f22\u3002\u5b57\u3002", {"sentences": 1}, "\u6f22\u3002", "sentences"),
        (
            "\u300c\u6f22\uff01\u300d\u5b57\uff1f\u5b57",
            {"sentences": 2},
            "\u300c\u6f22\uff01\u300d\u5b57\uff1f",
            "sentences",
        ),
        # Of several ends the one that shows first.
        ("a. b\nc", {"lines": 1, "sentences": 1}, "a.", "sentences"),
        ("a\nb. c", {"lines": 1, "sentences": 1}, "a", "lines"),
        ("ab\ncd", {"lines": 1, "stop": ["b\nc"]}, "ab", "lines"),
        ("ab\ncd", {"lines": 1, "stop": ["b\n"]}, "a", "stop"),
        ("a.\nb", {"lines": 1, "sentences": 1}, "a.", "sentences"),
        ("ab. c", {"sentences": 1, "stop": ["b"]}, "a", "stop"),
        ("ab. cd", {"sentences": 1, "stop": ["b. cd"]}, "ab.", "sentences"),
    ],
)
def test_a_text_ends_at_the_same_place_however_it_is_cut_into_pieces(
    text: str, settings: dict[str, object], shown: str, reason: FinishReason | None
) -> None:
    for pieces in splits(text):
        assert ended(pieces, **settings) == (shown, reason), pieces


@pytest.mark.parametrize("seed", range(4))
def test_random_texts_end_where_the_first_whole_stop_text_begins(seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(200):
        text = "".join(random.choice([*"ab"], 30))
        stops = ["".join(random.choice([*"ab"], random.integers(2, 7))) for _ in range(3)]
        ends = [
            (found.start(1) + len(stop), found.start(1))
            for stop in stops
            for found in re.finditer(f"(?=({stop}))", text)
        ]
        expected = (text[: min(ends)[1]], "stop") if ends else (text, None)
        cuts = sorted(random.choice(30, 4))
        pieces = [text[a:b] for a, b in itertools.pairwise([0, *cuts, 30])]
        assert ended(pieces, stop=stops) == ended([*text], stop=stops) == expected


def test_only_what_may_become_a_stop_text_is_held_back() -> None:
    finder = EndFinder(SamplingSettings(stop=["ababc", "bx"]))
    # The longest end of the text that begins a stop text waits.
    shown = [finder.follow(character)[0] for character in "zabab"]
    assert shown == ["z", "", "", "", ""]
    assert finder.follow("a") == ("ab", None)  # abaDabc is none, aba may become one
    assert finder.follow("b") == ("", None)
    assert finder.follow("b") == ("aba" + "b", None)
    assert finder.rest() == "b"
    assert finder.rest() == ""


def test_without_ends_nothing_is_held_back() -> None:
    finder = EndFinder(SamplingSettings())
    assert finder.follow("one. two\n") == ("one. two\n", None)
    assert finder.rest() == ""


@pytest.mark.parametrize(
    ("settings", "is_mid_line", "shown"),
    [
        ({"starts": ["a", "b"]}, False, "1\n2"),
        ({"starts": ["a", "b"]}, True, "1\n2\n3"),  # the line begun before is none of the two
        ({"starts": ["a", "b"], "lines": 1}, True, "1"),
        ({"lines": 2}, True, "1\n2"),
    ],
)
def test_there_are_as_many_lines_as_beginnings(
    settings: dict[str, object], is_mid_line: bool, shown: str
) -> None:
    text = "1\n2\n3\n4\n"
    assert ended([text], is_mid_line=is_mid_line, **settings) == (shown, "lines")
