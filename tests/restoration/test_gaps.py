import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.errors import UsageError
from textgen.restoration.gaps import Gap, parse_gaps


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a_b", ["a", Gap(1, 1), "b"]),
        ("___", [Gap(3, 3)]),
        ("a[...]b", ["a", Gap(1, 10), "b"]),
        ("[2-5]", [Gap(2, 5)]),
        ("x[12]", ["x", Gap(12, 12)]),
        ("_[2-3]y", [Gap(1, 1), Gap(2, 3), "y"]),
        ("[1] [see] _", [Gap(1, 1), " [see] ", Gap(1, 1)]),
    ],
)
def test_marks_become_gaps(text: str, pieces: list[str | Gap]) -> None:
    assert parse_gaps(text) == pieces


def test_another_mark_leaves_the_usual_one_to_the_text() -> None:
    assert parse_gaps("a_b?c", "?") == ["a_b", Gap(1, 1), "c"]
    assert parse_gaps("a.b", ".") == ["a", Gap(1, 1), "b"]  # it is no pattern


@given(st.text(st.sampled_from("ab\n[]-.1_"), max_size=12))
def test_known_characters_are_kept_in_order(text: str) -> None:
    try:
        pieces = parse_gaps(f"{text}?", "?")
    except UsageError:  # a gap such as [1-0]
        return
    known = iter(text)
    for character in "".join(piece for piece in pieces if isinstance(piece, str)):
        assert character in known


@pytest.mark.parametrize(
    ("text", "mark", "message"),
    [
        ("whole", "_", "the text has no gap; mark each missing character by _"),
        ("[3-2]", "_", r"the gap \[3-2\] has no possible length"),
        ("[0]", "_", r"the gap \[0\] has no possible length"),
        ("[201]", "_", "a gap of 201 characters is too long; at most 200"),
        ("_" * 201, "_", "a gap of 201 characters is too long; at most 200"),
        ("a", "__", "gap must be a single character"),
        ("a", "[", "gap must be a single character"),
    ],
)
def test_what_cannot_be_restored_is_refused(text: str, mark: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_gaps(text, mark)
