"""The texts that ship with textgen, and finding a corpus by its name."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from textgen.data.sources import STANDARD_INPUT, load_text
from textgen.errors import CorpusError

# A short description of each text. corpora/README.md tells where the texts come from.
TEXTS = {
    "fables": "113 short fables in English, much dialogue",
    "names": "given names from many languages, one per line",
    "narration": "sentences of the fables in which nobody speaks",
    "numerals": "numbers and their English words",
    "sequences": "arithmetic sequences of five terms",
    "speech": "sentences spoken in the fables",
    "tunes": "short tunes in ABC notation, a paragraph each",
}


@dataclass(frozen=True)
class ShippedText:
    """A text that ships with textgen.

    Attributes:
        name: the name that `textgen train` accepts.
        characters: length of the text in characters.
        lines: length of the text in lines.
        what: a short description.
        path: path of its file.
    """

    name: str
    characters: int
    lines: int
    what: str
    path: Path


def shipped_corpus(name: str = "fables") -> Path:
    """Return the path of a text that ships with textgen.

    A wheel holds the texts inside the package; an editable install reads them beside the package.

    Raises:
        CorpusError: if there is no such text.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "corpora", package.parent / "corpora"):
        for suffix in (".txt", ".abc"):
            if (path := folder / f"{name}{suffix}").is_file():
                return path
    raise CorpusError(name, "it does not ship with textgen")


def shipped_texts() -> Iterator[ShippedText]:
    """Read each text that ships with textgen, and yield its description.

    Raises:
        CorpusError: if one is missing or cannot be read.
    """
    for name, what in TEXTS.items():
        path = shipped_corpus(name)
        text = load_text(path)
        yield ShippedText(name, len(text), len(text.splitlines()), what, path)


def find_corpus(path: Path) -> Path:
    """Return the path of a corpus: a file, a folder, `-`, or else the shipped text of that name.

    Args:
        path: as the user gave it. Only a bare name, without a folder, can name a shipped text; a
            file or folder of that name takes precedence.

    Returns:
        A path that exists, unless the path that was given has a folder part: that is not checked.

    Raises:
        CorpusError: if a bare name is none of these; the message lists the shipped texts.
    """
    if os.path.lexists(path) or path.name != str(path) or str(path) == STANDARD_INPUT:
        return path
    if path.name in TEXTS:
        return shipped_corpus(path.name)
    names = ", ".join(TEXTS)
    problem = f"there is no such file or folder, nor a text that ships with textgen ({names})"
    raise CorpusError(path, problem)
