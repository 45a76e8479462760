"""Several samples on a terminal and in a pipe."""

import pytest

from tests.terminal.terminals import on_terminal
from textgen.terminal.display.samples import ShownSamples

CODE = """
from textgen.terminal.display.samples import ShownSamples
shown = ShownSamples("Once ", {count}, wraps={wraps})
for number in range({count}):
    for piece in ("", "upon a time ", "there", " was" + {end!r}):
        shown.write(number, piece)
shown.end_line()
"""


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_rule_with_the_number_stands_above_each_of_several_samples(end: str) -> None:
    written = on_terminal(
        CODE.format(count=2, wraps=True, end=end), 20, NO_COLOR="1", LC_ALL="C.UTF-8"
    )
    text = ["Once upon a time", "there was"]
    rule = "\u2500\u2500 {} of 2 " + 10 * "\u2500"
    expected = [rule.format(1), *text, rule.format(2), *text, ""]
    assert written.split("\r\n") == expected
    plain = on_terminal(CODE.format(count=2, wraps=False, end=end), 40, NO_COLOR="1", LC_ALL="C")
    assert plain.split("\r\n")[:2] == ["-- 1 of 2 " + 30 * "-", "Once upon a time there was"]


def test_one_sample_has_no_rule() -> None:
    assert on_terminal(CODE.format(count=1, wraps=True, end="")) == "Once upon a time there was\r\n"


def test_a_pipe_gets_two_newlines_between_samples(capsys: pytest.CaptureFixture[str]) -> None:
    shown = ShownSamples("the ", 2, wraps=True)
    for number in range(2):
        shown.write(number, "fox")
    shown.end_line()
    assert capsys.readouterr().out == "the fox\n\nthe fox"
