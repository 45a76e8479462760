import dataclasses
import io
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TEXT, textgen
from tests.terminal.terminals import command_on_terminal
from textgen.settings import SamplingSettings
from textgen.terminal.cli import run_command
from textgen.workflows.load import load_model

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sample(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run `textgen sample`; return its code and what it wrote to stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command(["sample", "fox", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_escapes_of_a_prompt_are_characters(sample: Say) -> None:
    code, out, err = sample(
        "--prompt", r"dog\n the \u0074\\n", "--on-unknown", "skip", "--length=5"
    )
    assert (code, out[:12]) == (0, "dog\n the t\\n")
    assert re.fullmatch(r"seed [0-9]+\n", err)


@pytest.mark.slow
def test_a_text_is_learnt_before_the_prompt_and_told(sample: Say) -> None:
    Path("chapter.txt").write_text("a red hen and a goat\n" * 20, encoding="utf-8")
    given = ("--learn-from", "chapter.txt", "--seed=1", "--length=20")
    code, out, err = sample(*given, "--prompt", "a")
    assert (code, out[0]) == (0, "a")
    assert re.search(
        r"learnt 420 characters: \d\.\d\d bits per character before they were learnt, "
        r"\d\.\d\d without learning\n",
        err,
    )
    code, out, err = sample(*given, "--json")
    learnt = json.loads(out)["learnt"]
    assert learnt["characters"] == 420
    assert learnt["bits_per_character"] < learnt["trained_bits_per_character"]


def test_a_text_to_learn_from_that_teaches_nothing_is_refused(
    sample: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("short.txt").write_text("a hen", encoding="utf-8")
    Path("empty.txt").write_text("\n", encoding="utf-8")
    for given, code, message in [
        (["short.txt"], 2, "the text to learn from has 5 characters; at least 20 are needed"),
        (["missing.txt"], 3, "text to learn from 'missing.txt': there is no such file"),
        (["empty.txt"], 2, "the text to learn from, 'empty.txt', is empty"),
        (["-", "--prompt-file", "-"], 2, "prompt-file and learn-from cannot both read"),
    ]:
        found, _, err = sample("--learn-from", *given)
        assert (found, message in err) == (code, True), err


def test_a_newline_at_the_end_of_a_prompt_file_is_dropped_unless_it_is_kept(sample: Say) -> None:
    Path("prompt.txt").write_text("the dog\n")
    given = ("--length=30", "--seed=1")
    dropped = sample("--prompt-file", "prompt.txt", *given)[1]
    kept = sample("--prompt-file", "prompt.txt", "--keep-newline", *given)[1]
    assert dropped == sample("--prompt", "the dog", *given)[1]
    assert kept == sample("--prompt", r"the dog\n", *given)[1] != dropped


def test_an_escape_that_may_be_a_word_is_told_once(sample: Say) -> None:
    given = ("--length=5", "--seed=1", "--on-unknown=skip")
    assert sample("--prompt", r"$\nabla \theta$", "--stop", r"\nu", *given)[2] == (
        r"stop: '\nu' is read as a new line and 'u'; for a backslash write '\\nu'"
        "\n"
        r"prompt: '\nabla' is read as a new line and 'abla'; for a backslash write '\\nabla', "
        "or use --prompt-file\n"
    )
    assert sample("--prompt", r"$\\nabla$\n", *given)[2] == ""
    assert sample("--prompt", r"$\nabla$", "-q", *given)[2] == ""


def test_what_a_run_does_not_know_of_a_prompt_and_of_settings_is_told(sample: Say) -> None:
    given = ("--length=5", "--seed=1")
    code, out, err = sample("--prompt", "th\u00e9 \u201cdog\u2026", "--only", "a-c\u00b5", *given)
    assert (code, out[:9]) == (0, "th\u00e9 \u201cdog\u2026")
    assert err == (
        "only: 'a-c' is the three characters 'a', '-' and 'c'; for the range write abc; "
        "the model does not know '-' and '\u00b5'\n"
        "the model does not know all characters: "
        "it reads '\u00e9' as 'e', '\u201c' as ',,' and '\u2026' as '...'\n"
    )
    code, out, err = sample("--prompt", "a\U0001f642", *given)
    assert (code, out) == (2, "")
    assert "U+1F642" in err
    assert "--on-unknown skip or replace" in err
    Path("words.txt").write_text("the dog caf\u00b5")
    assert sample("--words=words.txt", "--stop=\u00b5", "--forbid=\u00b5", *given)[2] == (
        "forbid: the model does not know '\u00b5'\n"
        "words: 1 of 3 words, such as 'caf\u00b5', are left out, since the model does not know "
        "'\u00b5'\n"
        "stop: the text never ends at '\u00b5', since the model does not know '\u00b5'\n"
    )


def test_a_prompt_comes_from_a_file_or_from_stdin(
    sample: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("prompt.txt").write_bytes(b"\xef\xbb\xbfthe dog\r\nthe\\n")
    given = ("--seed=3", "--length=30", "--on-unknown=skip", "-q")
    _, out, _ = sample("--prompt-file", "prompt.txt", *given)
    assert out.startswith("the dog\nthe\\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO("\ufeffthe dog\r\nthe\\n"))
    assert sample("--prompt-file", "-", *given) == (0, out, "")


def test_a_text_ends_where_it_is_told_to(sample: Say) -> None:
    _, whole, _ = sample("--seed=5", "--length=400", "-q")
    first = min(whole.index("o"), whole.index("th"))
    assert sample("--seed=5", "--length=400", "-q", "--stop=o", "--stop=th")[1] == whole[:first]
    _, lines, _ = sample("--seed=5", "--length=4000", "--lines=2", "-q")
    assert lines.count("\n") == 1
    _, sentences, _ = sample("--seed=5", "--sentences=2", "-q", "--only=. ")
    assert re.fullmatch(r"( *\.+){2}", sentences)


def test_what_may_be_written_can_be_limited(sample: Say) -> None:
    Path("words.txt").write_text("the dog\nbrown fox cafe\u0301 the")
    report = json.loads(sample("--words=words.txt", "--length=1", "--json")[1])
    assert report["settings"]["words"] == ["the", "dog", "brown", "fox", "cafe\u0301"]
    _, out, _ = sample("--words", "words.txt", "--length=200", "--seed=1", "-q", "--stop=.")
    assert set(re.findall("[a-z]+", out)[:-1]) <= {"the", "dog", "brown", "fox"}
    _, out, _ = sample("--starts", "th,q,o", "--seed=1", "-q", "--forbid", ".x")
    assert out.startswith("th")
    _, out, _ = sample("--starts", "th,q,o", "--seed=1", "-q", "--length=2000")
    assert [line[:1] for line in out.split("\n")] == ["t", "q", "o"]
    assert set(sample("--only=abc ", "--seed=1", "-q")[1]) <= set("abc ")


def test_a_report_says_how_the_text_came_about(sample: Say) -> None:
    given = ("--seed=7", "--num-samples=2", "--length=60", "--prompt=the ", "--engine=numpy")
    _, text, _ = sample(*given, "-q")
    code, out, err = sample(*given, "--json")
    first, second = (json.loads(line) for line in out.splitlines())
    assert [next(iter(one.items())) for one in (first, second)] == [("type", "sample")] * 2
    assert (code, err) == (0, "")
    assert text == "\n\n".join("the " + report["text"] for report in (first, second))
    assert (first["sample"], second["sample"], second["seed"]) == (0, 1, 7)
    assert first["finish_reason"] == "length"
    assert first["settings"]["temperature"] == 0.8
    assert first["settings"]["length"] == 60
    assert first["engine"] == "numpy"
    model = load_model("fox")
    assert (first["run"], first["step"], first["sha256"]) == ("fox", model.step, model.sha256)
    # Of the training text, the first nine tenths of TEXT.
    copied = max(
        end - begin
        for begin in range(60)
        for end in range(begin, 61)
        if first["text"][begin:end] in TEXT[: len(TEXT) * 9 // 10]
    )
    assert first["longest_copy"] == copied
    assert 0 <= first["new_20_grams"] <= 1
    generator = model.generator(seed=7)
    generator.feed("the ")
    bits = generator.score(first["text"])
    assert first["bits_per_character"] == pytest.approx(bits.mean(), rel=1e-4)


def test_copies_are_limited_and_need_the_training_text(sample: Say, tiny_run: Path) -> None:
    report = json.loads(sample("--max-copy=4", "--top-k=2", "--json", "--seed=1")[1])
    assert report["longest_copy"] <= 4
    record = json.loads((tiny_run / "run.json").read_text())
    from textgen.runs.files import encode_json

    record["corpus"]["kept"] = False
    (tiny_run / "run.json").write_bytes(encode_json(record))
    code, out, err = sample("--max-copy=4")
    assert (code, out) == (2, "")
    assert "max-copy 4 needs the training text" in err
    report = json.loads(sample("--json", "--length=20")[1])
    assert (report["longest_copy"], report["new_20_grams"]) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--temperature", "0,8"], 2, "temperature must be written 0.8 as a number, or 0,8,0,8"),
        (["--top-p", "0,9"], 2, "top-p must be a number, got '0,9'; write 0.9"),
        (["--length", "10,000"], 2, "length must be a whole number, got '10,000'; write 10000"),
        (["--temperature", "warm"], 2, "temperature must be a number in [0, 100], a ramp"),
        (["--temperature", "0.1..2..3"], 2, "temperature must be"),
        (["--prompt", "a", "--prompt-file", "b"], 2, "cannot both be given"),
        (["--words", "-", "--prompt-file", "-"], 2, "cannot both read standard input"),
        (["--prompt-file", "none.txt"], 3, "'none.txt': there is no such file"),
        (["--words", "."], 3, "list of words '.': it is a folder"),
        (["--prompt-file", "none.txt"], 3, "prompt 'none.txt': there is no such file"),
        (["--words", "empty.txt"], 3, "'empty.txt': it holds no words"),
        (["--words", "greek.txt"], 2, "words must be a list with a word that the model can write"),
        (["--only", "\u03b1"], 2, "only must be a choice that leaves the model a character"),
        (["--starts", "t,\u03b1"], 2, "starts must be a text without '\u03b1', which"),
        (
            ["--starts", "t,", "--lines", "2"],
            2,
            "starts must be one or more texts that are not empty, got ''",
        ),
        (["--stop", ""], 2, "stop must be one or more texts that are not empty"),
        (["--typical-p", "0"], 2, "typical-p must be a number in (0, 1], got 0.0"),
        (["--repetition-penalty", "-1"], 2, "repetition-penalty must be"),
        (
            ["--repetition-window", "5000"],
            2,
            "repetition-window must be a whole number in [1, 4096]",
        ),
        (["--starts", "t,o", "--forbid", r"\n"], 2, "starts must be given with newlines permitted"),
        (["--length", "9" * 400], 2, "length must be a whole number in [0, 1000000000]"),
        (["--num-samples", "9" * 400], 2, "num-samples must be"),
        (["--words", "none.txt", "--top-p", "5"], 2, "top-p must be"),
        (["--max-copy", "-3"], 2, "max-copy must be a whole number in [0, 4096], got -3"),
    ],
)
def test_bad_input_gets_one_line(
    sample: Say, arguments: list[str], code: int, message: str
) -> None:
    Path("empty.txt").write_text(" \n")
    Path("greek.txt").write_text("\u03b1\u03b2\u03b3 \u03b4")
    found, out, err = sample(*arguments)
    assert (found, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1


def test_every_setting_of_writing_is_an_option_with_its_default(sample: Say) -> None:
    report = json.loads(sample("--json", "--length=5")[1])
    found, out, _ = sample("--help")
    assert found == 0
    for field in dataclasses.fields(SamplingSettings):
        assert f"  --{field.name.replace('_', '-')} " in out
        default = list(field.default) if field.default == () else field.default
        assert report["settings"][field.name] == default


def test_a_text_that_is_stuck_says_so(sample: Say) -> None:
    code, out, err = sample("--starts", "the,the", "--max-copy", "2", "--seed", "1")
    assert code == 0
    assert out == "t"  # a newline was read before it, and no other character may begin the line
    assert "sample 1 ends here: the settings permit no further character" in err


@pytest.mark.slow
@pytest.mark.parametrize("columns", [20, 60, 100])
def test_samples_on_a_terminal_are_wrapped_and_have_borders(tiny_run: Path, columns: int) -> None:
    given = ["sample", "fox", "--num-samples=2", "--length=120", "--seed=3", "--prompt", "the "]
    piped = textgen(*given).stdout.split("\n\nthe ")
    written = command_on_terminal(given, columns, NO_COLOR="1")
    shown = written.replace("\r\n", "\n").split("\u2500\n")
    assert shown[0].startswith("\u2500\u2500 1 of 2 \u2500")
    assert max(map(len, written.split("\r\n"))) == columns
    for sample, text in zip(shown[1:], piped, strict=True):
        # A word that is wider than the terminal is broken.
        words = sample.split("\u2500\u2500")[0].split()
        assert "".join(words) == "".join(("the " + text.removeprefix("the ")).split())
    unwrapped = command_on_terminal([*given, "--no-wrap"], columns, NO_COLOR="1")
    assert piped[1] in unwrapped.replace("\r\n", "\n")


def test_a_report_names_the_labels_that_were_asked_for(
    labelled_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["--label", "kind=low:3,high:1", "--label", "language=two"]
    assert run_command(["sample", "kinds", *typed, "--json", "--num-samples=3"]) == 0
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    mixture = {"kind": {"low": 0.75, "high": 0.25}, "language": {"two": 1.0}}
    assert [report["labels"] for report in reports] == [mixture] * 3
    assert run_command(["sample", "kinds", "--label", "kind=high", "--temperature=0"]) == 0
    assert {*capsys.readouterr().out} <= {*"wxyz.!\n"}
    assert run_command(["sample", "kinds", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"] == {}
    for wrong in ("kind", "kind=lo", "sort=low"):
        assert run_command(["sample", "kinds", "--label", wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_another_run_writes_too(sample: Say, labelled_run: Path) -> None:
    code, out, _ = sample("--mix", "kinds:0.5", "--seed=1", "--length=60", "--json")
    report = json.loads(out)
    assert (code, report["run"]) == (0, "fox+kinds")
    assert [(one["run"], one["weight"]) for one in report["mixed"]] == [
        ("fox", 0.5),
        ("kinds", 0.5),
    ]
    assert {*report["text"]} & {*"!"}  # which the run alone does not know
    code, joined, _ = sample("--mix", "kinds", "--seed=1", "--length=60", "--json")
    assert json.loads(joined)["text"] == report["text"]


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["--mix", "cow:0.3"], 4, "no run named 'cow' in 'checkpoints'; known runs: fox"),
        (["--mix", "fox:1"], 2, "the weight of a run must be in (0, 1), as in other:0.3, got"),
        (["--mix", "fox:0.6", "--mix", "fox:0.6"], 2, "the weights add up to 1.2, which leaves"),
        (["--mix", "fox:0.5", "--learn-from", "fox.txt"], 2, "a mixture of runs does not learn"),
    ],
)
def test_what_cannot_be_mixed_is_told(
    sample: Say, given: list[str], code: int, message: str
) -> None:
    Path("fox.txt").write_text("the quick brown fox\n" * 9, encoding="utf-8")
    found, out, err = sample(*given)
    assert (found, out) == (code, "")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize("command", ["info", "gradient", "plot", "serve", "trace", "verify"])
def test_commands_for_one_run_refuse_a_mixture(
    command: str, tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([command, "fox+fox"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "textgen: 'fox+fox' mixes several runs, and this is for one; textgen sample, repl, score "
        "and evaluate take a mixture\n"
    )
