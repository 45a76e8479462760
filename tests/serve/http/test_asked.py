"""What a client asks for: names, defaults and limits of the parameters."""

from typing import Any

import pytest

from textgen.errors import SettingError, UsageError
from textgen.serve.http.asked import Asked, read_chat, read_completion
from textgen.serve.http.limits import Limits
from textgen.settings import SamplingSettings

LIMITS = Limits()


def read(**body: Any) -> Asked:
    return read_completion(body, LIMITS)


def test_what_is_not_given_is_as_in_sample() -> None:
    asked = read()
    assert asked.settings == SamplingSettings()
    assert (asked.prompts, asked.length, asked.count, asked.drawn) == (("",), 500, 1, 1)
    assert (asked.on_unknown, asked.top, asked.echoes) == ("nearest", None, False)
    assert asked.seed != read().seed


def test_a_shorter_limit_is_the_default_length() -> None:
    limits = Limits(max_length=20)
    assert read_completion({}, limits).length == 20
    with pytest.raises(SettingError, match=r"max_tokens must be a whole number in \[0, 20\], got"):
        read_completion({"max_tokens": 10**12}, limits)


def test_a_gap_is_shorter_unless_its_length_is_given() -> None:
    assert read(suffix="a").length == 10
    assert read(suffix="a", max_tokens=20).length == 20


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("the", ("the",)),
        (["the", "a"], ("the", "a")),
        ([1, 2], ((1, 2),)),
        ([[1, 2], [], [3]], ((1, 2), (), (3,))),
    ],
)
def test_a_prompt_has_four_forms(prompt: object, prompts: object) -> None:
    assert read(prompt=prompt).prompts == prompts


@pytest.mark.parametrize("prompt", [[], 3, True, [True], ["a", 1], [[1], "a"], [[1.5]], {}])
def test_a_prompt_has_no_other_form(prompt: object) -> None:
    with pytest.raises(SettingError, match=r"^prompt must be a text, a list of texts, a list of"):
        read(prompt=prompt)


def test_settings_have_the_names_of_sample() -> None:
    found = read(
        temperature="0.4..1.1",
        top_k=5.0,
        min_p=0.1,
        typical_p=0.9,
        forbid="xyz",
        starts="A,B",
        words=["one", "two"],
        stop="end",
        max_copy=20,
        sentences=2,
    ).settings
    assert found == SamplingSettings(
        temperature="0.4..1.1",
        top_k=5,
        min_p=0.1,
        typical_p=0.9,
        forbid="xyz",
        starts=("A", "B"),
        words=("one", "two"),
        stop=("end",),
        max_copy=20,
        sentences=2,
    )
    assert read(starts=["A,B", "C"]).settings.starts == ("A,B", "C")
    assert read(length=7).length == read(max_tokens=7).length == 7
    assert read(num_samples=3).count == 3


def test_penalties_of_other_services_are_refused_unless_they_do_nothing() -> None:
    assert read(presence_penalty=0, frequency_penalty=0.0, user="me").settings
    for name in ("presence_penalty", "frequency_penalty"):
        with pytest.raises(UsageError, match=f"^{name} must be 0 here; use repetition_penalty"):
            read(**{name: 0.5})


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("a=b", ("a=b",)),
        (["a=b", "c=d:1,e:2"], ("a=b", "c=d:1,e:2")),
        ({"a": "b"}, {"a": "b"}),
        ({"a": {"b": 3, "c": 1}}, {"a": {"b": 3, "c": 1}}),
    ],
)
def test_labels_are_typed_or_an_object(label: object, found: object) -> None:
    assert read(label=label).labels == found


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"label": {"a": 1}}, "label must be a text FIELD=VALUE"),
        ({"label": 3}, "label must be a text FIELD=VALUE"),
        ({"logit_bias": {"1": 101}}, r"logit_bias must be an object with a number in \[-100, 100]"),
        ({"logit_bias": {"one": 1}}, "logit_bias must be an object"),
        ({"logit_bias": [1]}, "logit_bias must be an object"),
        ({"best_of": 1, "n": 2}, "best_of must be at least n, 2, got 1"),
        ({"best_of": 2, "stream": True}, "best_of cannot be streamed"),
        ({"n": 257}, r"n must be a whole number in \[1, 256\]"),
        ({"n": 130, "prompt": ["a", "b"]}, "at most 256 texts, got 2 prompts with 130 texts each"),
        ({"logprobs": 21}, r"logprobs must be a whole number in \[0, 20\]"),
        ({"logprobs": True}, "logprobs must be a whole number"),
        ({"seed": -1}, r"seed must be a whole number in \[0, 2\*\*63\)"),
        ({"stream_options": 1}, "stream_options must be an object"),
        ({"stream_options": {"x": 1}}, "there is no parameter 'x'"),
        ({"on_unknown": "ignore"}, "on_unknown must be error, nearest, skip or replace"),
        ({"suffix": 1}, "suffix must be a text"),
        ({"temprature": 1}, "did you mean temperature"),
        ({"forbid": 3}, "forbid must be text"),
        ({"length": 1, "max_tokens": 2}, "max_tokens and length mean the same"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(body: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(**body)


def test_messages_are_joined_by_newlines() -> None:
    parts = [{"type": "text", "text": "fo"}, {"type": "text", "text": "x"}]
    messages = [{"content": "the", "role": "system"}, {"content": None}, {"content": parts}]
    asked = read_chat({"messages": messages, "max_completion_tokens": 4}, LIMITS)
    assert (asked.prompts, asked.length) == (("the\n\nfox",), 4)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "messages must be a list of at least one message"),
        ({"messages": ["a"]}, "the content of a message must be text"),
        ({"messages": [{"content": 3}]}, "the content of a message must be text"),
        ({"messages": [{"content": [{"type": "image_url"}]}]}, "must be text"),
        ({"messages": [{"content": "a"}], "tools": [{}]}, "writes text alone; leave tools out"),
        (
            {"messages": [{"content": "a"}], "response_format": {"type": "json_object"}},
            "leave response_format out",
        ),
    ],
)
def test_a_chat_has_text_alone(body: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_chat(body, LIMITS)
