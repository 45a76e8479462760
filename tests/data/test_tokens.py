import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from textgen.data.prepare import prepare_text
from textgen.data.text_rules import TextRules
from textgen.data.tokens import (
    BLOCK_BYTES,
    BlockSums,
    TokenFile,
    open_tokens,
    positions_of,
    token_dtype,
)
from textgen.errors import DamagedError

Array = NDArray[np.unsignedinteger]


@pytest.fixture
def blocks(tmp_path: Path) -> tuple[TokenFile, Array]:
    """Return a file of seven blocks that is checked as it is read, and the ids in it."""
    ids = np.random.default_rng(3).integers(0, 500, 200_000).astype(token_dtype(500))
    sums = BlockSums()
    sums.update(ids.tobytes())
    (tmp_path / "tokens").write_bytes(ids.tobytes())
    return open_tokens(tmp_path / "tokens", len(ids), 500, sums.sha256, sums.blocks()), ids


@pytest.mark.parametrize(
    ("vocab_size", "width"), [(2, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 4)]
)
def test_an_id_takes_the_fewest_bytes_that_hold_it(vocab_size: int, width: int) -> None:
    assert token_dtype(vocab_size).itemsize == width
    assert np.iinfo(token_dtype(vocab_size)).max >= vocab_size - 1


@pytest.mark.parametrize("alphabet_size", [5, 400])
def test_the_file_read_back_is_training_then_validation(tmp_path: Path, alphabet_size: int) -> None:
    text = "".join(chr(0x100 + number * 7 % alphabet_size) for number in range(1000))
    (tmp_path / "t").write_text(text, encoding="utf-8")
    made = prepare_text([tmp_path / "t"], TextRules(), tmp_path / "tokens")
    vocabulary = made.vocabulary
    tokens = open_tokens(tmp_path / "tokens", 1000, len(vocabulary), made.tokens_sha256)
    assert vocabulary.decode(tokens[:900]) == text[:900]
    assert vocabulary.decode(tokens[900:]) == text[900:]


def test_a_flipped_bit_a_cut_or_a_missing_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("abcd" * 50, encoding="utf-8")
    path = tmp_path / "tokens"
    sha256 = prepare_text([tmp_path / "t"], TextRules(), path).tokens_sha256
    whole = path.read_bytes()
    path.write_bytes(whole[:99] + bytes([whole[99] ^ 1]) + whole[100:])
    with pytest.raises(DamagedError, match="SHA-256"):
        open_tokens(path, 200, 5, sha256)
    path.write_bytes(whole[:-1])
    with pytest.raises(DamagedError, match="199 bytes, expected 200"):
        open_tokens(path, 200, 5, sha256)
    path.unlink()
    with pytest.raises(DamagedError, match="missing"):
        open_tokens(path, 200, 5, sha256)


def test_a_file_is_indexed_like_the_array_that_it_holds(blocks: tuple[TokenFile, Array]) -> None:
    tokens, expected = blocks
    random = np.random.default_rng(0)
    assert (len(tokens), tokens.nbytes) == (len(expected), expected.nbytes)
    indices = random.integers(-len(expected), len(expected), (3, 50))
    part, same = tokens.part(70_001, 150_003), expected[70_001:150_003]
    for index in (indices, slice(10, 20), slice(-5, None), 3, -1, slice(5, 1000, 7), (None, 4)):
        np.testing.assert_array_equal(tokens[index], expected[index])
    for index in (np.array([[0, -1], [5, 80_001]]), slice(60_000, 65_600), slice(4, 2)):
        np.testing.assert_array_equal(part[index], same[index])
    np.testing.assert_array_equal(part.part(10, 20), same[10:20])
    assert len(tokens[len(expected) :]) == len(tokens[200:100]) == len(tokens.part(0, 0)[:]) == 0
    np.testing.assert_array_equal(part, same)
    np.testing.assert_array_equal(positions_of(part, 7), np.flatnonzero(same == 7))
    for index in (np.array([len(expected)]), len(expected)):
        with pytest.raises(IndexError):
            tokens[index]
    assert not tokens[:10].flags.writeable


@pytest.mark.parametrize(
    ("index", "is_read"),
    [
        (slice(0, 32_768), False),
        (slice(32_768, 65_536), True),
        (slice(32_767, 32_769), True),
        (slice(65_536, None), False),
        (np.array([5, 70_000]), False),
        (np.array([5, 40_000]), True),
        (np.array([-1, 0]), False),
        (40_000, True),
        (-1, False),
        (slice(0, None, 2), True),
    ],
)
def test_a_damaged_block_is_noticed_when_it_is_read(
    blocks: tuple[TokenFile, Array], tmp_path: Path, index: object, *, is_read: bool
) -> None:
    # Blocks of 65,536 bytes hold 32,768 ids of two bytes; a bit of the second one flips.
    tokens, expected = blocks
    path = tmp_path / "tokens"
    damaged = bytearray(path.read_bytes())
    damaged[2 * 40_000] ^= 1
    path.write_bytes(damaged)
    if not is_read:
        np.testing.assert_array_equal(tokens[index], expected[index])
        return
    for _ in range(2):
        with pytest.raises(DamagedError, match="differs from the recorded one from byte 65,536"):
            tokens[index]
    with pytest.raises(DamagedError):
        tokens.check()


def test_sums_do_not_depend_on_how_a_file_is_written() -> None:
    data = np.random.default_rng(0).bytes(3 * BLOCK_BYTES + 5)
    whole, pieces = BlockSums(), BlockSums()
    whole.update(data)
    for begin in range(0, len(data), 1001):
        pieces.update(data[begin : begin + 1001])
    expected = [
        hashlib.sha256(data[begin : begin + BLOCK_BYTES]).digest()
        for begin in range(0, len(data), BLOCK_BYTES)
    ]
    assert whole.blocks() == pieces.blocks() == b"".join(expected)
    assert whole.sha256 == pieces.sha256 == hashlib.sha256(data).hexdigest()
    assert BlockSums().blocks() == b""


# What reads every id of a file after the file was cut short, in a process of its own.
CUT = """
import hashlib, os, sys
from pathlib import Path
import numpy as np
from textgen.data import tokens
tokens.MAX_HELD = int(sys.argv[1])
path, data = Path("ids"), bytes(range(256)) * 2048
path.write_bytes(data)
sums = tokens.BlockSums()
sums.update(data)
for blocks in (sums.blocks(), None):
    path.write_bytes(data)
    file = tokens.open_tokens(path, len(data), 256, sums.sha256, blocks)
    file[:10]
    os.truncate(path, 100)
    try:
        print(int(file[:].sum()) == sum(data))
    except tokens.DamagedError as error:
        print(error)
"""


def cut_short(tmp_path: Path, most_held: int) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", CUT, str(most_held)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr  # SIGBUS would end it
    return done.stdout.splitlines()


@pytest.mark.parametrize("most_held", [2**28, 0])
def test_a_file_that_is_cut_short_while_it_is_in_use_ends_no_process(
    tmp_path: Path, most_held: int
) -> None:
    with_sums, without = cut_short(tmp_path, most_held)
    assert "'ids' is damaged: " in with_sums
    # What was read whole at the beginning no longer needs the file.
    assert without == "True" if most_held else "'ids' is damaged: 100 bytes" in without
