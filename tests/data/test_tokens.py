from pathlib import Path

import numpy as np
import pytest

from textgen.data.prepare import prepare_text
from textgen.data.text_rules import TextRules
from textgen.data.tokens import open_tokens, token_dtype
from textgen.errors import DamagedError


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
    assert not tokens.flags.writeable


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
