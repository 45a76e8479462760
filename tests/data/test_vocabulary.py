from collections.abc import Container
from typing import get_args

import numpy as np
import pytest

from textgen.data import vocabulary as module
from textgen.data.vocabulary import END, UNKNOWN_ID, Vocabulary
from textgen.errors import SettingError, UnknownCharacterError
from textgen.settings import OnUnknown


def test_decoding_undoes_encoding_for_characters_of_every_plane() -> None:
    text = "a\n\0\u00e9\u20ac\uffff\U0001f600\U0010ffff"
    vocabulary = Vocabulary("".join(reversed(text)))
    tokens = vocabulary.encode(text * 3)
    assert tokens.tolist() == [8, 7, 6, 5, 4, 3, 2, 1] * 3
    assert tokens.dtype == np.int32
    assert vocabulary.decode(tokens) == text * 3


def test_ids_follow_the_stored_order_and_leave_zero_for_the_unknown() -> None:
    vocabulary = Vocabulary("bca")
    assert len(vocabulary) == 4
    assert vocabulary.encode("abc").tolist() == [3, 1, 2]
    assert vocabulary.decode([UNKNOWN_ID]) == "\ufffd"


def test_an_unknown_character_is_named_with_its_place() -> None:
    with pytest.raises(
        UnknownCharacterError, match=r"'\u017c' \(U\+017C\) at position 3"
    ) as caught:
        Vocabulary("ab").encode("ab\u017ca\u017c")
    assert (caught.value.character, caught.value.position) == ("\u017c", 2)


def test_unknown_characters_can_be_skipped_or_replaced() -> None:
    vocabulary = Vocabulary("ab")
    assert vocabulary.encode("a?b\ud800", "skip").tolist() == [1, 2]
    assert vocabulary.encode("a?b\ud800", "replace").tolist() == [1, 0, 2, 0]
    with pytest.raises(SettingError, match="on_unknown"):
        vocabulary.encode("a", "ignore")  # type: ignore[arg-type]


def test_unknown_characters_can_be_written_as_the_nearest() -> None:
    vocabulary = Vocabulary("abce. ")
    tokens = vocabulary.encode("B\u00e9\u2026\u00a0a", "nearest")
    assert vocabulary.decode(tokens) == "be... a"
    assert tokens.dtype == np.int32
    assert vocabulary.nearest("\u00c9") == "e"
    assert vocabulary.nearest("?") is None
    with pytest.raises(UnknownCharacterError) as caught:
        vocabulary.encode("\u2026\u00c9?", "nearest")
    assert (caught.value.character, caught.value.position) == ("?", 2)


@pytest.mark.parametrize("on_unknown", get_args(OnUnknown))
def test_a_text_that_is_known_is_encoded_the_same_whatever_is_done_with_the_unknown(
    on_unknown: OnUnknown,
) -> None:
    text = "e\u0301\r\n\u2026\u00a0"
    vocabulary = Vocabulary("".join(sorted(set(text))))
    assert vocabulary.decode(vocabulary.encode(text, on_unknown)) == text


def test_a_long_text_asks_once_for_each_unknown_character(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def count(character: str, known: Container[str]) -> str:
        asked.append(character)
        return "a"

    monkeypatch.setattr("textgen.data.nearest.nearest", count)
    assert len(Vocabulary("ab").encode("xyabx" * 10_000, "nearest")) == 50_000
    assert sorted(asked) == ["x", "y"]


def test_the_empty_text_has_no_tokens() -> None:
    assert Vocabulary("ab").encode("").shape == (0,)


@pytest.mark.parametrize("characters", ["", "aba"])
def test_a_vocabulary_needs_distinct_characters(characters: str) -> None:
    with pytest.raises(SettingError, match="characters"):
        Vocabulary(characters)


def test_the_end_symbol_has_an_id_and_no_character() -> None:
    vocabulary = Vocabulary("ab" + END)
    assert vocabulary.end_id == 3
    assert END not in vocabulary
    assert vocabulary.encode(f"a{END}", "replace").tolist() == [1, 0]
    assert vocabulary.encode_documents(f"a{END}b{END}").tolist() == [1, 3, 2, 3]
    assert vocabulary.encode_start(END).tolist() == [3]
    assert vocabulary.decode([1, 3]) == f"a{END}"
    plain = Vocabulary("ab\n")
    assert plain.end_id is None
    assert plain.encode_documents(f"a{END}").tolist() == [1, 3]


def test_a_vocabulary_that_grows_keeps_every_id() -> None:
    known = Vocabulary("b" + END + "a")
    grown = known.grown("za" + END + "\u20acb")
    assert grown.characters == known.characters + "z\u20ac"
    assert grown.end_id == known.end_id == 2
    assert known.grown("ab").characters == known.characters


def test_an_end_symbol_that_is_new_gets_the_last_id() -> None:
    assert Vocabulary("b").grown("\ue000a" + END).characters == "ba\ue000" + END


def test_unknown_characters_of_long_texts_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 3)
    vocabulary, text = Vocabulary("\nab"), "abc\n\U0001f642xa\ufffd" + END + "b"
    known = {*vocabulary.characters, END}
    assert vocabulary.count_unknown(text) == sum(one not in known for one in text) == 4
    assert vocabulary.count_unknown("") == 0
