"""File systems that cannot sync folders or have no locks, as network and cloud drives are."""

import errno
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from tests.conftest import TEXT, TINY
from textgen.errors import StorageError, TextgenWarning
from textgen.runs.files import sync_folder, whole_folder
from textgen.runs.lock import training_lock
from textgen.storage import lock

# Lets calls of the process that loads it fail as on a file system that lacks what they ask for:
# FOLDER_SYNC and LOCK hold the number of the error. LOCK_ON=folder spares the locks of files.
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static int is_folder(int handle) {
  struct stat status;
  return fstat(handle, &status) == 0 && S_ISDIR(status.st_mode);
}

static int refused(const char *variable) {
  const char *number = getenv(variable);
  if (number) errno = atoi(number);
  return number != NULL;
}

int fsync(int handle) {
  if (is_folder(handle) && refused("FOLDER_SYNC")) return -1;
  return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(handle);
}

int flock(int handle, int operation) {
  if ((is_folder(handle) || !getenv("LOCK_ON")) && refused("LOCK")) return -1;
  return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(handle, operation);
}
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    command = [compiler, "-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "shim.so"


def train(shim: Path, **lacks: object) -> subprocess.CompletedProcess[str]:
    Path("fox.txt").write_text(TEXT, encoding="utf-8")
    environment = {name: str(value) for name, value in lacks.items()}
    return subprocess.run(
        [sys.executable, "-m", "textgen", "train", "fox.txt", *TINY, "--run", "r"],
        env=os.environ | environment | {"LD_PRELOAD": str(shim)},
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.slow
def test_training_ends_well_where_folders_cannot_be_synced_and_nothing_can_be_locked(
    shim: Path,
) -> None:
    done = train(shim, FOLDER_SYNC=errno.EINVAL, LOCK=errno.ENOLCK)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the file system cannot sync (Invalid argument), so a power") == 1
    assert done.stderr.count("the file system has no locks (No locks available), so nothing") == 1
    assert "finished at step 20" in done.stderr
    found = [path.name for path in Path().rglob("*")]
    assert {"step-00000010", "step-00000020"} <= {*found}
    assert not [name for name in found if name.startswith(".tmp-")]


@pytest.mark.slow
def test_a_lock_that_fails_otherwise_ends_the_command_and_leaves_nothing(shim: Path) -> None:
    done = train(shim, LOCK=errno.EIO, LOCK_ON="folder")
    assert done.returncode == 5
    assert done.stderr.startswith("textgen: cannot write 'checkpoints/r': ")
    assert done.stderr.count("\n") == 1
    assert list(Path("checkpoints").iterdir()) == []


def refuse(monkeypatch: pytest.MonkeyPatch, call: str, number: int) -> None:
    def refused(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(call, refused)


LACKS = ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF", "ENOLCK"]


@pytest.mark.parametrize("name", LACKS)
def test_what_a_file_system_lacks_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    refuse(monkeypatch, "os.fsync", getattr(errno, name))
    refuse(monkeypatch, "fcntl.flock", getattr(errno, name))
    with pytest.warns(TextgenWarning, match="cannot sync"):
        sync_folder(tmp_path)
    with pytest.warns(TextgenWarning, match="has no locks"), training_lock(tmp_path):
        assert (tmp_path / "lock").read_text() == str(os.getpid())
    with pytest.warns(TextgenWarning), whole_folder(tmp_path / "new") as folder:
        (folder / "part").write_text("x")
    assert {path.name for path in tmp_path.iterdir()} == {"lock", "new"}


def test_a_disk_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "fcntl.flock", errno.EIO)
    with pytest.raises(StorageError), whole_folder(tmp_path / "new"):
        pass
    assert list(tmp_path.iterdir()) == []
    refuse(monkeypatch, "os.fsync", errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)


def test_a_lock_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    with warnings.catch_warnings(), (tmp_path / "a").open("w") as first:
        warnings.simplefilter("error")
        assert lock(first.fileno(), wait=False)
        with (tmp_path / "a").open() as second, pytest.raises(BlockingIOError):
            lock(second.fileno(), wait=False)


def test_folders_of_killed_processes_stay_where_nothing_tells_that_they_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".tmp-other-1").mkdir()
    refuse(monkeypatch, "fcntl.flock", errno.ENOLCK)
    with pytest.warns(TextgenWarning), whole_folder(tmp_path / "new"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {".tmp-other-1", "new"}
