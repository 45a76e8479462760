"""What a user reads of the errors that a system reports."""

import errno
import os
from pathlib import Path

import pytest

from textgen.errors import (
    CorpusError,
    StorageError,
    UnknownCharacterError,
    UnreadableError,
    read_as,
    reading_errors,
    reason,
    storage_errors,
)


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_a_reason_shows_no_number_and_is_in_words(number: int) -> None:
    told = reason(OSError(number, os.strerror(number)))
    assert "Errno" not in told
    assert told[0].islower()
    assert told.startswith("the system says: ") or told != os.strerror(number)


def test_a_failed_read_and_a_failed_write_name_the_file_and_what_to_do(tmp_path: Path) -> None:
    problem = "it is a folder, not a file"
    with pytest.raises(UnreadableError) as unread, reading_errors(tmp_path):
        tmp_path.read_bytes()
    assert str(unread.value) == f"cannot read {str(tmp_path)!r}: {problem}"
    with pytest.raises(StorageError) as unwritten, storage_errors(tmp_path):
        tmp_path.write_bytes(b"")
    assert str(unwritten.value) == f"cannot write {str(tmp_path)!r}: {problem}"
    with pytest.raises(StorageError, match="free some space") as full, storage_errors(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert full.value.is_full


def test_an_error_of_a_text_says_what_the_text_is_to_the_command() -> None:
    with pytest.raises(CorpusError, match=r"^prompt 'a\.txt': it is empty$"), read_as("prompt"):
        raise CorpusError("a.txt", "it is empty")
    assert str(CorpusError("a.txt", "it is empty")) == "corpus 'a.txt': it is empty"


@pytest.mark.parametrize("setting", ["on_unknown", "--on-unknown", "/set on_unknown"])
def test_advice_about_an_unknown_character_names_what_helps_and_is_not_set_already(
    setting: str,
) -> None:
    plain, nearest = (UnknownCharacterError("\U0001f642", 4, rule) for rule in ("error", "nearest"))
    assert plain.advice(setting) == (
        "the model does not know the character '\U0001f642' (U+1F642) at position 5; "
        f"leave it out, or choose {setting} nearest, skip or replace"
    )
    assert nearest.advice(setting) == (
        "the model does not know the character '\U0001f642' (U+1F642) at position 5, and none "
        f"that is near it; leave it out, or choose {setting} skip or replace"
    )
    assert (
        str(plain)
        == plain.advice("on_unknown")
        == (f"{plain.problem}; leave it out, or choose on_unknown nearest, skip or replace")
    )
