import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from textgen.errors import DamagedError, StorageError
from textgen.runs import files
from textgen.runs.files import (
    MAX_JSON_VALUES,
    TEMPORARY,
    decode_json,
    encode_json,
    parse_json,
    replace_file,
    whole_folder,
)

CONTENT = {"b": [1, 2.5, None], "a": "é😀", "format": 1}


def test_sealed_json_comes_back_and_every_flipped_bit_is_noticed() -> None:
    data = encode_json(CONTENT)
    back = decode_json(Path("x"), data)
    assert {key: back[key] for key in CONTENT} == CONTENT
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DamagedError):
            decode_json(Path("x"), bytes(flipped))


@pytest.mark.parametrize(
    "data", [b"NaN", b"[Infinity]", b"[1" + b"0" * 19 + b"]", b"[9223372036854775808]"]
)
def test_numbers_are_finite_and_fit_into_64_bits(data: bytes) -> None:
    assert parse_json(b"[9223372036854775807, -1.5]") == [2**63 - 1, -1.5]
    with pytest.raises(ValueError):
        parse_json(data)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"sha256": ""}'])
def test_what_is_not_sealed_json_is_damage(data: bytes) -> None:
    with pytest.raises(DamagedError, match="some/file"):
        decode_json(Path("some/file"), data)


def test_more_values_than_are_ever_written_are_not_parsed() -> None:
    text = encode_json({"text": 'a [list], {of} "things", ' * MAX_JSON_VALUES})
    assert decode_json(Path("f"), text)["text"].startswith("a [list]")
    with pytest.raises(DamagedError, match="over 200,000 values"):
        decode_json(Path("f"), encode_json({"numbers": [1] * (MAX_JSON_VALUES + 1)}))


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "folder"

    def fail_half_way() -> None:
        with whole_folder(target) as folder:
            (folder / "part").write_text("x")
            assert not target.exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert list((tmp_path / "deep").iterdir()) == []
    with whole_folder(target) as folder:
        (folder / "part").write_text("x")
    assert [path.name for path in target.iterdir()] == ["part"]


def test_a_folder_never_replaces_another(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    with pytest.raises(FileExistsError), whole_folder(tmp_path / "t") as folder:
        (folder / "part").write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == ["t"]
    assert list((tmp_path / "t").iterdir()) == []


def test_a_file_in_the_place_of_the_folder_above_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("x")
    target = tmp_path / "runs" / "new"
    with pytest.raises(StorageError, match="runs': it is a file, not a"), whole_folder(target):
        pass


def test_everything_is_on_the_disk_before_a_folder_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def noted_fsync(handle: int) -> None:
        name = Path(os.readlink(f"/proc/self/fd/{handle}")).name if os.path.exists("/proc") else ""
        order.append(f"fsync {name.split('-')[0]}")
        fsync(handle)

    def noted_rename(self: Path, target: Path) -> Path:
        order.append("rename")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "rename", noted_rename)
    with whole_folder(tmp_path / "t") as folder:
        files.write_durably(folder / "data", b"x")
    steps = ["fsync data", "fsync .tmp", "rename", f"fsync {tmp_path.name.split('-')[0]}"]
    assert [step.split()[0] for step in order] == [step.split()[0] for step in steps]
    if os.path.exists("/proc"):
        assert order == steps


def test_a_full_disk_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="no space left"):
        replace_file(path, b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("f", b"old")]


def test_what_a_killed_process_left_is_removed_and_that_of_a_living_one_is_not(
    tmp_path: Path,
) -> None:
    code = (
        "import sys, time; from pathlib import Path; from textgen.runs.files import whole_folder\n"
        "with whole_folder(Path(sys.argv[1])): print('filling', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "other")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "filling\n"
        (left,) = tmp_path.iterdir()
        with whole_folder(tmp_path / "new"):
            pass
        found = set(tmp_path.iterdir())
        process.kill()
    assert found == {left, tmp_path / "new"}
    with whole_folder(tmp_path / "newer"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"new", "newer"}


def test_json_is_written_for_people_too() -> None:
    text = encode_json({"a": 1}).decode()
    assert text.count("\n") > 2
    assert json.loads(text)["a"] == 1


def test_no_planted_link_is_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious, path = tmp_path / "precious", tmp_path / "f"
    precious.write_bytes(b"old")
    (tmp_path / f"{TEMPORARY}f").symlink_to(precious)
    replace_file(path, b"new")
    assert (path.read_bytes(), precious.read_bytes()) == (b"new", b"old")
    assert not path.is_symlink()
    # Even a link whose name was guessed is not followed.
    monkeypatch.setattr(files.secrets, "token_hex", lambda count: "f")
    with pytest.raises(FileExistsError):
        replace_file(path, b"newer")
    assert (path.read_bytes(), precious.read_bytes()) == (b"new", b"old")


def test_a_new_file_never_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "page"
    replace_file(path, b"first", is_new=True)
    with pytest.raises(FileExistsError):
        replace_file(path, b"second", is_new=True)
    assert path.read_bytes() == b"first"
    assert [*tmp_path.iterdir()] == [path]
