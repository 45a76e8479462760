"""The commands as a user runs them: what they print, and the exit code of each mistake."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path

import pytest
import typer

from tests.conftest import TINY, textgen
from tests.workflows.trainings import FABLES, OPTIONS
from textgen import __version__
from textgen.terminal.cli import app, run_command

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a command in this process."""
    capsys.readouterr()
    code = run_command(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.slow
def test_every_command_and_option_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(COMMANDS) == {
        "train",
        "sample",
        "export",
        "serve",
        "repl",
        "score",
        "classify",
        "trace",
        "restore",
        "proofread",
        "check",
        "evaluate",
        "plot",
        "inspect",
        "gradient",
        "corpora",
        "info",
        "runs",
        "verify",
        "bench",
        "man",
    }
    for name, command in COMMANDS.items():
        assert command.help, name
        for parameter in command.params:
            assert parameter.help, f"{name} {parameter.name}"
        code, out, _ = run(capsys, name, "--help")
        assert code == 0
        assert f"textgen {name}" in out
    code, out, _ = run(capsys, "--version")
    assert (code, out) == (0, f"textgen {__version__}\n")


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("train missing.txt", 3, "'missing.txt': there is no such file or folder"),
        ("train nmaes", 3, "nor a text that ships with textgen (fables, names, narration, "),
        ("train books/names", 3, "'books/names': there is no such file or folder\n"),
        ("train empty.txt", 3, "'empty.txt': the text is empty"),
        ("train short.txt", 3, "'short.txt': only 5 characters; at least 100"),
        ("train latin.txt", 3, "'latin.txt': not UTF-8 at line 2, byte 9 (0xe9)"),
        ("train folder", 3, "'folder': the folder holds no files"),
        ("train fox.txt --run fox", 2, "--resume fox, or choose another name, such as --run fox-2"),
        ("train --steps 0", 2, "steps must be a whole number of at least 1, got 0"),
        ("train --steps 5 --minutes 1", 2, "--minutes or --steps, not both"),
        ("train --minutes 0", 2, "minutes must be a number in (0, 525600], got 0"),
        ("train --dropout 1", 2, "dropout must be a number in [0, 1), got 1.0"),
        ("train --hidden-size -3", 2, "hidden-size must be a whole number in [1, 65536], got -3"),
        (
            "train --hidden-size x",
            2,
            "hidden-size must be a whole number, got 'x' (see textgen train",
        ),
        ("train --learning-rate 0", 2, "learning-rate must be a number in (0, 10], got 0.0"),
        ("train --keep 0", 2, "keep must be a whole number of at least 1, got 0"),
        ("train --resume fox --dry-run", 2, "the plan of an old one is shown by textgen info RUN"),
        ("train --stop-after 0", 2, "stop-after must be"),
        ("train --devices 99 --steps 1", 2, "devices must be at most "),
        ("train --steps 99999999999", 2, "steps must be a whole number in [0, 1000000000]"),
        ("train --minutes 1e308", 2, "minutes must be a number in (0, 525600], got 1e+308"),
        ("train --devices -1", 2, "devices must be a whole number of at least 1, got -1"),
        ("train --batch-size 5 --devices 2", 2, "batch-size must be a multiple of the 2 devices"),
        ("train --run / --steps 1", 2, "run must be a name or a path, got '/'"),
        ("train --resume fox --seed 0", 2, "textgen: --seed cannot be given with --resume"),
        ("train --resume fox --stop-after 3 --steps 9", 2, "stop-after must be above 20"),
        ("train --run ../.. --steps 1", 2, "run must be a name or a path, got '../..'"),
        ("train --resume fox --seed 3", 2, "textgen: --seed cannot be given with --resume"),
        ("train fox.txt --label-from file --documents whole", 2, "leave it out, or give --docum"),
        ("train fox.txt --resume fox", 2, "textgen: a corpus cannot be given with --resume"),
        (
            "train fox.txt --resume fox --label who --normalize nfkc --no-keep-corpus",
            2,
            "a corpus, --normalize, --label, --no-keep-corpus cannot be given with --resume",
        ),
        ("train --resume nope", 4, "no run named 'nope' in 'checkpoints'; known runs: fox"),
        ("train --qqq", 2, "there is no option --qqq (see textgen train --help)"),
        (
            "sample --sed 3",
            2,
            "there is no option --sed; did you mean --seed or --new? (see textgen sample",
        ),
        (
            "trian",
            2,
            "there is no command 'trian'; did you mean train or trace? (see textgen --help)",
        ),
        ("--", 2, "a command is missing (see textgen --help)"),
        ("sample fox jumps over", 2, "too many arguments: jumps over (see textgen sample --help)"),
        ("sample --seed", 2, "--seed needs a value (see textgen sample --help)"),
        ("sample --json=3", 2, "--json takes no value (see textgen sample --help)"),
        ("sample nope", 4, "no run named 'nope' in 'checkpoints'; known runs: fox"),
        ("sample --prompt aZ --on-unknown error", 2, "'Z' (U+005A) at position 2"),
        ("sample --temperature -1", 2, "temperature must be a number in [0, 100], a ramp"),
        ("sample --temperature nan", 2, "a cycle 1,0.5,0.2, got 'nan'"),
        ("sample --top-k -1", 2, "top-k must be a whole number in [0, "),
        ("sample --top-p 0", 2, "top-p must be a number in (0, 1], got 0.0"),
        ("sample --min-p 2", 2, "min-p must be a number in [0, 1], got 2.0"),
        ("sample --length -1", 2, "length must be"),
        ("sample --num-samples 0", 2, "num-samples must be"),
        ("sample --seed -1", 2, "seed must be"),
        ("sample --engine gpu", 2, "engine must be one of auto, numpy, jax, got 'gpu' (see"),
        ("sample --on-unknown x", 2, "on-unknown must be one of error, "),
        ("info nope", 4, "known runs: fox"),
        ("verify nope", 4, "known runs: fox"),
        ("plot nope", 4, "known runs: fox"),
        ("plot --by hours", 2, "by must be one of steps, characters, minutes, got 'hours'"),
        ("plot --output fox.jpg", 2, "output must be a file in .png or .svg, got 'fox.jpg'"),
        ("plot" + " fox" * 11, 2, "name at most 10 runs, got 11"),
        ("evaluate nope", 4, "known runs: fox"),
        ("evaluate fax.txt", 3, "'fax.txt': there is no such file, folder or run"),
        ("evaluate --model fox --model fox", 2, "for one run, got 2: fox, fox"),
        ("evaluate fox missing.txt", 3, "'missing.txt': there is no such file or folder"),
        ("evaluate fox empty.txt", 3, "'empty.txt': the text is empty"),
        ("evaluate fox latin.txt", 3, "'latin.txt': not UTF-8 at line 2, byte 9"),
        ("evaluate fox folder", 3, "'folder': the folder holds no files"),
        ("evaluate fox fox.txt --on-unknown x", 2, "on-unknown must be one of error, "),
    ],
)
def test_bad_input_gets_one_line_and_its_code(
    tiny_run: Path,
    corpus: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    code: int,
    message: str,
) -> None:
    Path("empty.txt").write_text("")
    Path("short.txt").write_text("hello")
    Path("latin.txt").write_bytes(b"a" * 4 + b"\n" + b"bcd\xe9" + b"x" * 200)
    Path("folder").mkdir()
    before = sorted(map(str, Path().rglob("*")))
    found, out, err = run(capsys, *command.split())
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith("textgen: ")
    assert message in err
    assert found == code
    assert sorted(map(str, Path().rglob("*"))) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_value_of_the_wrong_kind_is_refused_in_the_words_of_the_design(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # No file can have a name with this value, no number is written so, and it is no choice.
    wrong = "a\0b"
    for option in COMMANDS[name].params:
        first = max(option.opts, key=len)
        takes_any_text = "str" in str(signature(COMMANDS[name].callback).parameters[option.name])
        if not first.startswith("--") or takes_any_text:
            continue
        code, out, err = run(capsys, name, f"{first}={wrong}")
        assert (code, out) == (2, ""), first
        assert err.startswith("textgen: "), first
        assert not re.search("nvalid|nput|Value|integer", err), err
        if option.is_flag:
            assert err == f"textgen: {first} takes no value (see textgen {name} --help)\n"


def test_a_damaged_checkpoint_ends_with_code_4(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "verify")[:2] == (0, "checkpoints/fox: sound, checkpoints at steps 10, 20\n")
    for folder in (tiny_run / "checkpoints").iterdir():
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-3])
    for command in ("sample", "verify"):
        code, out, err = run(capsys, command)
        assert (code, out) == (4, "")
        assert "model.safetensors' is damaged" in err
    code, out, _ = run(capsys, "verify", "--json")
    assert code == 4
    found, error = map(json.loads, out.splitlines())
    assert (len(found["problems"]), error["message"]) == (2, found["problems"][1])


