import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from textgen.data.formats import archives as module
from textgen.data.formats.archives import members
from textgen.errors import CorpusError

FILES = {"b.txt": b"second", "a/one.txt": b"first " * 100}


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


PACKERS = {"zip": zipped, "tar": tarred}


def read(data: bytes, kind: str) -> dict[str, bytes | str]:
    found = members(io.BytesIO(data), kind, "archive")
    return {one.name: one.file.read() if one.file else one.reason for one in found}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PACKERS)
def test_the_files_of_an_archive_are_read(kind: str) -> None:
    assert read(PACKERS[kind](FILES), kind) == FILES


def test_a_zip_archive_is_read_from_a_pipe() -> None:
    reader = io.BytesIO(zipped(FILES))

    class Pipe(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            data = reader.read(len(buffer))
            buffer[: len(data)] = data
            return len(data)

    found = members(io.BufferedReader(Pipe()), "zip", "archive")
    assert {one.name: one.file.read() for one in found if one.file} == FILES


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "a/../../evil.txt"])
def test_a_name_that_leads_outside_is_not_read(kind: str, name: str) -> None:
    found = read(PACKERS[kind]({name: b"evil", "good.txt": b"good"}), kind)
    assert found.pop("good.txt") == b"good"
    assert set(found.values()) == {"a name that leads outside the archive"}


def test_links_are_not_read() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, kind in (("soft", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert read(buffer.getvalue(), "tar") == {"soft": "a link", "hard": "a link"}
    link = zipfile.ZipInfo("soft")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr(link, "/etc/passwd")
    assert read(buffer.getvalue(), "zip") == {"soft": "a link"}


@pytest.mark.parametrize("kind", PACKERS)
def test_too_many_entries_are_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ENTRIES", 3)
    data = PACKERS[kind]({f"{number}.txt": b"x" for number in range(9)})
    with pytest.raises(CorpusError, match="more than 3 entries"):
        read(data, kind)


@pytest.mark.parametrize("kind", PACKERS)
def test_an_archive_that_is_cut_short_is_refused(kind: str) -> None:
    data = PACKERS[kind](FILES)
    with pytest.raises(CorpusError, match=r"damaged|cut short"):
        read(data[:1800] if kind == "tar" else data[: len(data) // 2], kind)


def test_an_entry_that_grows_a_thousandfold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from textgen.data.formats import compressed

    monkeypatch.setattr(compressed, "FREE_BYTES", 2**16)
    with pytest.raises(CorpusError, match="1,000-fold"):
        read(zipped({"bomb.txt": bytes(2**25)}), "zip")


def test_an_encrypted_entry_is_named() -> None:
    data = bytearray(zipped({"secret.txt": b"x"}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    with pytest.raises(CorpusError, match=r"'secret\.txt' is encrypted"):
        read(bytes(data), "zip")


def test_nothing_is_written_beside_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(FILES))
    with path.open("rb") as file:
        assert len(list(members(file, "zip", "a.zip"))) == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]


def test_an_entry_without_a_name_is_a_file() -> None:
    # A name ends at a NUL.
    data = zipped({"name": b"words"}).replace(b"name", b"\0ame")
    assert read(data, "zip") == {"": b"words"}
