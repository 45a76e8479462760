"""The command `evaluate`: measure how well a run predicts a text, beside simpler predictors."""

import sys
from contextlib import suppress
from functools import partial
from typing import Annotated

import typer

from textgen.aside import aside
from textgen.data.source_rules import SourceRules
from textgen.readable import one_line
from textgen.settings import TEXT_UNKNOWN
from textgen.terminal.commands.completion import complete_text
from textgen.terminal.commands.options import (
    AsJson,
    Model,
    Output,
    Progress,
    Quiet,
    RunBeforeTexts,
    Unknown,
)
from textgen.terminal.commands.picture import check_output, save_output
from textgen.terminal.commands.run_names import one_run, runs_and_sources
from textgen.terminal.commands.source_options import PLAIN_TEXTS, reads_texts
from textgen.terminal.commands.text_input import text_chunks, text_name, waited_for, whole_text
from textgen.terminal.display.progress_line import starting
from textgen.terminal.output import columns_of, emit, emit_json, say


@reads_texts
def evaluate(
    run: RunBeforeTexts = None,
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
            help="Files, folders or names of shipped texts; - is standard input. The default is "
            "the validation text of the run.",
            autocompletion=complete_text,
        ),
    ] = None,
    model: Model = None,
    output: Output = None,
    on_unknown: Unknown = TEXT_UNKNOWN,
    rules: SourceRules = PLAIN_TEXTS,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure how well a run predicts a text.

    The best checkpoint is compared with n-gram models and xz. There are three protocols: window,
    stream and dynamic. Compare results only within a protocol. A run that reads in both directions
    has a protocol of its own. A name such as a+b is that of a mixture: the mean of the
    probabilities of several runs.
    """
    check_output(output)
    one_run(None, model)
    runs, sources = runs_and_sources(run, texts, model)

    from textgen.generation.mixed_model import MixedModel
    from textgen.network.mixture import parts_of
    from textgen.workflows.load import load_measured

    loaded = load_measured(runs[0])
    text = None
    if sources:
        chunks = text_chunks(sources, rules, [loaded], quiet=quiet)
        text = whole_text(chunks, progress, quiet=quiet)

    from textgen.runtime.environment import prepare_jax

    prepare_jax()
    with starting(progress, quiet=quiet):
        from textgen.terminal.display.evaluation import EvaluationDisplay, format_results
        from textgen.terminal.display.render import format_notes
        from textgen.terminal.signals import noted_signals
        from textgen.workflows import evaluate

    tokens, unknown = None, 0
    if text is not None:
        name = text_name(sources)
        tokens, unknown = waited_for(
            partial(evaluate.encode_text, text, name, loaded.config, on_unknown),
            f"looking up {len(text):,} characters",
            progress,
            quiet=quiet,
        )
        if unknown and not quiet:
            say(
                f"the model does not know {unknown:,} of {len(text):,} characters "
                f"(--on-unknown {on_unknown})"
            )
    with noted_signals() as ending, EvaluationDisplay(progress, quiet=quiet) as display:

        def check() -> None:
            if ending.requested():
                raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):  # what was measured until then is shown
            # In another thread, since compiling and learning take long without a chance to stop.
            for event in aside(evaluate.evaluate(loaded, tokens, check)):
                if event is not None:
                    display.show(event)
                check()
    own = f"the validation text of {loaded.main.name}" if loaded.others else "its validation text"
    measured_on = text_name(sources) if sources else own
    if output is not None and display.results:
        from textgen.pictures.evaluation import Bar, draw_bars

        bars = [Bar(result.title, result.protocol, result.bits) for result in display.results]
        title = f"Loss of {one_line(loaded.name)} and others on {one_line(measured_on)}"
        save_output(output, draw_bars(bars, title), quiet=quiet)
    if as_json:
        # Every id but the first is predicted. A network of both directions predicts that, too, but
        # not the start of a text that is given.
        measured = loaded.validation_tokens() if tokens is None else tokens
        assert measured is not None
        directions = {part.direction for part in parts_of(loaded.config.settings)}
        is_whole = tokens is None and directions == {"both"}
        content = {
            "run": loaded.name,
            "step": loaded.step,
            "sha256": loaded.sha256,
            **({"mixed": loaded.to_json()} if isinstance(loaded, MixedModel) else {}),
            "text": measured_on,
            "characters": len(measured) - (0 if is_whole else 1),
            "unknown": unknown,
            "on_unknown": on_unknown,
            "results": [result.to_json() for result in display.results],
        }
        emit_json("evaluation", content)
    elif display.results:
        head = f"{loaded.name}, step {loaded.step:,}, on {measured_on}"
        table = format_results(display.results, columns_of(sys.stdout), is_own=not sources)
        emit(f"{format_notes([one_line(head)], columns_of(sys.stdout))}\n\n{table}\n")
    raise typer.Exit(ending.exit_code)
