from typing import Any

import numpy as np
import pytest

from textgen.data.vocabulary import Vocabulary
from textgen.errors import SettingError, UsageError
from textgen.generation.copy_index import CopyIndex
from textgen.generation.sampler import NEVER, Control, Sampler, advance, draw
from textgen.settings import SamplingSettings

CHARACTERS = "abcde .\n"
VOCABULARY = Vocabulary(CHARACTERS)
RANDOM = np.random.default_rng(0)
TRAINING = RANDOM.integers(1, 9, 3000).astype(np.uint8)
LOGITS = RANDOM.normal(size=9).astype(np.float32)


def sampler(**settings: Any) -> Sampler:
    return Sampler(
        SamplingSettings(**settings),
        VOCABULARY,
        CopyIndex(lambda: TRAINING, len(VOCABULARY)).table,
    )


def begun(prepared: Sampler, text: str) -> Control:
    return prepared.begin(VOCABULARY.encode(text))


def shares(prepared: Sampler, control: Control, temperature: float = 1.0) -> Any:
    """Return how often each id is drawn, over evenly spread numbers: exact to 1 in 2000."""
    uniforms = (np.arange(2000, dtype=np.float32) + 0.5) / 2000
    heat = np.float32(temperature)
    ids = [int(draw(LOGITS, u, heat, control, prepared.knobs)) for u in uniforms]
    return np.bincount(ids, minlength=9) / 2000


def expected_shares(permitted: str, temperature: float = 1.0) -> Any:
    weights = np.zeros(9)
    ids = VOCABULARY.encode(permitted)
    weights[ids] = np.exp(LOGITS[ids].astype(float) / temperature)
    return weights / weights.sum()


@pytest.mark.parametrize(
    ("settings", "text", "permitted"),
    [
        ({}, "", CHARACTERS),
        ({"forbid": "ab\u00e9"}, "", "cde .\n"),
        ({"only": "abz"}, "", "ab"),
        ({"only": "abc", "forbid": "cd"}, "", "ab"),
        ({"words": ("ab", "ad")}, "c. a", "bd"),
        ({"words": ("ab", "ad", "b")}, "", "ab .\n"),
        ({"words": ("ab", "ad")}, "ab", " .\n"),
        ({"words": ("ab", "abba")}, "ab", "b .\n"),
        ({"words": ("ab",), "forbid": ".\n"}, "ab", " "),
        ({"starts": ("cab",)}, "", "c"),
        ({"starts": ("cab",)}, "ab\n", "c"),
        ({"starts": ("cab",)}, "ab", CHARACTERS),
        ({"starts": ("cab",), "words": ("cab", "cd", "a")}, "\n", "c"),
        (
            {"top_k": 2, "only": "abc"},
            "",
            "".join(sorted("abc", key=lambda c: -LOGITS["abc".index(c) + 1])[:2]),
        ),
    ],
)
def test_what_is_drawn_is_what_the_settings_permit_and_as_often_as_the_model_says(
    settings: dict[str, Any], text: str, permitted: str
) -> None:
    prepared = sampler(**settings)
    for temperature in (1.0, 0.5):
        found = shares(prepared, begun(prepared, text), temperature)
        np.testing.assert_allclose(found, expected_shares(permitted, temperature), atol=1e-3)


def test_where_nothing_is_permitted_the_unknown_character_is_drawn() -> None:
    prepared = sampler(starts=("ab",), words=("ba",))
    assert shares(prepared, begun(prepared, ""))[0] == 1


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_only_characters_that_make_no_longer_copy_are_drawn(limit: int) -> None:
    known = VOCABULARY.decode(TRAINING)
    prepared, text = sampler(max_copy=limit), "ab. cd\nea"
    control = begun(prepared, "")
    for place, character in enumerate(text):
        before = text[max(0, place - limit) : place]
        copies = [c for c in CHARACTERS if place >= limit and before + c in known]
        for token, other in enumerate(CHARACTERS, 1):
            uniforms = np.linspace(0, 0.999, 50, dtype=np.float32)
            found = [draw(LOGITS, u, np.float32(9), control, prepared.knobs) for u in uniforms]
            assert (other not in copies) or token not in found
        control = advance(control, np.int32(VOCABULARY.encode(character)[0]), prepared.knobs)


