import re
from dataclasses import replace

import numpy as np
import pytest

from tests.networks import random_model
from textgen.readable import width
from textgen.terminal.display.gate_view import Style, format_inspections
from textgen.terminal.display.heat_map import SHARES
from textgen.workflows.inspect import Inspection, inspect_text, inspect_with_each

PLAIN = Style(columns=80, colours=False, is_plain=False)


def handmade() -> Inspection:
    """Return an LSTM's text of four characters whose gates and states were chosen."""
    found = inspect_text(random_model(hidden=2), "ab\nc", names=["forget", "cell", "surprise"])
    watched = found.watched
    forget = np.array([[1, 0.5], [0.9, 0.9], [0, 0.1], [0.5, 0.3]], np.float32)
    cell = np.array([[2, 0], [1, -0.2], [-2, 0.1], [-2, 2]], np.float32)
    quantities = watched.quantities | {"forget": forget, "cell": cell}
    bits = np.array([0.2, 3.7, 12, 4.1])
    return replace(found, watched=replace(watched, quantities=quantities, bits=bits))


def test_a_heat_map_says_what_is_kept_where() -> None:
    lines = format_inspections([handmade()], PLAIN).split("\n")
    assert lines[0] == "made-up, step 12: LSTM 2x2, layer 2 of 2"
    begin = lines.index("FORGET GATE 0 drops the cell [ \u2591\u2592\u2593\u2588] 1 keeps it")
    assert lines[begin + 1 : begin + 8] == [
        "                  ab\u21b5c",
        "  0   0.00   1.00 \u2588\u2588 \u2592",
        "  1   0.10   0.90 \u2592\u2588 \u2591",
        "all   0.05   0.90 \u2587\u2588\u2581\u2584",
        "all: the mean of the 2 units, from 0 "
        "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588 to 1",
        "forgets most at ab[\u21b5] 0.05 ab\u21b5[c] 0.40 [a] 0.75 a[b] 0.90",
        "keeps most at a[b] 0.90 [a] 0.75 ab\u21b5[c] 0.40 ab[\u21b5] 0.05",
    ]
    begin = lines.index("CELL STATE below 0 [\u2261=-\u00b7+*#] above 0")
    assert lines[begin + 1 : begin + 4] == [
        "                  ab\u21b5c",
        "  0  -2.00   2.00 #*\u2261\u2261",
        "  1  -0.20   2.00 \u00b7\u00b7\u00b7#",
    ]
    assert "             bits .3+4" in lines


def test_a_unit_that_hardly_moves_is_seen_beside_one_that_moves_far() -> None:
    found = handmade()
    cell = np.array([[9, 3.0], [-9, 3.1], [0, 3.2], [9, 3.4]], np.float32)
    quantities = found.watched.quantities | {"cell": cell}
    watched = replace(found.watched, quantities=quantities)
    shown = format_inspections([replace(found, watched=watched)], PLAIN)
    assert "  1   3.00   3.40 \u00b7+*#" in shown


def test_a_narrow_terminal_has_the_numbers_below_the_rows() -> None:
    lines = format_inspections([handmade()], replace(PLAIN, columns=20)).split("\n")
    begin = lines.index("   1 \u00b7\u00b7\u00b7#")
    assert lines[begin + 1 : begin + 3] == ["0: -2.00 to 2.00", "1: -0.20 to 2.00"]


def test_several_models_stand_side_by_side_with_the_text_cut_alike() -> None:
    text = "fade a bed " * 9
    models = [random_model(hidden=20), random_model("gru")]
    found = inspect_with_each(models, text, names=["hidden", "surprise"])
    wide = format_inspections(found, replace(PLAIN, columns=100)).split("\n")
    assert max(map(width, wide)) <= 100
    assert re.fullmatch("A: made-up, .* LSTM 2x20, .* B: made-up, .* GRU 2x5, .*", wide[0])
    texts = [line for line in wide if re.match(" {18}[a-z ]* a ", line)]
    for line in texts:
        left, right = line[:48].strip(), line[51:].strip()
        assert left == right
    assert len(texts) == 8
    narrow = format_inspections(found, replace(PLAIN, columns=60)).split("\n")
    assert max(map(width, narrow)) <= 60
    titles = [line[:15] for line in narrow if "STATE" in line]
    assert titles == ["A: HIDDEN STATE", "B: HIDDEN STATE"]
    # The rows of both are cut at the same characters.
    begins = [index for index, line in enumerate(narrow) if "STATE" in line]
    parts = [[line.strip() for line in narrow[b : b + 99] if "fade a" in line][:3] for b in begins]
    assert parts[0] == parts[1]


