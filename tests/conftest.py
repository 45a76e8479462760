"""What the tests share: two CPU devices, signals that are heeded, and a tiny trained run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import hypothesis
import jax
import pytest

# Before JAX starts: tests use one or both of two devices.
jax.config.update("jax_num_cpu_devices", 2)
jax.devices()

# The same examples in every run, however long one takes on a busy machine.
hypothesis.settings.register_profile(
    "tests",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")

# What a script starts in the background, or nohup, ignores these; so would the commands that tests
# start and send them to.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="session")
def compile_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compile each network once for all tests; what is compiled is what they would compile."""
    settings = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled")),
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": 0,
    }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)  # for the commands that tests run


TEXT = "the quick brown fox jumps over the lazy dog, and the dog sleeps on.\n" * 40


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run each test in an empty folder, with the runs beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TEXTGEN_CHECKPOINTS", raising=False)
    return tmp_path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "fox.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


def textgen(*arguments: str, **keywords: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does; its output is text."""
    environment = os.environ | {"COLUMNS": "100"}
    options: dict[str, object] = {"capture_output": True, "encoding": "utf-8", "timeout": 600}
    options["env"] = environment
    return subprocess.run(
        [sys.executable, "-m", "textgen", *arguments],
        **(options | keywords),  # type: ignore[call-overload]
    )


TINY = [
    "--hidden-size",
    "16",
    "--num-layers",
    "1",
    "--batch-size",
    "4",
    "--sequence-length",
    "16",
    "--steps",
    "20",
    "--eval-every",
    "10",
    "--checkpoint-every",
    "10",
    "--dropout",
    "0.1",
    "--devices",
    "1",
]


@pytest.fixture(scope="session")
def tiny_run_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a tiny run once; tests copy it."""
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "fox.txt").write_text(TEXT, encoding="utf-8")
    done = textgen("train", "fox.txt", *TINY, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "checkpoints" / "fox"


@pytest.fixture
def tiny_run(tiny_run_source: Path, own_folder: Path) -> Path:
    """A copy of the tiny run, as checkpoints/fox in the current folder."""
    import shutil

    return Path(shutil.copytree(tiny_run_source, own_folder / "checkpoints" / "fox"))
