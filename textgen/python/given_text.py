"""A text that a program gives as a string, as a file that can be trained on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from textgen.errors import SettingError

NAME = "text.txt"


def check_text(text: object) -> None:
    """Check that a text can be written to a file.

    Raises:
        SettingError: if it is no text, or holds half of a surrogate pair.
    """
    if not isinstance(text, str):
        raise SettingError("text", text, "a text")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        allowed = "a text without halves of surrogate pairs"
        raise SettingError("text", text[error.start], allowed) from error


@contextmanager
def file_of(text: str) -> Iterator[Path]:
    """Write a text to a temporary file, which is removed at the end of the context."""
    with TemporaryDirectory(prefix="textgen-") as folder:
        path = Path(folder) / NAME
        path.write_bytes(text.encode())
        yield path
