"""Results of an evaluation: live lines while it works, and a table at its end."""

import math
from collections.abc import Mapping, Sequence
from typing import Self

from rich.text import Text

from textgen.evaluation.baselines import Measuring
from textgen.readable import one_line
from textgen.terminal.display.live import LiveView
from textgen.terminal.display.progress_line import ProgressMode, progress_form
from textgen.terminal.display.render import format_notes, format_table
from textgen.terminal.output import say
from textgen.workflows.evaluate import Evaluation, Result
from textgen.workflows.events import Note

PROTOCOLS = {
    "window": "each window of 256 characters starts from the zero state, as in nanoGPT",
    "stream": "the state is carried through the whole text; the weights are fixed",
    "dynamic": "like stream, but the model also learns from what it has read, as xz does",
}
MISSING = {"missing": "each character from all others around it, as if it alone were missing"}


def format_results(results: Sequence[Result], columns: int | None, *, is_own: bool) -> str:
    """Write results as a table with a column for each protocol, or as lines if it is too wide.

    Args:
        results: at least one.
        columns: width of the terminal in columns; None if there is no limit.
        is_own: whether the checkpoint was chosen by its loss on this text.
    """
    rows: dict[str, dict[str, str]] = {}
    for result in results:
        losses = rows.setdefault(result.title, {})
        right = "" if result.right is None else f", {result.right:.1%} right"
        losses[result.protocol] = f"{result.nats:.4f} ({result.bits:.3f}){right}"
    is_two_way = any(result.protocol in MISSING for result in results)
    protocols: Mapping[str, str] = MISSING if is_two_way else PROTOCOLS
    head = ("nats per character (bits)", *protocols)
    body = [(title, *(found.get(name, "-") for name in protocols)) for title, found in rows.items()]
    table = format_table([head, *body])
    if columns is not None and max(map(len, table.splitlines())) > columns:
        table = format_notes(map(format_result, results), columns)
    notes = [f"{name}: {what}." for name, what in protocols.items()]
    notes.append("Compare results only within a protocol.")
    if is_own:
        notes.append("The checkpoint was chosen by its loss on this text or a part of it.")
    return f"{table}\n\n{format_notes(notes, columns)}"


def format_result(result: Result) -> str:
    """Write a result on one line."""
    right = "" if result.right is None else f", {result.right:.1%} right"
    return (
        f"{result.protocol}, {result.title}: {result.nats:.4f} nats, {result.bits:.3f} bits{right}"
    )


class EvaluationDisplay:
    """Shows the events of an evaluation. Use it as a context, and give each event to `show`.

    On a terminal the results stand in live lines; elsewhere each event is a line of its own.

    Attributes:
        results: the results so far.
    """

    def __init__(self, progress: ProgressMode = "auto", *, quiet: bool) -> None:
        """Prepare the display without showing anything.

        Args:
            progress: how to show progress; see `progress_form`.
            quiet: whether to show nothing at all.
        """
        self.results: list[Result] = []
        self._quiet = quiet
        self._is_plain = progress_form(progress, quiet=quiet) == "plain"
        self._live = LiveView(progress, quiet=quiet)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def show(self, event: Evaluation) -> None:
        """Show one event."""
        match event:
            case Note(text):
                if not self._quiet:
                    say(one_line(text))
            case Result():
                self.results.append(event)
                if self._is_plain:
                    say(format_result(event))
            case Measuring(what, share) if self._live.is_on:
                percent = f", {math.floor(100 * share)} %" if share else ""
                lines = [*map(format_result, self.results), f"measuring {what}{percent}"]
                self._live.update(Text("\n".join(lines)))
            case Measuring(what, share) if not share and self._is_plain:
                say(f"measuring {what}")
