"""Keys are read from a file, and only one of them opens the server."""

from pathlib import Path

import pytest

from textgen.errors import UsageError
from textgen.serve.http.keys import Keys, read_keys


def test_each_key_of_a_file_opens_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("# of the team\nabcdefghijklmnop\n\n  0123456789abcdef  \n")
    keys = read_keys(path)
    assert keys.accepts("abcdefghijklmnop")
    assert keys.accepts("0123456789abcdef")
    for other in ("", "abcdefghijklmno", "abcdefghijklmnopq", "# of the team", "\ud800"):
        assert not keys.accepts(other)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no key; write at least one, a line each"),
        (b"# nothing\n", "has no key"),
        (b"0123456789abcdef\nshort\n", "key 2 in .* must have at least 16 ASCII characters"),
        ("0123456789abcdé".encode() + b"f", "key 1 in .* must have"),
        (b"0123456789 abcdef", "without spaces; make one with: openssl rand -hex 32"),
        (b"\xff\xfe", "are not UTF-8 text"),
    ],
)
def test_a_file_that_would_not_be_safe_is_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_keys(path)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the keys in '.*/none': there is no such"):
        read_keys(tmp_path / "none")


def test_no_key_opens_nothing() -> None:
    assert not Keys([]).accepts("")
