import hashlib
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.data import gather as module
from textgen.data.gather import gather
from textgen.data.source_rules import SourceRules

PLAIN = SourceRules(normalization="none")
TEXT = st.text(
    st.characters(exclude_characters="\0\r\ufeff", exclude_categories=["Cs"]), min_size=1
)


@pytest.mark.slow
@given(texts=st.lists(TEXT, min_size=1, max_size=5), at_once=st.sampled_from([1, 3, 2**20]))
def test_the_ids_are_the_texts_joined_by_newlines(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], at_once: int
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    paths = [folder / f"{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_bytes(text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_ONCE", at_once)
        found = gather(paths, PLAIN, folder / "ids")
    joined = "\n".join(texts)
    assert "".join(found.characters[number] for number in found.ids().tolist()) == joined
    assert found.sha256 == hashlib.sha256(joined.encode()).hexdigest()
    assert found.counts.tolist() == [joined.count(character) for character in found.characters]
    pairs = zip(found.starts.tolist(), found.ends.tolist(), strict=True)
    assert [joined[begin:end] for begin, end in pairs] == texts


def test_the_type_of_the_ids_grows_with_the_alphabet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1000)
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 3000)))
    text = "abc" * 2000 + many + "xyz" + "".join(map(chr, range(0x10000, 0x10000 + 70_000)))
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    found = gather([tmp_path / "a.txt"], PLAIN, tmp_path / "ids")
    assert found.dtype == np.dtype("<u4")
    assert "".join(found.characters[number] for number in found.ids().tolist()) == text


def test_records_end_where_they_end_and_files_begin_at_a_record(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,tweet\n1,one\n2,"two\nlines"\n')
    (tmp_path / "b.txt").write_text("whole\n")
    found = gather([tmp_path / "a.csv", tmp_path / "b.txt"], PLAIN, tmp_path / "ids")
    assert found.files.tolist() == [0, 2]
    assert found.ends.tolist() == [3, 13, 20]
    assert len(found) == len("one\ntwo\nlines\nwhole\n")


def test_the_share_that_is_read_is_told_and_unknown_of_a_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 1000)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.txt").write_text("ab\n" * 400, encoding="utf-8")
    told = list[tuple[int, float | None]]()
    found = gather([folder], PLAIN, tmp_path / "ids", lambda *how_far: told.append(how_far))
    characters, shares = zip(*told, strict=True)
    assert characters[-1] == len(found)
    assert list(shares) == sorted(shares)
    assert shares[0] == pytest.approx(0.1)
    assert shares[-1] == 1
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("abc",))
    writer.start()
    told.clear()
    gather([folder, tmp_path / "pipe"], PLAIN, tmp_path / "ids", lambda *far: told.append(far))
    writer.join()
    assert {share for _, share in told} == {None}
