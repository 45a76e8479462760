"""Terminals and pipes of every kind: no traceback, the right code, nothing driven."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.conftest import TEXT, TINY, textgen
from textgen.terminal.cli import run_command

ODD = [
    {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"TERM": "dumb"},
    {"NO_COLOR": "1"},
    {"COLUMNS": "20"},
    {"COLUMNS": "1", "LINES": "1"},
    {"COLUMNS": "nonsense", "TERM": "nonsense"},
    {"PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2", "HOME": "/dev/null"},
    {"TMPDIR": "/none", "HOME": "", "XDG_CACHE_HOME": "here", "XDG_STATE_HOME": "here"},
]


# Several commands one after the other, as `textgen` runs each, and their exit codes. Once a command
# has imported JAX, `bench` measures one tiny network in place of large ones.
COMMANDS = """
import functools, json, sys
from textgen.__main__ import main
codes, arguments = [], [[]]
for argument in sys.argv[1:]:
    if argument == "--then":
        arguments.append([])
    else:
        arguments[-1].append(argument)
for sys.argv[1:] in arguments:
    if "jax" in sys.modules:
        from textgen.workflows import bench
        bench.SHAPES = ((1, 8, 4, 8),)
        bench.product_speed = functools.partial(bench.product_speed, repeats=1)
    try:
        main()
    except SystemExit as ending:
        codes.append(ending.code)