def test_beginning_behind_a_text_is_beginning_before_it_and_advancing() -> None:
    prepared = sampler(
        words=("ab", "abba", "cab", "d"), max_copy=5, repetition_penalty=2, repetition_window=4
    )
    text = "ab abba. cab\nd d ab abb"
    tokens = VOCABULARY.encode(text)
    for place in range(len(text) + 1):
        control = prepared.begin(tokens[:0])
        for token in tokens[:place]:
            control = advance(control, token, prepared.knobs)
        behind = prepared.begin(tokens[:place])
        assert behind.node == control.node
        # In a different place of the ring perhaps, but with the same last characters.
        assert behind.copied is not None
        assert control.copied is not None
        for member in (behind.copied, control.copied):
            assert np.roll(member.recent, -int(member.length) % 5)[
                5 - min(place, 5) :
            ].tolist() == (tokens[max(0, place - 5) : place].tolist())
        np.testing.assert_array_equal(behind.copied.hashes, control.copied.hashes)
        assert behind.last_used is not None
        assert control.last_used is not None
        ages = [place - np.maximum(one.last_used, -50) for one in (behind, control)]
        np.testing.assert_array_equal(*np.minimum(ages, 50))


@pytest.mark.parametrize("window", [1, 2, 5])
def test_lately_used_are_the_last_characters_of_the_window(window: int) -> None:
    # With this penalty what was used is never drawn, since only its logit is not positive.
    prepared = sampler(repetition_penalty=100, repetition_window=window)
    text = "abcab d.e"
    logits = np.full(9, 5, np.float32)
    for place in range(1, len(text) + 1):
        control = begun(prepared, text[:place])
        drawn = {
            int(draw(logits, np.float32(u), np.float32(0.1), control, prepared.knobs))
            for u in np.linspace(0.001, 0.999, 60)
        }
        lately = {*VOCABULARY.encode(text[max(0, place - window) : place]).tolist()}
        assert drawn == set(range(1, 9)) - lately


def test_a_bias_changes_the_odds_by_its_exponential() -> None:
    prepared = sampler()
    logits, control = np.zeros(9, np.float32), begun(prepared, "")
    bias = np.zeros(9, np.float32)
    bias[3] = np.log(7)  # 7 of 14, since 7 other characters have 1 each
    knobs = prepared.knobs._replace(bias=bias)
    uniforms = (np.arange(1400) + 0.5) / 1400
    drawn = [int(draw(logits, np.float32(u), np.float32(1), control, knobs)) for u in uniforms]
    assert drawn.count(3) == 700
    # A forbidden character stays forbidden.
    knobs = knobs._replace(permitted=np.arange(9) == 5)
    assert int(draw(logits, np.float32(0.5), np.float32(1), control, knobs)) == 5


def test_what_is_off_costs_nothing() -> None:
    prepared = sampler()
    knobs, control = prepared.knobs, begun(prepared, "ab")
    assert knobs._replace(permitted=None) == ({}, *[None] * 8)
    assert control == Control(np.int32(2), None, None, None, None)
    assert sampler(repetition_penalty=2).begin(VOCABULARY.encode("b")).last_used.tolist() == [  # type: ignore[union-attr]
        *[NEVER] * 2,
        0,
        *[NEVER] * 6,
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"only": "xyz"}, "only must be a choice that leaves the model a character .* 'xyz'"),
        ({"forbid": CHARACTERS}, "forbid must be a choice that leaves the model a character"),
        ({"only": "ab", "forbid": "ba"}, "only must be a choice that"),
        ({"words": ("xyz",)}, "words must be a list with a word that the model can write"),
        (
            {"words": ("ab",), "only": "ab"},
            "words must be given with a character that can separate them",
        ),
        (
            {"starts": ("ab", "ax")},
            "starts must be a text without 'x', which the model does not know",
        ),
        (
            {"starts": ("ab",), "forbid": "b"},
            "starts must be a text without 'b', which may not be written",
        ),
    ],
)
def test_settings_that_leave_nothing_to_write_are_refused(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        sampler(**settings)


def test_lines_need_a_newline_that_the_model_knows() -> None:
    for settings in ({"lines": 2}, {"starts": ("a",)}):
        with pytest.raises(SettingError, match="left out: the model knows no newline"):
            Sampler(SamplingSettings(**settings), Vocabulary("ab"))  # type: ignore[arg-type]


def test_limited_copies_need_the_training_text() -> None:
    with pytest.raises(UsageError, match="max-copy 5 needs the training text"):
        Sampler(SamplingSettings(max_copy=5), VOCABULARY)
