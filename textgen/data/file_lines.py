"""The file of each line of a text that is joined of several files."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from textgen.data.vocabulary import END


class FileLine(NamedTuple):
    """A line of a file.

    Attributes:
        file: name of the file.
        line: number of the line, counted from 1.
    """

    file: str
    line: int


class FileLines:
    """Counts the lines of files while their text is read, so that each line can be found again.

    A line ends with a newline or with the end of a document.
    """

    def __init__(self) -> None:
        self.files: list[str] = []
        # Number of lines before each file.
        self._before: list[int] = []
        self._count = 0

    def count(self, chunks: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Pass on the pieces of a text.

        Args:
            chunks: name of the file and text of each piece.
        """
        for name, text in chunks:
            if text and (not self.files or name != self.files[-1]):
                self.files.append(name)
                self._before.append(self._count)
            self._count += text.count("\n") + text.count(END)
            yield text

    def find(self, number: int) -> FileLine:
        """Return the file of a line that was passed on, and the number of the line in the file.

        Args:
            number: number of the line in the whole text, counted from 1.
        """
        file = max(bisect_right(self._before, number - 1) - 1, 0)
        return FileLine(self.files[file], number - self._before[file])