def test_a_disk_without_space_ends_with_code_5(
    tiny_run: Path,
    corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, _, err = run(capsys, "train", "fox.txt", "--run", "other")
    assert code == 5
    assert "no space left" in err
    assert [path.name for path in Path("checkpoints").iterdir()] == ["fox"]


@pytest.mark.slow
def test_a_text_that_cannot_be_written_ends_with_code_5(tiny_run: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = textgen("sample", "-q", stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert done.returncode == 5
    assert done.stderr == (
        "textgen: cannot write 'standard output': no space left on the disk; free some space and "
        "try again\n"
    )


@pytest.mark.slow
def test_samples_have_the_form_of_the_design(tiny_run: Path) -> None:
    one = textgen("sample", "fox", "--prompt", "the ", "--length", "30", "--seed", "4")
    assert one.returncode == 0
    assert one.stderr == ""
    assert one.stdout.startswith("the ")
    assert len(one.stdout) == 34
    two = textgen(
        "sample", "--prompt", "the ", "--length", "30", "--seed", "4", "--num-samples", "2"
    )
    assert two.stdout.startswith(one.stdout + "\n\nthe ")
    assert len(two.stdout) == 70
    drawn = textgen("sample", "--length", "30")
    seed = re.fullmatch(r"seed (\d+)\n", drawn.stderr)
    assert seed
    again = textgen("sample", "--length", "30", "--seed", seed[1])
    assert (again.stdout, again.stderr) == (drawn.stdout, "")
    assert textgen("sample", "-q", "--length", "30").stderr == ""


@pytest.mark.slow
def test_unknown_characters_of_a_prompt_can_be_skipped(tiny_run: Path) -> None:
    arguments = ("sample", "--length", "30", "--seed", "4")
    plain = textgen(*arguments, "--prompt", "the ")
    skipped = textgen(*arguments, "--prompt", "theZ ", "--on-unknown", "skip")
    assert skipped.stdout.removeprefix("theZ ") == plain.stdout.removeprefix("the ")
    replaced = textgen(*arguments, "--prompt", "theZ ", "--on-unknown", "replace")
    assert replaced.returncode == 0


@pytest.mark.slow
def test_a_short_sample_never_imports_jax(tiny_run: Path) -> None:
    code = """
import sys
from textgen.terminal.cli import run_command
assert run_command(["sample", "fox", "--length", "20"]) == 0
assert "jax" not in sys.modules and "flax" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error(tiny_run: Path) -> None:
    command = (
        f"{sys.executable} -m textgen sample -q --length 50000 | head -c 5; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300)
    assert done.stdout[5:].strip() == "0"
    assert done.stderr == ""


@pytest.mark.slow
def test_closed_streams_and_readers_that_leave_harm_nothing(
    tiny_run: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = f"{sys.executable} -m textgen"
    options = " ".join(TINY)
    for command, code in (
        (f"{program} sample -q >&-", "0"),
        (f"{program} repl -q --length 5 <&-", "0"),
        (
            f"{program} train fox.txt --run a {options} 2>&1 | head -1; ${{PIPESTATUS[0]}}",
            "0",
        ),
        (f"{program} train fox.txt --run b {options} 2>&-", "0"),
    ):
        line = command.replace("${PIPESTATUS[0]}", "exit ${PIPESTATUS[0]}")
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=300)
        assert (str(done.returncode), done.stderr) == (code, ""), command
    for name in ("a", "b"):
        assert run(capsys, "info", name, "--json")[1].count('"finished": true') == 1


@pytest.mark.slow
def test_a_log_that_cannot_be_written_does_not_end_a_training(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = textgen(
            "train", "fox.txt", *TINY, stderr=full, stdout=subprocess.PIPE, capture_output=False
        )
    assert done.returncode == 0
    assert '"finished": true' in run(capsys, "info", "fox", "--json")[1]


@pytest.mark.slow
def test_a_sample_that_is_interrupted_ends_with_code_130(tiny_run: Path) -> None:
    command = [sys.executable, "-m", "textgen", "sample", "-q", "--length", "1000000000"]
    for engine in ("numpy", "jax"):
        with subprocess.Popen(
            [*command, "--engine", engine], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.read(300)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=300)
        assert (process.returncode, err) == (130, b"")


@pytest.mark.slow
def test_what_is_known_of_a_run_is_shown(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "info", "fox", "--json")
    summary = json.loads(out)
    assert code == 0
    assert (summary["step"], summary["steps"], summary["finished"]) == (20, 20, True)
    assert summary["model"]["hidden_size"] == 16
    assert summary["corpus"]["distinct_characters"] == 30
    assert 1 < summary["best_bits_per_character"] < 6
    code, out, _ = run(capsys, "info")
    assert "LSTM 1x16" in out
    assert "step 20 of 20, finished" in out
    code, out, _ = run(capsys, "runs")
    assert [line.split()[0] for line in out.splitlines()] == ["run", "fox"]
    assert json.loads(run(capsys, "info", "--json")[1])["lines"]["characters"] == 272
    (tiny_run / "corpus.tokens").write_bytes(b"")
    code, out, err = run(capsys, "info")
    assert code == 4
    assert "step 20 of 20, finished" in out
    assert "corpus.tokens" in err
    code, out, _ = run(capsys, "info", "--json")
    assert code == 4
    summary, error = map(json.loads, out.splitlines())
    assert summary["step"] == 20
    assert "corpus.tokens" in summary["problem"] == error["message"]
    code, out, err = run(capsys, "plot")
    assert code == 0
    assert "fox: best" in out
    assert "no baselines: 'checkpoints/fox/corpus.tokens' is damaged" in err
    (tiny_run / "run.json").write_text("{}")
    code, out, _ = run(capsys, "runs")
    assert code == 0
    assert "damaged" in out
    assert json.loads(run(capsys, "runs", "--json")[1])["problem"]
    code, out, err = run(capsys, "info")
    assert (code, out, err.count("\n")) == (4, "", 1)
    code, out, _ = run(capsys, "info", "--json")
    assert code == 4
    assert "damaged" in json.loads(out.splitlines()[0])["problem"]


def test_no_runs_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "runs") == (0, "", "no runs in 'checkpoints'; make one: textgen train\n")
    code, _, err = run(capsys, "sample")
    assert code == 4
    assert "make one: textgen train" in err


@contextmanager
def training(corpus: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Begin a training that would take hours; it has begun when its first evaluation is shown."""
    options = [*TINY, "--steps", "10000000", "--eval-every", "20"]
    command = [sys.executable, "-m", "textgen", "train", str(corpus), *options, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("step 20/"):
                break
        yield process
        if process.poll() is None:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143 - 14)]
)
def test_a_signal_saves_the_run_and_says_how_to_go_on(
    corpus: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals, code: int
) -> None:
    with training(corpus) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=300)
    assert process.returncode == code
    *_, stopped, advice = err.splitlines()
    step = re.match(r"stopped and saved at step (\d+)", stopped)
    assert step
    assert advice == "continue it with: textgen train --resume fox"
    assert Path(f"checkpoints/fox/checkpoints/step-{int(step[1]):08d}").is_dir()
    assert run(capsys, "verify", "fox")[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "options"),
    [
        (signal.SIGINT, 130, ["--minutes", "0.1"]),
        (signal.SIGTERM, 143, [*TINY, "--steps", "10000000"]),
    ],
)
def test_a_signal_before_the_first_step_leaves_nothing_behind(
    corpus: Path, number: signal.Signals, code: int, options: list[str]
) -> None:
    command = [sys.executable, "-m", "textgen", "train", str(corpus), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            # What is read is told before the machine is measured.
            assert process.stderr.readline().startswith("read ")
            process.send_signal(number)
            _, err = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == code
    assert err == "stopped before the first step: nothing was changed\n"
    assert list(Path("checkpoints").iterdir()) == []


@pytest.mark.slow
def test_names_from_the_command_line_cannot_drive_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("fables.txt").write_text(FABLES, encoding="utf-8")
    code, _, err = run(capsys, "train", "fables.txt", "--run", "a\x1b[31mb", *OPTIONS, "--steps=2")
    assert code == 0
    assert "\x1b" not in err
    assert "a\u241b[31mb" in err


@pytest.mark.slow
def test_from_a_text_to_a_model_to_text_end_to_end(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = textgen("train", "fox.txt", *TINY, "--stop-after", "7")
    assert begun.returncode == 0, begun.stderr
    assert "2,720 characters" in begun.stderr
    assert "stopped and saved at step 7" in begun.stderr
    assert begun.stdout == ""
    resumed = textgen("train", "--resume", "fox")
    assert resumed.returncode == 0, resumed.stderr
    assert "resumed  after step 7 of 20" in resumed.stderr
    assert re.search(r"at step 20; lowest validation loss \d\.\d{3} bits/char", resumed.stderr)
    assert "is finished" in run(capsys, "train", "--resume", "fox")[2]
    again = textgen("train", "fox.txt", *TINY, "-q")
    assert (again.returncode, again.stderr) == (0, "")
    _, listed, _ = run(capsys, "runs")
    assert {line.split()[0] for line in listed.splitlines()} == {"run", "fox", "fox-2"}
    sampled = textgen("sample", "fox", "--prompt", "the quick", "--length", "50", "--seed", "1")
    assert len(sampled.stdout) == 59
    conversation = textgen("repl", "fox", "--seed", "1", "--length", "50", input="the quick\n")
    assert conversation.stdout.startswith(sampled.stdout[:20])
    assert conversation.stdout == sampled.stdout + "\n"


def test_with_json_an_error_is_a_line_of_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    for command, code, message in (
        ("score missing.txt --json", 3, "missing.txt"),
        ("info --json", 4, "make one: textgen train"),
        ("sample --json --top-k x", 2, "top-k"),
        ("trian --json", 2, "trian"),
    ):
        found, out, err = run(capsys, *command.split())
        told = json.loads(out)
        assert list(told) == ["type", "message", "exit_code"]
        assert (found, told["type"], told["exit_code"]) == (code, "error", code)
        assert message in told["message"]
        assert err == f"textgen: {told['message']}\n"
    assert run(capsys, "train", "--", "--json")[1] == ""


def test_every_command_that_uses_a_run_takes_it_by_model() -> None:
    without = {"corpora", "bench", "check", "man"}
    for name, command in COMMANDS.items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert ("--model" in options) == (name not in without), name


def test_what_cannot_be_read_is_told_in_a_sentence(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("checkpoints/step-00000020/model.safetensors", "run.json", "corpus.tokens"):
        (tiny_run / name).rename("kept")
        (tiny_run / name).mkdir()
        code, out, err = run(capsys, "verify", str(tiny_run))
        (tiny_run / name).rmdir()
        Path("kept").rename(tiny_run / name)
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert "Errno" not in err
        assert re.search(
            "is a folder, not a file|not a regular file|the file is missing|no run named", err
        ), err
    code, _, err = run(capsys, "sample", "fox", "--prompt-file", ".")
    assert (code, err) == (3, "textgen: prompt '.': it is a folder, not a file\n")
    code, _, err = run(capsys, "train", "checkpoints/" + "x" * 300)
    assert (code, "the name is too long; choose a shorter one" in err) == (3, True)
