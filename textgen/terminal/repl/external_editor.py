"""A text that the user edits in an editor of their own."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textgen.data.sources import load_text
from textgen.errors import UsageError, read_as, reason, storage_errors
from textgen.runs.files import write_durably


def edit_text(text: str) -> str:
    """Open a text in $VISUAL or $EDITOR, and return the edited text.

    Raises:
        UsageError: if the editor cannot be run, or fails.
        CorpusError: if the edited file is not a text.
    """
    default = "notepad" if os.name == "nt" else "vi"
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or default
    advice = "set VISUAL or EDITOR to the command of another editor"
    with text_to_edit(text) as path:
        try:
            done = subprocess.run([*shlex.split(command), str(path)])
        except (OSError, ValueError) as error:
            why = reason(error) if isinstance(error, OSError) else str(error)
            raise UsageError(f"cannot run the editor {command!r}: {why}; {advice}") from error
        if done.returncode:
            raise UsageError(f"the editor {command!r} ended with code {done.returncode}; {advice}")
        with read_as("edited text"):
            return load_text(path).removesuffix("\n")


@contextmanager
def text_to_edit(text: str) -> Iterator[Path]:
    """Put a text into a temporary file as long as the context lasts.

    Yields:
        The file, which only the user can read. It ends with a newline, as editors want it.

    Raises:
        StorageError: if it cannot be written.
    """
    with storage_errors(Path(tempfile.gettempdir())):
        folder = tempfile.TemporaryDirectory(prefix="textgen-")
    with folder as name:
        path = Path(name) / "text.txt"
        with storage_errors(path):
            ended = text if text.endswith("\n") or not text else text + "\n"
            write_durably(path, ended.encode("utf-8", "replace"))
        yield path