json.dump(codes, open("codes.json", "w"))
"""


def run_all(*commands: str, **variables: str) -> tuple[list[int], str]:
    """Run commands one after the other in one process; return their codes and their stderr."""
    arguments = " --then ".join(commands).split()
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, *arguments],
        capture_output=True,
        env=os.environ | variables,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(Path("codes.json").read_text()), done.stderr


# What people who use JAX keep in the profiles of their shells for other work.
OTHER_WORK = {
    "JAX_DEBUG_NANS": "1",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_DISABLE_JIT": "1",
    "JAX_ENABLE_X64": "1",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_RANDOM_SEED_OFFSET": "7",
    "JAX_TRANSFER_GUARD": "disallow",
    "PYTHONWARNINGS": "error",
}
WITH_JAX = [
    "evaluate fox",
    "sample fox --engine jax --length 20 --seed 1",
    "score fox.txt --dynamic",
    "gradient fox --reach 5 --places 1",
    "bench --seconds 0.01",
]


@pytest.mark.slow
def test_settings_of_jax_for_other_work_change_no_number(tiny_run: Path, corpus: Path) -> None:
    train = f"train fox.txt {' '.join(TINY)} --run other"
    codes, err = run_all(train, *WITH_JAX, **OTHER_WORK)
    assert codes == [0] * 6
    assert err.count("JAX_DISABLE_JIT is ignored") == 1
    weights = "checkpoints/step-00000020/model.safetensors"
    assert (tiny_run.with_name("other") / weights).read_bytes() == (tiny_run / weights).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JAX_PLATFORMS", "cuda"),
        ("JAX_PLATFORMS", "gpu"),
        ("JAX_LOGGING_LEVEL", "loud"),
        ("XLA_FLAGS", "--x"),
    ],
)
def test_a_variable_with_which_jax_cannot_start_is_named(
    tiny_run: Path, corpus: Path, name: str, value: str
) -> None:
    codes, err = run_all("train fox.txt --steps 3 --run r", *WITH_JAX, **{name: value})
    assert codes == [2] * 6
    assert not (tiny_run.parent / "r").exists()
    errors = [line for line in err.splitlines() if line.startswith("textgen: ")]
    assert len(errors) == 6
    assert all(name in line for line in errors)


@pytest.mark.slow
def test_a_first_sigterm_is_heard_where_jax_is_told_to_compile_nothing(corpus: Path) -> None:
    command = [sys.executable, "-m", "textgen", "train", "fox.txt", *TINY, "--steps", "1000000"]
    environment = os.environ | {"JAX_DISABLE_JIT": "1"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        told = ""
        while "chars/s" not in told:
            told += child.stderr.readline()
        child.terminate()
        told += child.stderr.read()
    assert child.returncode == 143
    assert "JAX_DISABLE_JIT is ignored" in told
    assert "stopped and saved at step" in told


@pytest.mark.slow
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_commands_work_in_odd_environments(tiny_run: Path, odd: dict[str, str]) -> None:
    arguments = [
        *("sample", "--length", "30", "--seed", "1", "--then", "info", "--then", "runs", "--then"),
        *("verify", "nope", "--then", "sample", "--prompt", "\udcff\u202e"),
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, *arguments],
        capture_output=True,
        env=os.environ | odd,
        encoding="utf-8",
        errors="surrogateescape",
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(Path("codes.json").read_text()) == [0, 0, 0, 4, 2]
    assert done.stderr.count("\n") == 2
    assert not Path("here").exists()
    assert "Traceback" not in done.stderr
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_what_is_drawn_as_text_fits_odd_environments(
    tiny_run: Path,
    odd: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in odd.items():
        monkeypatch.setenv(name, value)
    Path("text.txt").write_text("the dog\n\x1b[2J\u202eback \u4e2d\u6587\n", encoding="utf-8")
    for command in (
        ["score", "text.txt", "--show"],
        ["score", "text.txt", "--lines"],
        ["classify", "a=fox", "b=fox", "text.txt"],
        ["inspect", "fox", "the dog\\n\x1b[2J\u202eback", "--on-unknown", "replace"],
        ["plot", "fox", "--no-baselines"],
        ["gradient", "fox", "--reach", "5", "--places", "1"],
        ["info"],
    ):
        assert run_command(command) == 0, command
        out, err = capsys.readouterr()
        assert out
        assert not FORBIDDEN.search(out + err), command


# As many different characters as the text of the tiny run, so that the same network is trained.
ESCAPES = (
    "\x1b]52;c;acam=\x07 \x1b]0;mac\x07 \x1b[2J\x1b[31mcam\x1b[0m \x1bP1;2q\x1b\\ "
    "\x9b2J \x9d0;c1\x9c \u202emac\u202c \u2066am\u2069 \x7f\x08\r ca\n"
)
# What may follow a terminal's own controls is text.
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.slow
def test_a_model_of_escape_sequences_drives_a_pipe_but_no_terminal(tmp_path: Path) -> None:
    Path("escapes.txt").write_text(ESCAPES * 60, encoding="utf-8", newline="")
    assert len({*ESCAPES}) == len({*TEXT})
    begun = textgen("train", "escapes.txt", *TINY)
    assert begun.returncode == 0
    assert not FORBIDDEN.search(begun.stderr)
    sample = ["-m", "textgen", "sample", "--length", "3000", "--temperature", "9", "--seed", "1"]
    raw = subprocess.run([sys.executable, *sample], capture_output=True).stdout.decode()
    assert {"\x1b", "\x9b", "\x07", "\u202e"} <= set(raw)
    shown = pexpect.run(f"{sys.executable} {' '.join(sample)}", encoding="utf-8", timeout=120)
    assert len(shown) > 3000
    assert not FORBIDDEN.search(shown)
    assert "\r" not in shown.replace("\r\n", "")  # the terminal's own way to end a line
    assert "<U+009B>" in shown
    assert "<U+202E>" in shown
    for command in ("info", "score escapes.txt --show", "score escapes.txt --lines"):
        shown = pexpect.run(f"{sys.executable} -m textgen {command}", encoding="utf-8", timeout=120)
        # Beside the colours that are the command's own.
        assert not FORBIDDEN.search(re.sub(r"\x1b\[[0-9;]*m", "", shown)), command


@pytest.mark.slow
@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_a_training_is_shown_in_twenty_columns_and_through_a_resize(
    corpus: Path, term: str
) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "textgen", "train", str(corpus), *TINY, "--steps", "600", "--eval-every", "200"],
        dimensions=(10, 20),
        encoding="utf-8",
        env=os.environ | {"TERM": term},
        timeout=90,
    )
    child.expect("plan")
    child.setwinsize(4, 8)
    child.setwinsize(40, 200)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "Traceback" not in (child.before or "")


@pytest.mark.slow
def test_a_reader_of_one_line_ends_a_sample_without_a_word(tiny_run: Path) -> None:
    command = f"{sys.executable} -m textgen sample -q --length 200000 | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
def test_no_module_of_the_current_folder_is_run(tiny_run: Path, own_folder: Path) -> None:
    for name in ("numpy", "typer", "jax", "matplotlib", "rich", "jaxlib"):
        harm = f"open('{name}-was-run', 'w').close()\nraise SystemExit(77)\n"
        (own_folder / f"{name}.py").write_text(harm)
    flags = os.environ | {"XLA_FLAGS": "--xla_cpu_enable_fast_math=false"}
    codes = [
        textgen("sample", "--length", "5").returncode,
        textgen("--help").returncode,
        textgen("gradient", "--reach", "3", "--places", "1", env=flags).returncode,
        textgen("plot", "--no-baselines", "--output", "a.png").returncode,
    ]
    assert [*own_folder.glob("*-was-run")] == []
    assert codes == [0, 0, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["PJRT_NPROC", "NPROC"])
def test_a_billion_threads_are_not_started(tiny_run: Path, name: str) -> None:
    many = os.environ | {name: "1000000000"}
    assert textgen("gradient", "--reach", "3", "--places", "1", env=many).returncode == 0
