import json
import os
import shutil
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest

from textgen.data.text_index import TextIndex
from textgen.errors import DamagedError
from textgen.runs.files import encode_json
from textgen.runs.kept_index import HEADER_BYTES
from textgen.runs.run import Run
from textgen.runs.trace_index import NAME, check_index, open_index

IDS = np.random.default_rng(1).integers(1, 9, 500).astype(np.uint8)
Opening = Generator[float, None, tuple[TextIndex, str]]


def opened(opening: Opening) -> tuple[TextIndex, str, bool]:
    """Run an opening out; return the index, the problem, and whether it was made."""
    is_made = False
    while True:
        try:
            next(opening)
            is_made = True
        except StopIteration as stop:
            return *stop.value, is_made


def found_at(index: TextIndex, begin: int, size: int = 25) -> list[int]:
    query = IDS[begin : begin + size].astype(np.int64)
    positions: list[int] = index.find(query, size).positions.tolist()
    return positions


def test_an_index_is_made_once_and_then_read(own_folder: Path) -> None:
    index, problem, is_made = opened(open_index(own_folder, IDS, "x", 20))
    assert (problem, is_made, found_at(index, 100)) == ("", True, [100])
    written = (own_folder / NAME).read_bytes()
    assert len(written) == HEADER_BYTES + 4 * -(-len(IDS) // 8)
    index, problem, is_made = opened(open_index(own_folder, IDS, "x", 30))
    assert (problem, is_made, found_at(index, 300)) == ("", False, [300])
    assert (own_folder / NAME).read_bytes() == written
    assert [path.name for path in own_folder.iterdir()] == [NAME]


def test_shorter_stretches_need_a_finer_index_which_serves_longer_ones_too(
    own_folder: Path,
) -> None:
    opened(open_index(own_folder, IDS, "x", 20))
    index, _, is_made = opened(open_index(own_folder, IDS, "x", 8))
    assert (index.step, is_made) == (4, True)
    index, _, is_made = opened(open_index(own_folder, IDS, "x", 20))
    assert (index.step, is_made) == (4, False)


def test_an_index_of_another_text_is_made_anew(own_folder: Path) -> None:
    opened(open_index(own_folder, IDS[::-1].copy(), "y", 20))
    index, _, is_made = opened(open_index(own_folder, IDS, "x", 20))
    assert (is_made, found_at(index, 77)) == (True, [77])
    index, _, is_made = opened(open_index(own_folder, IDS[:400], "x", 20))
    assert (is_made, found_at(index, 77)) == (True, [77])


def test_every_damaged_index_is_told_and_made_anew(own_folder: Path) -> None:
    opened(open_index(own_folder, IDS, "x", 20))
    path = own_folder / NAME
    sound = path.read_bytes()
    for damaged in (
        b"",
        sound[:-1],
        sound[:HEADER_BYTES],
        sound + b"\0\0\0\0",
        *(sound[:at] + bytes([sound[at] ^ 4]) + sound[at + 1 :] for at in (3, 60, 1100, -1)),
    ):
        path.write_bytes(damaged)
        with pytest.raises(DamagedError):
            check_index(own_folder)
        index, problem, is_made = opened(open_index(own_folder, IDS, "x", 20))
        assert (problem, is_made, found_at(index, 5)) == ("", True, [5])
        assert path.read_bytes() == sound
        check_index(own_folder)


@pytest.mark.parametrize("changes", [{"ids": "500"}, {"ids": [5]}, {"step": [8]}, {"step": True}])
def test_a_sealed_header_of_other_types_is_refused(
    own_folder: Path, changes: dict[str, object]
) -> None:
    opened(open_index(own_folder, IDS, "x", 20))
    path = own_folder / NAME
    sound = path.read_bytes()
    header = json.loads(sound[:HEADER_BYTES]) | changes
    header.pop("sha256")
    path.write_bytes(encode_json(header).ljust(HEADER_BYTES) + sound[HEADER_BYTES:])
    with pytest.raises(DamagedError, match="its header does not fit"):
        check_index(own_folder)


def test_a_link_is_not_followed(own_folder: Path) -> None:
    opened(open_index(own_folder, IDS, "x", 20))
    (own_folder / NAME).rename("elsewhere")
    (own_folder / NAME).symlink_to("elsewhere")
    assert opened(open_index(own_folder, IDS, "x", 20))[2]


def test_an_index_that_cannot_be_kept_works_all_the_same(own_folder: Path) -> None:
    folder = own_folder / "file-in-the-way"
    folder.write_text("")
    index, problem, is_made = opened(open_index(folder, IDS, "x", 20))
    assert (is_made, found_at(index, 9)) == (True, [9])
    assert "cannot write" in problem


def test_an_opening_that_is_stopped_leaves_nothing(own_folder: Path) -> None:
    opening = open_index(own_folder, IDS, "x", 20)
    next(opening)
    opening.close()
    assert list(own_folder.iterdir()) == []


def test_a_run_is_verified_and_deleted_with_its_index(tiny_run: Path) -> None:
    run = Run(tiny_run)
    record = run.record()
    opening = open_index(tiny_run, np.asarray(run.open_parts(record)[0]), "x", 20)
    opened(opening)
    assert run.problems() == []
    before = run.size()
    run.prune(1)
    run.remove_leftovers()
    assert (tiny_run / NAME).exists()
    os.truncate(tiny_run / NAME, HEADER_BYTES + 4)
    assert [error.path.name for error in run.problems() if isinstance(error, DamagedError)] == [
        NAME
    ]
    assert run.size() < before
    shutil.rmtree(tiny_run)
