"""Samples one below the other, with a border between them on a terminal."""

import sys

from textgen.terminal.display.chart import FAINT
from textgen.terminal.display.colours import Tile, paint
from textgen.terminal.output import (
    LEAST_COLUMNS,
    Writer,
    columns_of,
    emit,
    is_plain,
    takes_colours,
)


class ShownSamples:
    """Shows samples while they are written.

    On a terminal, a rule with a number stands above each of several samples.

    Attributes:
        has_begun: whether anything is written yet.
    """

    def __init__(
        self, prompt: str, num_samples: int, *, wraps: bool, between: str = "\n\n"
    ) -> None:
        """Show nothing yet.

        Args:
            prompt: text with which each sample begins.
            num_samples: number of samples.
            wraps: whether text is wrapped at words on a terminal.
            between: what a pipe gets between two samples.
        """
        self.has_begun = False
        self._prompt, self._num_samples, self._between = prompt, num_samples, between
        self._writer = Writer(wraps=wraps)
        self._number, self._ends_line = -1, True

    def write(self, number: int, text: str) -> None:
        """Write a piece of a sample.

        Args:
            number: number of the sample, from 0 on; samples come one after the other.
            text: the piece; the first one follows the prompt.
        """
        if number > self._number:
            if sys.stdout.isatty():
                self.end_line()
                if self._num_samples > 1:
                    emit(self._rule(number) + "\n", is_safe=True)
            elif number:
                self._writer.write(self._between)
            self._number, self.has_begun = number, True
            text = self._prompt + text
        if text:
            self._writer.write(text)
            self._ends_line = text.endswith("\n")

    def end_line(self) -> None:
        """End the line on a terminal, unless it has ended already."""
        self._writer.flush()
        if sys.stdout.isatty() and not self._ends_line:
            self._writer.write("\n")
        self._ends_line = True

    def _rule(self, number: int) -> str:
        dash = "-" if is_plain() else "\u2500"
        title = f" {number + 1:,} of {self._num_samples:,} "
        columns = columns_of(sys.stdout) or LEAST_COLUMNS
        rule = f"{dash * 2}{title}".ljust(columns, dash)
        return paint([Tile(rule, FAINT)], colours=takes_colours(sys.stdout))
