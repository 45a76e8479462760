"""The command `serve` as a process: its address, its end by signals, and its mistakes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.terminal.terminals import start
from textgen.terminal.cli import run_command

ONE = {"prompt": "the ", "max_tokens": 5}


@contextmanager
def serving(*options: str) -> Iterator[tuple["subprocess.Popen[str]", Any]]:
    """Run the command until the context ends; yield its process and its first line of JSON."""
    command = [sys.executable, "-m", "textgen", "serve", "--port", "0", "--json", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def ask(url: str, content: object, **headers: str) -> Any:
    body = json.dumps(content).encode()
    request = urllib.request.Request(f"{url}/v1/completions", body, headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cuts_what_is_written_and_ends_the_server_within_five_seconds(
    tiny_run: Path, number: signal.Signals
) -> None:
    with serving("fox", "--max-length", "100000000") as (process, told):
        assert told["models"] == ["fox"]
        answers = list[Any]()
        long = ONE | {"max_tokens": 10**8}
        asking = threading.Thread(target=lambda: answers.append(ask(told["url"], long)))
        asking.start()
        assert len(ask(told["url"], ONE)["choices"][0]["text"]) == 5
        begun = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert time.monotonic() - begun < 5
        asking.join()
    assert process.returncode == 128 + number
    assert json.loads(out)["finished"] == {"length": 1, "cut": 1}
    assert f"serving fox at {told['url']}; Ctrl-C ends it" in err
    assert "try: curl " in err
    assert "Traceback" not in err
    # What was written until then is the answer.
    (choice,) = answers[0]["choices"]
    assert choice["stop_reason"] == "cut"
    assert len(choice["text"]) > 100


@pytest.mark.slow
def test_the_example_works_as_it_is_printed(tiny_run: Path) -> None:
    child = start(["-m", "textgen", "serve", "--port", "0"], 200)
    child.expect("try: (curl [^\r\n]*)")
    command = str(child.match.group(1))  # type: ignore[union-attr]
    done = subprocess.run(["bash", "-c", f"{command} -sS"], capture_output=True, timeout=30)
    assert json.loads(done.stdout)["model"] == "fox"
    child.sendintr()
    child.expect("served 1 texts, 500 characters written")
    child.wait()
    assert child.exitstatus == 130


@pytest.mark.slow
def test_a_server_for_other_machines_asks_for_a_key(tiny_run: Path, own_folder: Path) -> None:
    (own_folder / "keys").write_text("0123456789abcdef\n")
    options = ["fox", "--host", "0.0.0.0", "--api-key-file", "keys", "--no-page"]
    with serving(*options) as (_, told):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(told["url"], ONE)
        assert ask(told["url"], ONE, Authorization="Bearer 0123456789abcdef")["model"] == "fox"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--host", "0.0.0.0"], 2, "ask for a key with --api-key-file, or say --no-key"),
        (["--host", "nowhere.invalid"], 2, "host must be an address of this machine"),
        (["--port", "65536"], 2, "port must be a whole number in [0, 65535], got 65536"),
        (["--max-length", "0"], 2, "max-length must be a whole number in [1, "),
        (["--sessions", "-1"], 2, "sessions must be a whole number in [0, "),
        (["--api-key-file", "none"], 2, "cannot read the keys in 'none': there is no such file"),
        (["--model", "ox"], 4, "no run named 'ox'"),
        (["--model", "checkpoints/fox", "--model", "fox"], 2, "two runs are called 'fox'"),
    ],
)
def test_a_mistake_is_told_before_anything_is_started(
    tiny_run: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    message: str,
) -> None:
    given = [] if "--port" in options else ["--port", "0"]
    assert run_command(["serve", *given, *options]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err


def test_a_port_that_is_taken_is_named(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run_command(["serve", "--port", str(port)]) == 2
    expected = f"port {port} of 127.0.0.1 is taken; choose another --port, or 0 for a free one"
    assert expected in capsys.readouterr().err


@pytest.mark.slow
def test_a_missing_extra_is_named_with_how_to_install_it(tiny_run: Path, own_folder: Path) -> None:
    (own_folder / "uvicorn.py").write_text("raise ModuleNotFoundError(name='uvicorn')")
    command = [sys.executable, "-m", "textgen", "serve", "fox", "--port", "0"]
    paths = [str(own_folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "textgen serve needs the extra serve" in done.stderr
    assert "[serve]" in done.stderr
