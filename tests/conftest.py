"""What tests share: two CPU devices, signals, compiled programs, and a small trained run."""

import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis
import jax
import pytest

from tests.browsers import started_browser
from textgen.runtime.compile_cache import FOLDER, keep_compiled

# Tests use one or both of two devices; JAX fixes their number when it starts.
jax.config.update("jax_num_cpu_devices", 2)
jax.devices()

# Every test run tries the same examples, and none fails because the machine is busy.
hypothesis.settings.register_profile(
    "tests",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")

# The workers of pytest-xdist have these; the terminals that tests open have widths of their own.
for variable in ("COLUMNS", "LINES"):
    os.environ.pop(variable, None)

# A process started by nohup, or by a script in the background, ignores these signals, and so would
# the commands that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of several hosts, which wait long: none is left for the end alone."""
    items.sort(key=lambda item: "hosts" not in item.path.name)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that all workers of a test run share; wait for it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def common_folder(factory: pytest.TempPathFactory) -> Path:
    """Return the temporary folder that all workers of this test run share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file that is never changed a second name; no reader finds half of it."""
    try:
        target.hardlink_to(source)
    except OSError:  # such as between two file systems
        part = target.parent.parent / target.name
        shutil.copy(source, part)
        part.rename(target)


class CompiledPrograms:
    """What XLA compiles for this worker and its commands; workers exchange it between tests.

    Most of the time of the tests goes into compiling, so each program is compiled once for all
    workers, and kept for the next test run. What is kept is what would be compiled: the name of an
    entry is a hash of the program, the compiler and its options.

    JAX writes entries in place: another process could read half of one. Each worker therefore has a
    folder of its own, and passes on what is whole when none of its tests runs.
    """

    # Several times what one run of all tests needs, so that the next run finds all of it.
    MAX_BYTES = 2**29

    def __init__(self, own: Path, kept: Path) -> None:
        self._lock, self._own, self._kept = kept / "lock", own, kept
        self._seen: dict[Path, int] = {}
        with locked(self._lock):
            self.folder, self._common = self._tidied(own), self._tidied(kept)

    def fetch(self) -> None:
        """Take over what other workers have compiled."""
        self._copy_new(self._common, self.folder)

    def pass_on(self) -> None:
        """Give other workers what this one has compiled."""
        if self._has_changed(self.folder):
            self._tidied(self._own)
            self._copy_new(self.folder, self._common)

    def _tidied(self, folder: Path) -> Path:
        """Return where textgen keeps programs in a folder, after removing incomplete entries."""
        environment = {FOLDER: str(folder)}
        keep_compiled(environment, max_bytes=self.MAX_BYTES)
        return Path(environment["JAX_COMPILATION_CACHE_DIR"])

    def _has_changed(self, folder: Path) -> bool:
        return folder.stat().st_mtime_ns != self._seen.get(folder)

    def _copy_new(self, source: Path, target: Path) -> None:
        if not self._has_changed(source):
            return
        with locked(self._lock):
            self._seen[source] = source.stat().st_mtime_ns
            for name in {*os.listdir(source)} - {*os.listdir(target)}:
                link_or_copy(source / name, target / name)
            self._seen[target] = target.stat().st_mtime_ns


@pytest.fixture(autouse=True, scope="session")
def compiled_programs(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> CompiledPrograms:
    cache = getattr(pytestconfig, "cache", None)  # None with -p no:cacheprovider
    kept = cache.mkdir("compiled") if cache else common_folder(tmp_path_factory)
    programs = CompiledPrograms(tmp_path_factory.mktemp("compiled"), kept)
    settings = {
        "jax_compilation_cache_dir": str(programs.folder),
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": 0,
        # It would write the folder into the hash of every program; only a GPU makes use of it.
        "jax_persistent_cache_enable_xla_caches": "none",
    }
    for name, value in settings.items():
        jax.config.update(name, value)
        os.environ[name.upper()] = str(value)  # for the commands that tests run
    programs.fetch()
    return programs


@pytest.fixture(autouse=True)
def exchange_programs(compiled_programs: CompiledPrograms) -> Iterator[None]:
    compiled_programs.fetch()
    yield
    compiled_programs.pass_on()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start a browser for the tests of one module; skip them where there is none."""
    with started_browser() as started:
        yield started


@pytest.fixture(scope="session")
def no_configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty folder in place of that of the user's configuration."""
    return tmp_path_factory.mktemp("configuration")


TEXT = "the quick brown fox jumps over the lazy dog, and the dog sleeps on.\n" * 40


@pytest.fixture(autouse=True)
def own_folder(
    exchange_programs: None,
    no_configuration: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """Run each test in an empty folder, in which runs are written to checkpoints/.

    The environment is restored after the test: commands that run in this process set XLA_FLAGS,
    which the commands of later tests would inherit, and which are part of the hash of a program.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TEXTGEN_CHECKPOINTS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(no_configuration))
    before = dict(os.environ)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


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
def tiny_run_source(
    tmp_path_factory: pytest.TempPathFactory, compiled_programs: CompiledPrograms
) -> Path:
    """Train a tiny run once for all workers; tests copy it."""
    common = common_folder(tmp_path_factory) / "tiny-run"
    common.mkdir(exist_ok=True)
    run = common / "fox"
    with locked(common / "lock"):
        if not run.exists():
            folder = tmp_path_factory.mktemp("tiny")
            (folder / "fox.txt").write_text(TEXT, encoding="utf-8")
            done = textgen("train", "fox.txt", *TINY, cwd=folder)
            assert done.returncode == 0, done.stderr
            (folder / "checkpoints" / "fox").rename(run)
    return run


@pytest.fixture
def tiny_run(tiny_run_source: Path, own_folder: Path) -> Path:
    """Return a copy of the tiny run, as checkpoints/fox in the current folder."""
    return Path(shutil.copytree(tiny_run_source, own_folder / "checkpoints" / "fox"))


# Records of two kinds, which have other letters, in one of two languages, which end differently.
LABELLED = "kind,language,text\n" + "".join(
    f"{kind},{language},{''.join(letters[number >> shift & 3] for shift in (0, 2, 4))}{end}\n"
    for number in range(64)
    for kind, letters in (("low", "abcd"), ("high", "wxyz"))
    for language, end in (("one", "."), ("two", "!"))
)


@pytest.fixture(scope="session")
def labelled_run_source(
    tmp_path_factory: pytest.TempPathFactory, compiled_programs: CompiledPrograms
) -> Path:
    """Train a run with two labels once for all workers; tests copy it."""
    common = common_folder(tmp_path_factory) / "labelled-run"
    common.mkdir(exist_ok=True)
    run = common / "kinds"
    with locked(common / "lock"):
        if not run.exists():
            folder = tmp_path_factory.mktemp("labelled")
            (folder / "kinds.csv").write_text(LABELLED, encoding="utf-8")
            labels = ["--label", "kind", "--label", "language", "--field", "text"]
            more = ["--steps", "200", "--learning-rate", "0.05", "--dropout", "0"]
            done = textgen("train", "kinds.csv", *labels, *TINY, *more, cwd=folder)
            assert done.returncode == 0, done.stderr
            (folder / "checkpoints" / "kinds").rename(run)
    return run


@pytest.fixture
def labelled_run(labelled_run_source: Path, own_folder: Path) -> Path:
    """Return a copy of the labelled run, as checkpoints/kinds in the current folder."""
    return Path(shutil.copytree(labelled_run_source, own_folder / "checkpoints" / "kinds"))


def two_way_text() -> str:
    """Return lines of known words, and lines of syllables whose first letter the second decides."""
    source = random.Random(3)
    fox = TEXT.splitlines()[0]
    syllables = ("".join(source.choice(["ax", "by"]) for _ in range(20)) for _ in range(60))
    return "".join(f"{fox}\n{line}\n" for line in syllables)


@pytest.fixture(scope="session")
def two_way_run_source(
    tmp_path_factory: pytest.TempPathFactory, compiled_programs: CompiledPrograms
) -> Path:
    """Train a network of both directions once for all workers; tests copy its run."""
    common = common_folder(tmp_path_factory) / "two-way-run"
    common.mkdir(exist_ok=True)
    run = common / "two-ways"
    sizes = {"hidden-size": 48, "num-layers": 1, "batch-size": 8, "sequence-length": 32, "seed": 1}
    steps = {"steps": 400, "eval-every": 200, "checkpoint-every": 200, "dropout": 0, "devices": 1}
    options = [
        word for name, value in (sizes | steps).items() for word in (f"--{name}", str(value))
    ]
    with locked(common / "lock"):
        if not run.exists():
            folder = tmp_path_factory.mktemp("two-ways")
            (folder / "two-ways.txt").write_text(two_way_text(), encoding="utf-8")
            done = textgen("train", "two-ways.txt", "--direction", "both", *options, cwd=folder)
            assert done.returncode == 0, done.stderr
            (folder / "checkpoints" / "two-ways").rename(run)
    return run


@pytest.fixture
def two_way_run(two_way_run_source: Path, own_folder: Path) -> Path:
    """Return a copy of a run of both directions, as checkpoints/two-ways."""
    return Path(shutil.copytree(two_way_run_source, own_folder / "checkpoints" / "two-ways"))
