import pytest

from textgen.errors import UsageError
from textgen.runtime.hosts import Hosts
from textgen.terminal.cli import run_command
from textgen.terminal.commands.hosts import find, guard, is_follower

VARIABLES = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")


def hosts_of(process: int) -> Hosts:
    return Hosts(
        coordinator="127.0.0.1:7000",
        num_processes=2,
        process_id=process,
        launcher="a test",
        reason="2 processes, found by a test",
    )


def set_variables(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    for name, value in zip(VARIABLES, values, strict=False):
        monkeypatch.setenv(name, value)


def test_only_process_0_says_what_was_believed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_variables(monkeypatch, "127.0.0.1:7000", "2", "0")
    found = find("auto", quiet=False)
    assert found is not None
    assert (found.process_id, is_follower(found)) == (0, False)
    assert "2 processes, found by JAX's variables" in capsys.readouterr().err
    monkeypatch.setenv("JAX_PROCESS_ID", "1")
    found = find("auto", quiet=False)
    assert is_follower(found)
    monkeypatch.setenv("TEXTGEN_GUARDED_BY", "1")
    assert not is_follower(found)
    assert find("none", quiet=False) is None
    assert capsys.readouterr().err == ""


def test_a_trace_of_a_launcher_is_told_and_no_trace_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find("auto", quiet=False) is None
    assert capsys.readouterr().err == ""
    for name in ("SLURM_JOB_ID", "SLURM_NTASKS", "SLURM_NNODES"):
        monkeypatch.setenv(name, "4")
    assert find("auto", quiet=True) is None
    assert capsys.readouterr().err == ""
    assert find("auto", quiet=False) is None
    assert "srun did not start this process" in capsys.readouterr().err
    set_variables(monkeypatch, "127.0.0.1:7000")
    with pytest.raises(UsageError, match="JAX_NUM_PROCESSES"):
        find("auto", quiet=False)


@pytest.mark.slow
def test_a_guard_gives_the_code_and_the_line_of_its_process(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A signal handler belongs to the process of all tests.
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    assert guard(hosts_of(1), ["--version"]) == 0
    assert capfd.readouterr() == ("", "")
    assert guard(hosts_of(1), ["sample", "no such run"]) == 4
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("textgen: process 1: no run named 'no such run'")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("command", ["train fables --steps 3", "bench"])
def test_a_timeout_that_is_none_is_refused_before_anything_starts(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command([*command.split(), "--hosts-timeout", "0"]) == 2
    told = "textgen: hosts-timeout must be a whole number of at least 1, got 0\n"
    assert capsys.readouterr().err == told
