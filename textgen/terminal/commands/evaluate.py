"""The command that measures how well a run predicts a text, beside simpler models."""

import json
import math
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from textgen.errors import RunNotFoundError, UsageError
from textgen.readable import one_line, wrap
from textgen.terminal.commands.options import AsJson, Output, Quiet, RunArgument, Unknown
from textgen.terminal.commands.text_input import text_chunks, text_name
from textgen.terminal.display.render import format_table
from textgen.terminal.output import emit, say

if TYPE_CHECKING:
    from rich.live import Live

    from textgen.generation.model import Model
    from textgen.workflows.evaluate import Evaluation, Result

PROTOCOLS = {
    "window": "256 characters at a time from the zero state, as nanoGPT measures",
    "stream": "the whole text once, the state carried along; nothing goes on learning",
    "dynamic": "a stream whose predictor learns from what it has read, as xz does",
}


def evaluate(
    run: RunArgument = None,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE|-]", help="A text; by default the validation text of the run."
        ),
    ] = None,
    output: Output = None,
    on_unknown: Unknown = "error",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure how well the best checkpoint of a run predicts a text, beside n-gram models and xz.

    Three protocols, whose results do not compare: window, stream and dynamic.
    """
    if output is not None:
        from textgen.pictures.save import check_picture

        check_picture(output)
    model = _load(run, file)
    text = None if file is None else "".join(text_chunks(file))

    from textgen.runtime.compile_cache import keep_compiled

    keep_compiled()
    from textgen.terminal.signals import noted_signals
    from textgen.workflows import evaluate

    tokens, unknown = None, 0
    if text is not None:
        name, vocabulary = _name(file), model.config.vocabulary
        tokens, unknown = evaluate.encode_text(text, name, vocabulary, on_unknown)
        if unknown and not quiet:
            say(f"unknown to the model: {unknown:,} of {len(text):,} characters ({on_unknown})")
    with noted_signals() as ending, EvaluationDisplay(quiet=quiet) as display:
        for event in evaluate.evaluate(model, tokens):
            display.show(event)
            if ending.requested():
                break
    if output is not None and display.results:
        from textgen.pictures.evaluation import Bar, draw_bars
        from textgen.pictures.save import save_picture

        bars = [Bar(result.title, result.protocol, result.bits) for result in display.results]
        save_picture(output, draw_bars(bars))
        if not quiet:
            say(f"drawn: {output!s}")
    if as_json:
        content = {
            "run": model.name,
            "step": model.step,
            "sha256": model.sha256,
            "text": _name(file),
            "unknown": unknown,
            "on_unknown": on_unknown,
            "results": [result.to_json() for result in display.results],
        }
        emit(json.dumps(content) + "\n")
    elif display.results:
        head = f"{model.name}, step {model.step:,}, on {_name(file)}"
        table = format_results(display.results, _columns(), is_own=file is None)
        emit(f"{one_line(head)}\n\n{table}\n")
    raise typer.Exit(0 if ending.signal is None else 128 + ending.signal)


def _load(run: str | None, file: Path | None) -> "Model":
    from textgen.workflows.load import load_model

    try:
        return load_model(run)
    except RunNotFoundError as error:
        if file is None and run is not None and (run == "-" or Path(run).is_file()):
            raise UsageError(
                f"{run!r} is a text and no run; name a run before it: textgen evaluate RUN {run}"
            ) from error
        raise


def _name(file: Path | None) -> str:
    return "its validation text" if file is None else text_name(file)


def _columns() -> int:
    return shutil.get_terminal_size().columns


def format_results(results: "Sequence[Result]", columns: int, *, is_own: bool) -> str:
    """Write results as a table with a column for each protocol, or as lines if it is too wide.

    Args:
        results: at least one.
        columns: the most a line may take.
        is_own: whether the text is the one that the checkpoint was chosen by.
    """
    rows: dict[str, dict[str, str]] = {}
    for result in results:
        cells = rows.setdefault(result.title, {})
        cells[result.protocol] = f"{result.nats:.4f} ({result.bits:.3f})"
    head = ("nats per character (bits)", *PROTOCOLS)
    body = [(title, *(cells.get(name, "-") for name in PROTOCOLS)) for title, cells in rows.items()]
    table = format_table([head, *body])
    if max(map(len, table.splitlines())) > columns:
        lines = [line for result in results for line in wrap(format_result(result), columns)]
        table = "\n".join(lines)
    notes = [f"{name}: {what}." for name, what in PROTOCOLS.items()]
    notes.append("Compare within a protocol only.")
    if is_own:
        notes.append("The checkpoint was chosen by its loss on this text or a part of it.")
    return f"{table}\n\n" + "\n".join(line for note in notes for line in wrap(note, columns))


def format_result(result: "Result") -> str:
    """Write a result on one line."""
    return f"{result.protocol}, {result.title}: {result.nats:.4f} nats, {result.bits:.3f} bits"


class EvaluationDisplay:
    """What is shown of an evaluation as it goes: a context in which `show` takes its events.

    On a terminal that is a table that grows, elsewhere a line for each event.

    Attributes:
        results: so far.
    """

    def __init__(self, *, quiet: bool) -> None:
        self.results: list[Result] = []
        self._quiet = quiet
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        if console.is_terminal and not console.is_dumb_terminal and not self._quiet:
            live = Live(console=console, refresh_per_second=4, transient=True)
            with suppress(OSError):
                live.start()
                self._live = live
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            with suppress(OSError):  # the terminal is gone
                self._live.stop()

    def show(self, event: "Evaluation") -> None:
        """Show one event."""
        from textgen.evaluation.baselines import Measuring
        from textgen.workflows.evaluate import Result
        from textgen.workflows.events import Note

        match event:
            case Note(text):
                self._say(one_line(text))
            case Result():
                self.results.append(event)
                if self._live is None:
                    self._say(format_result(event))
            case Measuring(what, share) if self._live is not None:
                self._update(f"measuring {what}" + f", {math.floor(100 * share)} %" * (share > 0))
            case Measuring(what, share) if not share:
                self._say(f"measuring {what}")

    def _update(self, working: str) -> None:
        from rich.text import Text

        assert self._live is not None
        results = [format_result(result) for result in self.results]
        with suppress(OSError):
            self._live.update(Text("\n".join([*results, working])))

    def _say(self, text: str) -> None:
        if not self._quiet:
            say(text)
