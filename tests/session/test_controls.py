"""Settings as they are typed and shown."""

from dataclasses import replace

import pytest

from tests.session.sessions import random_session, transcript
from textgen.errors import SettingError
from textgen.session.controls import NAMES, format_control, parse_control
from textgen.settings import SamplingSettings


def test_several_texts_end_a_text_and_a_comma_may_be_one_of_them() -> None:
    session = random_session()
    answer = transcript(session, "/set stop a,b", "/set stop a\\,b,\\u002c,\\\\,c")
    assert answer.startswith("> /set stop a,b\n[stop: a,b]\n")
    assert "[stop: a\\,b,\\,,\\\\,c]\n" in answer
    assert session.conversation.settings.stop == ("a,b", ",", "\\", "c")


@pytest.mark.parametrize(
    "text",
    [
        "off",
        " off ",
        "a,b",
        "\\",
        "\\n",
        "\n",
        "\t\r",
        " ",
        ",",
        "\\,",
        "\u00a0\u2028\x1b",
        "\\u002c",
    ],
)
def test_what_is_shown_of_a_setting_can_be_typed_again(text: str) -> None:
    settings = SamplingSettings(
        temperature="1,0.5,0.2",
        top_k=3,
        top_p=0.3,
        min_p=1e-7,
        max_copy=9,
        forbid=text,
        only=text,
        starts=(text.replace("\n", "n"), "x"),
        stop=(text,),
    )
    for each in (settings, SamplingSettings(), SamplingSettings(stop=(text, "off"))):
        for name in NAMES:
            if hasattr(each, name) and name != "words":
                value = getattr(each, name)
                shown = format_control(name, value)
                assert replace(each, **{name: parse_control(name, shown)}) == each
                assert "\n" not in shown
                assert "\r" not in shown


@pytest.mark.parametrize(
    ("name", "typed", "advice"),
    [("top_p", "0,7", "write 0.7"), ("length", "10,000", "write 10000"), ("top_k", "x", "'x'")],
)
def test_a_number_with_a_comma_is_told_how_to_be_written(
    name: str, typed: str, advice: str
) -> None:
    with pytest.raises(SettingError, match=f"{advice}$"):
        parse_control(name, typed)
