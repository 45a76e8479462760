import io
import json
import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from tests.conftest import TEXT
from textgen.terminal.cli import run_command
from textgen.terminal.display.score_tables import percent
from textgen.workflows.load import load_model

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(tiny_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a command; return its code and what it wrote to stdout and stderr."""
    monkeypatch.setattr("textgen.terminal.display.progress_line.PROGRESS_SECONDS", math.inf)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command([*arguments])
        out, err = capsys.readouterr()
        return code, out, err

    Path("text.txt").write_text("the dog\nxyz qqq\nthe lazy dog\n")
    return run


def bits(text: str) -> float:
    return float(load_model("fox").generator(seed=0).score(text).sum())


def test_the_table_has_the_sum_of_the_characters_surprise(say: Say) -> None:
    code, out, err = say("score", "text.txt")
    head, row = out.splitlines()
    total = bits(Path("text.txt").read_text())
    assert (code, err) == (0, "")
    assert head.split() == ["run", "bits/char", "perplexity", "characters", "bits"]
    assert row.split() == [
        "fox", f"{total / 29:.4f}", f"{2 ** (total / 29):.3f}", "29", f"{total:.1f}"
    ]  # fmt: skip


def test_a_text_comes_from_standard_input_too(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    _, expected, _ = say("score", "text.txt")
    for arguments in ([], ["-"]):
        data = b"\xef\xbb\xbf" + Path("text.txt").read_bytes().replace(b"\n", b"\r\n")
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert say("score", *arguments) == (0, expected, "")


def test_lines_can_be_ranked_by_how_surprising_they_are(say: Say) -> None:
    _, out, _ = say("score", "text.txt", "--lines")
    assert [row.split()[0] for row in out.splitlines()] == ["line", "1", "2", "3", "run", "fox"]
    _, out, _ = say("score", "text.txt", "--sort", "--top=2")
    rows = [row.split() for row in out.splitlines()[1:3]]
    assert rows[0][0] == "2"
    assert float(rows[0][1]) > float(rows[1][1])


def test_json_has_a_line_for_each_line_and_then_the_whole(say: Say) -> None:
    code, out, _ = say("score", "text.txt", "--separate", "--json")
    *lines, whole = map(json.loads, out.splitlines())
    assert code == 0
    assert [line["text"] for line in lines] == ["the dog", "xyz qqq", "the lazy dog"]
    assert lines[0]["bits_per_character"] == [pytest.approx(bits("the dog\n") / 8, rel=1e-5)]
    total = sum(line["bits_per_character"][0] * line["characters"] for line in lines)
    assert whole["runs"][0]["bits"] == pytest.approx(total)
    assert whole["runs"][0]["sha256"] == load_model("fox").sha256


def test_a_text_is_shown_with_marks_that_need_no_colours(say: Say) -> None:
    Path("escape.txt").write_text("the \x1b]0;x\x07dog\n")
    _, out, err = say("score", "escape.txt", "--show")
    text, marks, legend, _, _ = out.splitlines()
    assert text == "the \u241b]0;x\u2407dog\u21b5"
    assert re.fullmatch(r"[.0-9]{4}[+.0-9]{6}[.0-9]{4}", marks)
    assert marks[4] == "+"
    assert legend.startswith("below each character: its surprise in bits")
    assert re.search(r"does not know 5 characters, such as '\\x1b' '\]'.*bits on average", err)
    assert "\x1b" not in err


def test_a_long_text_is_shown_whole_and_line_by_line(say: Say) -> None:
    Path("long.txt").write_text(TEXT * 2)
    _, out, _ = say("score", "long.txt", "--show")
    shown = out.splitlines()[: 2 * TEXT.count("\n") * 2 : 2]
    assert set(shown) == {TEXT.splitlines()[0] + "\u21b5"}


def test_ranked_are_lines_on_which_something_is_to_be_seen(say: Say) -> None:
    Path("gaps.txt").write_text("the dog\n\n\n \nthe lazy dog\n")
    _, out, _ = say("score", "gaps.txt", "--sort")
    assert {row.split()[0] for row in out.splitlines()[1:3]} == {"1", "5"}
    assert len(out.splitlines()) == 5


@pytest.mark.slow
def test_one_end_of_file_ends_a_typed_text(say: Say) -> None:
    child = pexpect.spawn(sys.executable, ["-m", "textgen", "score"], encoding="utf-8", timeout=120)
    child.expect("end the text with Ctrl-D")
    child.send("the dog\n\x04")
    child.expect("fox .* 8 ")
    child.expect(pexpect.EOF)


def test_several_runs_are_compared_line_by_line(say: Say, tiny_run: Path) -> None:
    tiny_run.rename(tiny_run.with_name("one"))
    import shutil

    shutil.copytree("checkpoints/one", "checkpoints/two")
    code, out, _ = say("score", "text.txt", "--model=one", "--model=two", "--lines")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "1: bits per character of one"
    assert lines[3].split()[0] == "1"
    assert lines[-1] == "the text fits the best two runs equally well"
    shutil.move("checkpoints/two", "elsewhere/one")
    _, out, _ = say("score", "text.txt", "--model=one", "--model=elsewhere/one")
    assert [row.split()[0] for row in out.splitlines()[1:3]] == ["checkpoints/one", "elsewhere/one"]


def test_a_text_is_given_to_the_likelier_of_two_runs(say: Say, tiny_run: Path) -> None:
    import shutil

    shutil.copytree(tiny_run, tiny_run.with_name("early"))
    shutil.rmtree(tiny_run.with_name("early") / "checkpoints" / "step-00000020")
    code, out, _ = say("classify", "old=early", "new=fox", "text.txt", "--json")
    found = json.loads(out)
    shares = {run["label"]: run["posterior"] for run in found["runs"]}
    assert code == 0
    assert sum(shares.values()) == pytest.approx(1)
    assert found["label"] == max(shares, key=lambda label: shares[label])
    _, out, _ = say("classify", "old=early", "new=fox", "text.txt", "--lines")
    rows = [row.split("\t") for row in out.splitlines()]
    assert [row[2] for row in rows] == ["the dog", "xyz qqq", "the lazy dog"]
    assert {row[0] for row in rows} <= {"old", "new"}
    _, out, err = say("classify", "old=early", "new=fox", "text.txt", "--lines", "--json")
    *lines, whole = map(json.loads, out.splitlines())
    bits = {label: sum(line["bits"][label] for line in lines) for label in ("old", "new")}
    assert {run["label"]: run["bits"] for run in whole["runs"]} == pytest.approx(bits)
    Path("a=b").write_text("the \u2603\n")
    code, out, err = say("classify", "old=early", "new=fox", "a=b", "--lines")
    assert code == 0
    assert "the run fox does not know 1 character, such as '\u2603'" in err
    _, out, _ = say("classify", "old=early", "new=fox", "text.txt")
    assert out.splitlines()[0].split() == ["label", "posterior", "bits/char", "run"]


def test_a_probability_is_never_rounded_to_certainty() -> None:
    assert percent(1 - 1e-9) == ">99.9 %"
    assert percent(0.998) == "99.8 %"
    assert percent(1e-9) == "<0.1 %"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["score", "nowhere.txt"], 3, "there is no such file"),
        (["score", "empty"], 3, "text 'empty': the folder holds no files"),
        (["score", "fax", "text.txt"], 4, "no run named 'fax' in 'checkpoints'; known"),
        (["score", "both"], 2, "'both' is a run and a text; name the run with --model"),
        (["score", "fox", "nowhere"], 3, "text 'nowhere': there is no such file or folder, nor a"),
        (["score", "/dev/null"], 3, "neither a file nor a folder"),
        (["score", "text.txt", "--fail-above", "-1"], 2, "fail-above must be a number of at least"),
        (["score", "--fail-above=1", "--model=a", "--model=b"], 2, "is for one run"),
        (["score", "empty.txt"], 3, "the text is empty"),
        (["score", "empty.txt", "--show"], 3, "text 'empty.txt': the text is empty"),
        (["score", "empty.txt", "--lines"], 3, "text 'empty.txt': the text is empty"),
        (["score", "latin.txt"], 3, "not UTF-8 at line 2, byte 4"),
        (["score", "text.txt", "--model", "none"], 4, "known runs: .*fox"),
        (["score", "text.txt", "--sort", "--top", "0"], 2, "top must be"),
        (["score", "text.txt", "--show", "--model=a", "--model=b"], 2, "--output FILE.png draws"),
        (["score", "fox", "fox"], 2, "'fox' is a run, not a text; .*--model fox --model fox"),
        (["score", "text.txt", "--show", "--lines"], 2, "--show is for a whole text"),
        (["score", "text.txt", "--top", "3"], 2, "--top needs --sort"),
        (["score", "text.txt", "--dynamic", "--separate"], 2, "--separate"),
        (["score", "strange.txt", "--on-unknown", "error"], 2, "U\\+2603\\) at position 5"),
        (["classify", "a=fox", "text.txt"], 2, "at least two runs"),
        (["classify", "a=fox", "a=fox", "text.txt"], 2, "a label of its own"),
        (["classify", "text.txt", "--model", "fox"], 2, "at least two runs"),
        (["classify"], 2, "textgen classify A=RUN B=RUN TEXT"),
        (["classify", "a=fox", "b=none", "text.txt"], 4, "known runs: .*fox"),
        (["classify", "a=fox", "b=fox", "empty.txt"], 3, "the text is empty"),
        (["classify", "a=fox", "b=fox", "empty.txt", "--lines"], 3, "the text is empty"),
    ],
)
def test_bad_input_is_told_in_one_line(
    say: Say, arguments: list[str], code: int, message: str
) -> None:
    Path("empty.txt").write_bytes(b"\xef\xbb\xbf")
    Path("empty").mkdir()
    Path("both").mkdir()
    Path("checkpoints/both").mkdir()
    Path("checkpoints/both/run.json").write_text("{}")
    os.utime("checkpoints/both", (0, 0))  # the newest run is another one
    Path("latin.txt").write_bytes(b"a\nb\xe9")
    Path("strange.txt").write_text("the \u2603")
    found, out, err = say(*arguments)
    assert (found, out) == (code, "")
    assert re.search(message, err)
    assert err.count("\n") == 1


def test_a_text_is_drawn_along_its_way(say: Say) -> None:
    code, out, err = say("score", "text.txt", "-o", "way.svg")
    assert (code, err) == (0, "saved the picture way.svg\n")
    assert out.splitlines()[1].startswith("fox")
    assert Path("way.svg").read_text().startswith("<?xml")
    assert say("score", "text.txt", "-o", "way.svg", "--lines")[0] == 2
    assert say("score", "text.txt", "-o", "way.jpg")[0] == 2


def test_several_texts_and_folders_are_read_as_train_reads_them(say: Say) -> None:
    Path("folder").mkdir()
    Path("folder/a.txt").write_text("the dog\n")
    Path("folder/b.png").write_bytes(b"\0")
    Path("folder/c.txt").write_text("the fox")
    Path("joined.txt").write_text("the dog\n\nthe fox\nthe lazy dog")
    Path("last.txt").write_text("the lazy dog")
    expected = say("score", "fox", "joined.txt", "--json")[1]
    code, out, err = say("score", "folder", "last.txt", "--json")
    assert (code, out) == (0, expected)
    assert err == "read 3 files, 27 characters; passed over: 1 (binary)\n"
    assert say("score", "--model=fox", "folder", "last.txt", "--json")[1] == expected
    judged = say("classify", "a=fox", "b=fox", "folder", "last.txt", "--json")[1]
    assert json.loads(judged)["runs"][0]["bits"] == json.loads(expected)["runs"][0]["bits"]
    named = say("classify", "--model=fox", "--model=b=fox", "folder", "last.txt", "--json")[1]
    assert [run["label"] for run in json.loads(named)["runs"]] == ["fox", "b"]


def test_lines_of_several_files_name_their_file(say: Say) -> None:
    Path("folder").mkdir()
    Path("folder/a.txt").write_text("the dog\nthe fox\n")
    Path("folder/b.txt").write_text("the quick fox")
    for extra in ([], ["--separate"], ["--sort"]):
        code, out, _ = say("score", "folder", "--lines", "--json", *extra)
        lines = [json.loads(line) for line in out.splitlines()[:-1]]
        found = {(line["file"], line["line"]): line["text"] for line in lines if line["text"]}
        assert (code, found) == (
            0,
            {
                ("folder/a.txt", 1): "the dog",
                ("folder/a.txt", 2): "the fox",
                ("folder/b.txt", 1): "the quick fox",
            },
        )
    assert "  folder/b.txt: the quick fox\n" in say("score", "folder", "--lines")[1]
    assert "  the quick fox\n" in say("score", "folder/b.txt", "--lines")[1]


def test_records_that_are_left_out_are_counted(say: Say) -> None:
    Path("a.jsonl").write_text('{"text": "the dog"}\nbroken\n')
    code, _, err = say("score", "fox", "a.jsonl", "--skip-broken")
    assert (code, err) == (
        0,
        "read 7 characters; left out: 1 broken record (a.jsonl: broken JSON in line 2, column 1)\n",
    )
    assert say("score", "fox", "a.jsonl", "--skip-broken", "--quiet")[2] == ""


def test_a_script_can_fail_on_a_text_that_fits_badly(say: Say) -> None:
    whole = bits(Path("text.txt").read_text()) / 29
    assert say("score", "text.txt", f"--fail-above={whole + 0.01}")[0] == 0
    code, out, err = say("score", "text.txt", "--fail-above", "2.5", "--json")
    score, error = map(json.loads, out.splitlines())
    assert (code, score["type"], error["type"], error["exit_code"]) == (1, "score", "error", 1)
    told = f"the text has {whole:.4f} bits per character; at most 2.5 are allowed (--fail-above)"
    assert (error["message"], err) == (told, f"textgen: {told}\n")


def test_every_line_of_json_says_what_it_is(say: Say) -> None:
    for command, kinds in (
        (["score", "text.txt"], ["score"]),
        (["score", "text.txt", "--lines"], [*["line"] * 3, "score"]),
        (["classify", "a=fox", "b=fox", "text.txt"], ["classification"]),
        (["classify", "a=fox", "b=fox", "text.txt", "--lines"], [*["line"] * 3, "classification"]),
    ):
        lines = [json.loads(line) for line in say(*command, "--json")[1].splitlines()]
        assert [next(iter(line.items())) for line in lines] == [("type", kind) for kind in kinds]