def test_models_with_different_gates_stand_side_by_side_too() -> None:
    found = inspect_with_each([random_model(), random_model("gru")], "fade")
    for columns in (60, 120):
        shown = format_inspections(found, replace(PLAIN, columns=columns))
        for title in ("A: FORGET GATE", "B: UPDATE GATE", "A: HIDDEN", "B: HIDDEN"):
            assert shown.count(title) == 1


def test_guesses_stand_below_the_characters_they_were_for() -> None:
    found = inspect_text(random_model(), "fade", names=["surprise"])
    lines = format_inspections([found], PLAIN).split("\n")
    begin = lines.index("SURPRISE of each character, and the 5 most probable characters")
    guesses = found.watched.guesses
    for rank in range(5):
        row = next(line for line in lines[begin:] if line.strip().startswith(f"{rank + 1} "))
        shown = [column[rank].character.replace("\n", "\u21b5") for column in guesses[:-1]]
        assert [c for c in row[18:] if c != " "] == [c for c in shown if c != " "]
    tenths = lines[begin + 4][18:]
    expected = [int(column[0].probability * 10) for column in guesses[:-1]]
    assert [int(digit) for digit in tenths if digit != " "] == [n for n in expected if n]
    last = lines[-1]
    character, probability = guesses[-1][0]
    shown = character.replace("\n", "\u21b5")
    assert last.startswith(f"most probable after the text: [{shown}] {probability:.1%}")


def test_the_same_in_colours_has_the_same_text() -> None:
    found = handmade()
    colours = format_inspections([found], replace(PLAIN, colours=True))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", colours).split("\n")
    assert "\x1b" not in "".join(lines)
    assert "                  ab\u21b5c" in lines
    label = "  1   0.10   0.90 "
    row = next(line for line in colours.split("\n") if line.startswith(f"{label}\x1b"))
    steps = [SHARES[int(value * 6)] for value in (0.5, 0.9, 0.1, 0.3)]
    assert row == label + "".join(f"\x1b[{step}m \x1b[0m" for step in steps)


@pytest.mark.parametrize("columns", [1, 20, 80])
@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize("is_plain", [False, True])
def test_nothing_in_a_text_drives_a_terminal(columns: int, colours: bool, is_plain: bool) -> None:
    hard = "\n\t a\x1b\x9b\u202e\u0301\u4e2d\r"
    found = inspect_text(random_model("gru", hard), hard * 3)
    shown = format_inspections([found], Style(columns, colours, is_plain))
    bare = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert (bare == shown) == (not colours)
    assert not set(bare) & {*map(chr, range(10)), *map(chr, range(11, 32)), "\x9b", "\u202e"}
    if columns >= 20:
        assert max(map(width, bare.split("\n"))) <= columns


def test_no_more_than_ascii_is_drawn_where_there_is_no_more() -> None:
    found = inspect_text(random_model(characters=" abcdef"), "fade a")
    assert format_inspections([found], replace(PLAIN, is_plain=True)).isascii()


def test_quantities_stand_beside_the_same_of_other_models_with_one_note_above() -> None:
    models = [random_model(), random_model("gru"), random_model("rnn")]
    found = inspect_with_each(models, "fade")
    lines = format_inspections(found, replace(PLAIN, columns=100)).split("\n")
    (hidden,) = [line for line in lines if "HIDDEN STATE" in line]
    assert re.findall("[ABC]: HIDDEN", hidden) == ["A: HIDDEN", "B: HIDDEN", "C: HIDDEN"]
    assert re.findall("[ABC]: [A-Z]+ GATE", "\n".join(lines)) == [
        "A: FORGET GATE",
        "B: RESET GATE",
        "A: INPUT GATE",
        "B: UPDATE GATE",
        "A: OUTPUT GATE",
    ]
    # Titles that take several lines do not move the rows below them.
    assert sum(line.count("fade") == 2 for line in lines) == 2
    for columns in (20, 60, 100):
        text = " ".join(format_inspections(found, replace(PLAIN, columns=columns)).split())
        assert text.count("the lowest and the highest value of a unit") == 1


def test_only_what_is_named_is_shown() -> None:
    model = random_model()
    hidden = format_inspections([inspect_text(model, "fade", names=["hidden"])], PLAIN)
    assert "SURPRISE" not in hidden
    alone = format_inspections([inspect_text(model, "fade", names=["surprise"])], PLAIN)
    assert "SURPRISE" in alone
    assert "beside each row" not in alone
    assert "varies most" not in alone
