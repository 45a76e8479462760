"""The texts that ship with textgen, and how a corpus is found by its name."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from textgen.data.corpus import read_chunks
from textgen.errors import CorpusError

# What each text is, in half a line; where it comes from is told by corpora/README.md.
TEXTS = {
    "fables": "113 short fables in English, much dialogue",
    "names": "given names from many languages, one a line",
    "narration": "sentences of the fables in which nobody speaks",
    "numerals": "numbers and their English words",
    "sequences": "arithmetic sequences of five terms",
    "speech": "sentences spoken in the fables",
}


@dataclass(frozen=True)
class ShippedText:
    """A text that ships with textgen.

    Attributes:
        name: by which it can be trained on.
        characters: how many it has.
        lines: how many it has.
        what: it is, in half a line.
        path: of its file.
    """

    name: str
    characters: int
    lines: int
    what: str
    path: Path


def shipped_corpus(name: str = "fables") -> Path:
    """Return the path of a text that ships with textgen.

    A wheel holds the texts inside the package; an editable install leaves them where they are kept.

    Raises:
        CorpusError: if there is no such text.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "corpora", package.parent / "corpora"):
        path = folder / f"{name}.txt"
        if path.is_file():
            return path
    raise CorpusError(f"{name}.txt", "it does not ship with textgen")


def shipped_texts() -> Iterator[ShippedText]:
    """Read the texts that ship with textgen, one after the other, and yield what each is.

    Raises:
        CorpusError: if one is missing or cannot be read.
    """
    for name, what in TEXTS.items():
        path = shipped_corpus(name)
        text = "".join(read_chunks(path))
        yield ShippedText(name, len(text), len(text.splitlines()), what, path)


def find_corpus(path: Path) -> Path:
    """Return what a corpus is named by: a file or folder, or else the shipped text of that name.

    Args:
        path: as it was given; what lies there comes first. Only a name without a folder can be that
            of a shipped text.

    Returns:
        A path; nothing may lie there if it has a folder.

    Raises:
        CorpusError: if a name is neither; the message lists the names of the shipped texts.
    """
    if os.path.lexists(path) or path.name != str(path):
        return path
    if path.name in TEXTS:
        return shipped_corpus(path.name)
    names = ", ".join(TEXTS)
    problem = f"there is no such file or folder, nor a text that ships with textgen ({names})"
    raise CorpusError(path, problem)
