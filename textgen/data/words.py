"""Read lists of words from files."""

from pathlib import Path

from textgen.data.sources import load_text
from textgen.errors import CorpusError, read_as


def read_words(path: Path) -> tuple[str, ...]:
    """Return the distinct words of a file, in order; white space separates them.

    Raises:
        CorpusError: if it cannot be read as text, or holds no word.
    """
    with read_as("list of words"):
        words = tuple(dict.fromkeys(load_text(path).split()))
        if not words:
            raise CorpusError(path, "it holds no words")
        return words
