"""The table of --max-copy, which a run keeps."""

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textgen.errors import TextgenWarning
from textgen.generation import copies
from textgen.generation import copy_index as module
from textgen.generation.copies import CopyTable
from textgen.generation.copy_index import CopyIndex
from textgen.runs.kept_index import COPIES, HEADER_BYTES
from textgen.runs.run import Run
from textgen.workflows.load import load_model


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Keep tables of short texts too, and count those that are made: their limits."""
    monkeypatch.setattr(module, "LEAST_KEPT", 1)
    made, make = list[int](), module.make_copy_table

    def count(training: object, vocab_size: int, length: int) -> object:
        made.append(length)
        return make(training, vocab_size, length)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "make_copy_table", count)
    return made


def table_of(run: Path, length: int = 7) -> CopyTable:
    table = load_model(str(run)).copies.table(length)
    assert table is not None
    return table


def same(one: CopyTable, other: CopyTable) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_table_is_made_once_and_then_read(tiny_run: Path, builds: list[int]) -> None:
    model = load_model(str(tiny_run))
    fresh = CopyIndex(model.training_tokens, len(model.config.vocabulary)).table(7)
    assert fresh is not None
    first = table_of(tiny_run)
    written = (tiny_run / COPIES).read_bytes()
    assert len(written) == HEADER_BYTES + fresh.bits.nbytes
    again = table_of(tiny_run)
    assert builds == [7, 7]  # without a run, and with one
    assert same(fresh, first)
    assert same(fresh, again)
    assert (again.bits.dtype, again.shift.dtype) == (np.uint32, np.uint32)
    assert (tiny_run / COPIES).read_bytes() == written
    other = table_of(tiny_run, 9)  # another limit takes its place
    assert not same(other, first)
    assert same(other, table_of(tiny_run, 9))
    assert builds == [7, 7, 9]


def test_a_short_text_is_indexed_each_time(tiny_run: Path) -> None:
    table_of(tiny_run)
    assert not (tiny_run / COPIES).exists()


def test_the_table_of_another_text_is_made_anew(
    tiny_run: Path, builds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tiny_run)
    record, text = run.record(), np.arange(1, 41, dtype=np.uint8)
    first = CopyIndex(lambda: text, 41, run).table(7)
    assert first is not None
    shorter = CopyIndex(lambda: text[:39], 41, run).table(7)
    assert shorter is not None
    assert not same(shorter, first)
    CopyIndex(lambda: text, 41, run).table(7)
    corpus = replace(record.corpus, tokens_sha256="0" * 64)
    monkeypatch.setattr(Run, "record", lambda run: replace(record, corpus=corpus))
    changed = CopyIndex(lambda: text[::-1], 41, run).table(7)
    assert changed is not None
    assert not same(changed, first)
    CopyIndex(lambda: text[::-1], 42, run).table(7)
    assert builds == [7] * 5


def test_a_damaged_table_is_told_and_made_anew(tiny_run: Path, builds: list[int]) -> None:
    first, path = table_of(tiny_run), tiny_run / COPIES
    sound = path.read_bytes()
    for damaged in (
        b"",
        sound[:-1],
        sound[:-4],
        sound[:HEADER_BYTES],
        sound + b"\0\0\0\0",
        *(sound[:at] + bytes([sound[at] ^ 4]) + sound[at + 1 :] for at in (3, 60, 1100, -1)),
    ):
        path.write_bytes(damaged)
        assert [error.path.name for error in Run(tiny_run).problems()] == [COPIES]
        builds.clear()
        assert same(table_of(tiny_run), first)
        assert builds == [7]
        assert path.read_bytes() == sound
    assert Run(tiny_run).problems() == []


def test_a_link_is_not_followed(tiny_run: Path, builds: list[int], tmp_path: Path) -> None:
    table_of(tiny_run)
    (tiny_run / COPIES).rename(tmp_path / "elsewhere")
    (tiny_run / COPIES).symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").read_bytes()
    table_of(tiny_run)
    assert builds == [7, 7]
    assert not (tiny_run / COPIES).is_symlink()
    assert (tmp_path / "elsewhere").read_bytes() == before


def test_a_table_that_cannot_be_kept_works_all_the_same(
    tiny_run: Path, builds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.open

    def full(path: Path, mode: str = "r", **options: Any) -> Any:
        if "w" in mode or "x" in mode:
            raise OSError(30, os.strerror(30), str(path))
        return original(path, mode, **options)

    monkeypatch.setattr(Path, "open", full)  # as on a disk that can only be read
    with pytest.warns(TextgenWarning, match="is not kept for the next time: cannot write"):
        first = table_of(tiny_run)
    monkeypatch.undo()
    assert sorted(path.name for path in tiny_run.iterdir() if path.name == COPIES) == []
    assert same(first, table_of(tiny_run))


def test_a_table_that_is_too_full_says_what_it_forbids(
    tiny_run: Path, builds: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MOST_BITS", 2**9)
    monkeypatch.setattr(module, "MOST_FORBIDDEN", 1e-4)
    for _ in range(2):  # when it is made, and when it is read again
        with pytest.warns(TextgenWarning, match=r"it forbids \d+\.\d% of all characters without"):
            table_of(tiny_run)
    assert builds == [7]


def test_making_that_is_stopped_leaves_nothing(tiny_run: Path, builds: list[int]) -> None:
    before = sorted(path.name for path in tiny_run.iterdir())
    making = load_model(str(tiny_run)).copies.prepare(7)
    assert next(making) == 0
    making.close()
    assert sorted(path.name for path in tiny_run.iterdir()) == before
    assert builds == [7]
    shutil.rmtree(tiny_run)
