import os
import stat
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from textgen.runtime.compile_cache import FOLDER, MAX_BYTES, keep_compiled

COMPILE = """
import os, time
from textgen.runtime.compile_cache import keep_compiled
keep_compiled()
import jax, jax.numpy as jnp
print(jax.jit(lambda x: jnp.sin(x) @ x)(jnp.eye(40)).sum())
"""


def chosen(environment: dict[str, str], max_bytes: int = MAX_BYTES) -> Path:
    keep_compiled(environment, max_bytes=max_bytes)
    return Path(environment["JAX_COMPILATION_CACHE_DIR"])


def compile_once(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    return subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=environment | {FOLDER: str(folder), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )


@pytest.mark.slow
def test_what_is_compiled_is_kept_and_a_torn_entry_is_removed(tmp_path: Path) -> None:
    first = compile_once(tmp_path)
    (folder,) = tmp_path.iterdir()
    entries = sorted(folder.iterdir())
    assert entries
    before = {entry.name: entry.read_bytes() for entry in entries}
    entries[0].write_bytes(before[entries[0].name][:-20])
    again = compile_once(tmp_path)
    assert (again.stdout, again.stderr) == (first.stdout, "")
    assert zlib.decompress(entries[0].read_bytes())  # written anew
    for entry in entries[1:]:
        assert entry.read_bytes() == before[entry.name]
        assert not entry.stat().st_mode & 0o200


def test_the_folder_is_the_users_alone(tmp_path: Path) -> None:
    own = {FOLDER: str(tmp_path / "cache")}
    folder = chosen(own)
    assert own["TF_CPP_MIN_LOG_LEVEL"] == "3"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o770)
    shared = {FOLDER: str(tmp_path / "cache")}
    keep_compiled(shared)
    assert "JAX_COMPILATION_CACHE_DIR" not in shared


def test_the_settings_that_turn_it_off_and_move_it(tmp_path: Path) -> None:
    off = {FOLDER: ""}
    keep_compiled(off)
    assert off == {FOLDER: ""}
    jax_own = {"JAX_COMPILATION_CACHE_DIR": "/elsewhere", FOLDER: str(tmp_path / "ours")}
    assert chosen(jax_own) == Path("/elsewhere")
    assert not (tmp_path / "ours").exists()
    assert chosen({"XDG_CACHE_HOME": str(tmp_path)}).parent == tmp_path / "textgen"
    (tmp_path / "file").touch()
    unusable = {FOLDER: str(tmp_path / "file")}
    keep_compiled(unusable)
    assert "JAX_COMPILATION_CACHE_DIR" not in unusable


def test_a_folder_that_is_relative_is_not_used(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    environment = {"XDG_CACHE_HOME": "cache"}
    keep_compiled(environment)
    assert environment == {"XDG_CACHE_HOME": "cache"}
    assert [*own_folder.iterdir()] == []


def test_the_oldest_entries_make_room(tmp_path: Path) -> None:
    environment = {FOLDER: str(tmp_path)}
    folder = chosen(dict(environment))
    content = zlib.compress(os.urandom(1000))
    for age in range(5):
        entry = folder / entry_name(age)
        entry.write_bytes(content)
        os.utime(entry, (10**9 - age, 10**9 - age))
    chosen(environment, 3 * len(content))
    assert sorted(entry.name for entry in folder.iterdir()) == [*map(entry_name, range(3))]


def entry_name(number: int) -> str:
    return f"jit_f-{number:064x}-cache"


def test_only_regular_files_with_the_names_of_entries_are_removed(tmp_path: Path) -> None:
    environment = {FOLDER: str(tmp_path / "cache")}
    folder = chosen(dict(environment))
    precious = tmp_path / "precious"
    precious.write_bytes(b"text")
    (folder / "thesis.txt").write_bytes(b"text")
    (folder / "notes-cache").write_bytes(b"text")
    (folder / entry_name(1)).symlink_to(precious)
    os.mkfifo(folder / entry_name(2))
    (folder / entry_name(3)).mkdir()
    (folder / entry_name(4)).write_bytes(b"torn")
    before = {entry.name for entry in folder.iterdir()}
    chosen(dict(environment))
    assert {entry.name for entry in folder.iterdir()} == before - {entry_name(4)}
    chosen(environment, 0)
    assert {entry.name for entry in folder.iterdir()} == before - {entry_name(4)}
    assert precious.read_bytes() == b"text"
    assert precious.stat().st_mode & 0o200
    assert (folder / "thesis.txt").stat().st_mode & 0o200


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = chosen({FOLDER: str(tmp_path / "cache")})
    folder.rmdir()
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    (private / entry_name(1)).write_bytes(b"text")
    folder.symlink_to(private)
    environment = {FOLDER: str(tmp_path / "cache")}
    keep_compiled(environment)
    assert "JAX_COMPILATION_CACHE_DIR" not in environment
    assert (private / entry_name(1)).read_bytes() == b"text"


def test_a_folder_that_strangers_could_replace_is_not_used(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    for mode, is_used in ((0o777, False), (0o1777, True), (0o775, True)):
        shared.chmod(mode)
        environment = {FOLDER: str(shared / "cache")}
        keep_compiled(environment)
        assert ("JAX_COMPILATION_CACHE_DIR" in environment) == is_used
