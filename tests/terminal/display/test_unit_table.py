import shlex

from tests.networks import random_model
from textgen.interpretation.features import FEATURES
from textgen.interpretation.units import Finding
from textgen.readable import unescape
from textgen.terminal.display.unit_table import format_search
from textgen.workflows.find_units import Search


def search() -> Search:
    findings: list[Finding | None] = [None] * len(FEATURES)
    findings[0] = Finding(FEATURES[0], 1, 4, 0.6, 0.5)
    findings[7] = Finding(FEATURES[7], 2, 3, -0.9, -0.876)
    return Search(random_model(), (1500, 1501), findings, '\\ "It\'s"')


def test_the_closest_stand_first_and_what_never_varies_last() -> None:
    lines = format_search(search(), 80).split("\n")
    assert lines[:4] == [
        "feature             layer  unit  r      meaning",
        "space                   2     3  -0.88  white space",
        "line position           1     4  +0.50  characters since the last newline",
        "line start              -     -  -      before the first white space of a line",
    ]
    assert len(lines[: lines.index("")]) == 1 + len(FEATURES)
    assert all(len(line) <= 80 for line in lines)
    text = " ".join(lines)
    assert "Pearson's correlation of the feature with the cell state" in text
    assert "among 10 on the first 1,500 characters; r was measured on the other 1,501." in text
    words = shlex.split(lines[-1])
    assert words[:3] == ["textgen", "inspect", "made-up"]
    assert unescape(words[3]) == '\\ "It\'s"'
    assert words[4:] == ["--layer", "2", "--units", "3"]


def test_a_narrow_terminal_gets_lines() -> None:
    lines = format_search(search(), 24).split("\n")
    assert lines[:5] == ["space", "  layer: 2", "  unit: 3", "  r: -0.88", "  meaning: white space"]
    assert all(len(line) <= 24 for line in lines[:-1])


def test_nothing_found_has_nothing_to_look_at() -> None:
    nothing = Search(random_model("rnn"), (100, 100), [None] * len(FEATURES))
    text = format_search(nothing, 80)
    assert "textgen inspect" not in text
    assert "hidden state" in text
