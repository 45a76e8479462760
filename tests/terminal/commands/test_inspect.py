import io
import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pexpect
import pytest

from tests.conftest import TEXT
from textgen.terminal.cli import run_command

Inspect = Callable[..., tuple[int, str, str]]


@pytest.fixture
def inspect(
    tiny_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Inspect:
    """Run `textgen inspect`; return its code and what it wrote to stdout and stderr."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # the command sets it, for all that come after
    monkeypatch.setattr("textgen.terminal.display.progress_line.PROGRESS_SECONDS", 1e9)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command(["inspect", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_a_text_is_shown_with_its_gates(inspect: Inspect) -> None:
    code, out, err = inspect("fox", r"the dog\nthe")
    assert (code, err) == (0, "")
    blocks = re.findall(r"^([A-Z]+(?: GATE| STATE)?) ", out, re.MULTILINE)
    expected = ["FORGET GATE", "INPUT GATE", "CELL STATE", "OUTPUT GATE", "HIDDEN STATE"]
    assert blocks == [*expected, "SURPRISE"]
    assert out.count("the dog\u21b5the\n") == 6
    assert "\x1b" not in out  # it is no terminal
    code, out, _ = inspect("checkpoints/fox", "the", "--show=hidden", "--units=2,0", "--layer=1")
    assert re.findall(r"^ +([0-9]+) ", out, re.MULTILINE)[:2] == ["2", "0"]
    assert "GATE" not in out


def test_json_holds_the_numbers(inspect: Inspect) -> None:
    code, out, err = inspect("fox", r"the d", "--units", "3,7-8", "--show", "forget", "--json")
    content = json.loads(out)
    assert (code, err, content["text"], content["layer"]) == (0, "", "the d", 1)
    assert content["type"] == "inspection"
    assert content["units"] == [3, 7, 8]
    assert [len(row) for row in content["quantities"]["forget"]] == [5, 5, 5]
    assert [len(content["bits"]), len(content["guesses"])] == [5, 6]


@pytest.mark.parametrize("name", ["gates.png", "gates.svg"])
def test_a_picture_takes_the_place_of_the_text(inspect: Inspect, name: str) -> None:
    given = ("--on-unknown=replace", "--show=cell", "--units=1", "-o", name)
    code, out, err = inspect("fox", "the \u4e2d$$", *given)
    assert (code, out, err) == (0, "", f"saved the picture {name}\n")
    assert Path(name).stat().st_size > 10_000
    assert inspect("fox", "the", "-q", "--json", *given)[1].startswith("{")


def test_units_that_follow_something_are_found(
    inspect: Inspect, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = inspect("fox", "--find")
    assert (code, err) == (0, "read 0 of 272 characters\n")
    assert re.search(r"^in quotes +- +- +-", out, re.MULTILINE)
    shown = out.splitlines()[-1]
    assert re.fullmatch("  textgen inspect fox '.{5,64}' --layer 1 --units [0-9]+", shown)
    assert inspect(*shlex.split(shown)[2:])[0] == 0
    Path("other.txt").write_text(TEXT * 2)
    code, out, err = inspect("fox", "--find", "--text", "other.txt", "--json", "-q", "--limit=601")
    content = json.loads(out)
    assert (code, err, content["run"], content["type"]) == (0, "", "fox", "features")
    assert (content["chosen_on"], content["tested_on"]) == (300, 301)
    rows = {row["feature"]: row for row in content["features"]}
    assert abs(rows["line position"]["r"]) > 0.5
    stdin = SimpleNamespace(buffer=io.BytesIO(TEXT.encode()), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stdin)
    again = inspect("fox", "--find", "--text", "-", "--json", "-q", "--limit=601")[1]
    assert json.loads(again) == content


@pytest.mark.slow
def test_units_are_drawn_over_examples(inspect: Inspect) -> None:
    code, out, err = inspect("fox", "--find", "-o", "units.png", "-q")
    assert (code, out, err) == (0, "", "")
    assert Path("units.png").stat().st_size > 20_000


@pytest.mark.slow
def test_runs_are_named_by_option_and_compared(inspect: Inspect) -> None:
    first = inspect("fox", "the dog", "--show=cell")
    assert inspect("the dog", "--model=fox", "--show=cell") == first
    shutil.copytree("checkpoints/fox", "checkpoints/other")
    for given in (("--model=fox", "--model=other", "the dog"), ("fox", "the dog", "--model=other")):
        code, out, err = inspect(*given, "--show=cell")
        assert (code, err) == (0, "")
        assert out.count("A: CELL STATE") == out.count("B: CELL STATE") == 1
    lines = inspect("the", "--model=fox", "--model=other", "--json")[1].splitlines()
    assert [json.loads(line)["run"] for line in lines] == ["fox", "other"]
    code, out, err = inspect("the dog", "--model=fox", "--model=other", "-o", "two.png", "-q")
    assert (code, out, err) == (0, "", "")
    one = inspect("fox", "the dog", "-o", "one.png", "-q")
    assert one[0] == 0
    assert Path("two.png").stat().st_size > 1.5 * Path("one.png").stat().st_size


def test_unknown_characters_are_read_as_the_nearest_and_that_is_told_once(
    inspect: Inspect,
) -> None:
    shutil.copytree("checkpoints/fox", "checkpoints/other")
    code, out, err = inspect("th\u00e9", "--model=fox", "--model=other", "--show=cell")
    assert code == 0
    assert "the\n" in out
    assert err == "the model does not know all characters: it reads '\u00e9' as 'e'\n"
    assert inspect("fox", "th\u00e9", "--show=cell", "-q")[2] == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "give a run and a text, as in: textgen inspect RUN TEXT"),
        (["fox"], 2, "give a run and a text"),
        (["--model", "fox"], 2, "give a run and a text"),
        (["the"] + ["--model=fox"] * 5, 2, "name at most 4 runs, got 5"),
        (["fox", "--find", "--model", "fox"], 2, "this command is for one run, got 2"),
        (["fox", ""], 2, "the text is empty"),
        (["fix", "the"], 4, "no run named 'fix' in 'checkpoints'; known runs: fox"),
        (["fox", "the \u4e2d"], 2, "does not know the character '\u4e2d' (U+4E2D) at position 5"),
        (["fox", "the", "--units", "900"], 2, "unit 900 does not exist; layer 1 has units 0 to 15"),
        (["fox", "the", "--units", "3-x"], 2, "units must be unit numbers and ranges"),
        (["fox", "the", "--layer", "2"], 2, "layer must be 1, got 2"),
        (["fox", "the", "--show", "cell,froget"], 2, "show must be some of forget,input"),
        (["fox", "the", "--show", "cell,froget"], 2, "got 'froget'"),
        (["fox", "the", "--show", "reset"], 2, "an LSTM has no reset gate; it has forget, input"),
        (["fix", "the", "-o", "a.jpg"], 2, "output must be a file in .png or .svg, got 'a.jpg'"),
        (["fox", "t" * 301, "-o", "a.png"], 2, "a picture shows at most 300 characters, got 301"),
        (["fox", "t", "--show=cell", "-o", "none/a.png"], 5, "cannot write 'none'"),
        (["fox", "the", "--text", "a.txt"], 2, "text needs --find"),
        (["fox", "the", "--find"], 2, "TEXT cannot be given with --find"),
        (["fox", "--find", "--units", "1"], 2, "units cannot be given with --find"),
        (["fox", "--find", "-o", "a.jpg"], 2, "output must be a file in .png or .svg"),
        (["fox", "--find", "--limit", "10"], 2, "limit must be a whole number in [200, 1000000]"),
        (["fox", "--find", "--text", "none.txt"], 3, "'none.txt': there is no such file"),
        (["fox", "--find", "--text", "short.txt"], 3, "'short.txt': the text has 5 characters"),
        (["fox", "--find", "--text", "greek.txt"], 2, "does not know the character '\u03b1'"),
    ],
)
def test_bad_input_gets_one_line(
    inspect: Inspect, arguments: list[str], code: int, message: str
) -> None:
    Path("short.txt").write_text("the d")
    Path("greek.txt").write_text("\u03b1" * 300)
    found, out, err = inspect(*arguments)
    assert (found, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1


def test_without_matplotlib_nothing_is_read(
    inspect: Inspect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, out, err = inspect("no such run", "the", "-o", "a.png")
    assert (code, out) == (2, "")
    assert "install it: pip install" in err


@pytest.mark.slow
def test_a_terminal_of_20_columns_gets_colours_that_fit(tiny_run: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "textgen", "inspect", "fox", r"the quick brown fox\njumps", "--show", "forget"],
        dimensions=(24, 20),
        env={"TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": ""},
        encoding="utf-8",
        timeout=120,
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "48;5;" in child.before
    bare = re.sub(r"\x1b\[[0-9;]*m", "", child.before)
    assert "\x1b" not in bare
    texts = [line[5:] for line in bare.split("\r\n") if re.match(" {5}[a-z]", line)]
    assert "".join(texts[:2]) == "the quick brown fox\u21b5jumps"


@pytest.mark.slow
def test_a_search_says_how_far_it_is_and_leaves_nothing_of_that_behind(tiny_run: Path) -> None:
    Path("long.txt").write_text(TEXT * 80)
    code = (
        "import sys\n"
        "from textgen.terminal.display import progress_line\n"
        "progress_line.LIVE_SECONDS = 0.05\n"
        "from textgen.__main__ import main\n"
        "sys.argv[1:] = ['inspect', 'fox', '--find', '--text', 'long.txt']\n"
        "main()\n"
    )
    child = pexpect.spawn(
        sys.executable, ["-c", code], dimensions=(40, 100), encoding="utf-8", timeout=60
    )
    child.expect("read [0-9,]+ of 100,000 characters, 0 s")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    shown = child.before[child.before.rindex("\r\x1b[K") :]
    assert "of 100,000 characters" not in shown
    assert "line position" in shown
