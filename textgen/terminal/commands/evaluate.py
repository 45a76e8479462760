"""The command `evaluate`: measure how well a run predicts a text, beside simpler predictors."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from textgen.errors import RunNotFoundError, UsageError
from textgen.readable import one_line
from textgen.terminal.commands.options import AsJson, Output, Quiet, RunArgument, Unknown
from textgen.terminal.commands.picture import check_output, save_output
from textgen.terminal.commands.text_input import text_chunks, text_name
from textgen.terminal.output import columns_of, emit, say

if TYPE_CHECKING:
    from textgen.generation.model import Model


def evaluate(
    run: RunArgument = None,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE|-]",
            help="Text to measure on; the validation text of the run by default.",
        ),
    ] = None,
    output: Output = None,
    on_unknown: Unknown = "error",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure how well a run predicts a text.

    The best checkpoint is compared with n-gram models and xz. There are three protocols: window,
    stream and dynamic. Compare results only within a protocol.
    """
    check_output(output)
    model = _load(run, file)
    text = None if file is None else "".join(text_chunks(file))

    from textgen.runtime.environment import prepare_jax

    prepare_jax()
    from textgen.terminal.display.evaluation import EvaluationDisplay, format_results
    from textgen.terminal.signals import noted_signals
    from textgen.workflows import evaluate

    tokens, unknown = None, 0
    if text is not None:
        name, vocabulary = _name(file), model.config.vocabulary
        tokens, unknown = evaluate.encode_text(text, name, vocabulary, on_unknown)
        if unknown and not quiet:
            say(
                f"the model does not know {unknown:,} of {len(text):,} characters "
                f"(--on-unknown {on_unknown})"
            )
    with noted_signals() as ending, EvaluationDisplay(quiet=quiet) as display:
        for event in evaluate.evaluate(model, tokens):
            display.show(event)
            if ending.requested():
                break
    if output is not None and display.results:
        from textgen.pictures.evaluation import Bar, draw_bars

        bars = [Bar(result.title, result.protocol, result.bits) for result in display.results]
        title = f"Loss of {one_line(model.name)} and others on {_name(file)}"
        save_output(output, draw_bars(bars, title), quiet=quiet)
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
        table = format_results(display.results, columns_of(sys.stdout), is_own=file is None)
        emit(f"{one_line(head)}\n\n{table}\n")
    raise typer.Exit(ending.exit_code)


def _load(run: str | None, file: Path | None) -> "Model":
    from textgen.workflows.load import load_model

    try:
        return load_model(run)
    except RunNotFoundError as error:
        if file is None and run is not None and (run == "-" or Path(run).is_file()):
            raise UsageError(
                f"{run!r} is a text, not a run; name a run before it: textgen evaluate RUN {run}"
            ) from error
        raise


def _name(file: Path | None) -> str:
    return "its validation text" if file is None else text_name(file)
