"""The command that opens an interactive session."""

from typing import Annotated, Any

import typer

from textgen.settings import MAX_LENGTH, MAX_SEED, PROMPT_UNKNOWN, check_number
from textgen.terminal.commands.options import (
    SAMPLING_OPTIONS,
    Labels,
    Mixed,
    Model,
    Quiet,
    RunArgument,
    Seed,
    Unknown,
    Wrap,
    offers,
    sampling_settings,
)
from textgen.terminal.commands.run_names import one_run

# Settings of writing that are options; /set changes all of them.
OFFERED = ("temperature", "top_k", "top_p", "min_p")


@offers({name: SAMPLING_OPTIONS[name] for name in OFFERED}, after="length", has_defaults=True)
def repl(
    context: typer.Context,
    run: RunArgument = None,
    model: Model = None,
    continues: Annotated[
        bool, typer.Option("--continue", help="Go on with the last saved session of the run.")
    ] = False,
    mid_text: Annotated[
        bool,
        typer.Option(
            "--mid-text",
            help="Read the first text as the middle of a text. By default it begins a document, or "
            "a line where the text has lines.",
        ),
    ] = False,
    label: Labels = None,
    mix: Mixed = None,
    length: Annotated[
        int, typer.Option(help="Largest number of characters to write in each turn.")
    ] = 300,
    learns: Annotated[
        bool,
        typer.Option(
            "--learn", help="Teach the network what you type, and what you keep of what it writes."
        ),
    ] = False,
    seed: Seed = None,
    on_unknown: Unknown = PROMPT_UNKNOWN,
    history: Annotated[
        bool | None,
        typer.Option(
            help="Save the session, and the typed lines for Ctrl-R; only on a terminal by default."
        ),
    ] = None,
    wrap: Wrap = True,
    quiet: Quiet = False,
    **asked: Any,
) -> None:
    """Write in turns with a model.

    The model continues what you type. /help lists the commands.
    """
    settings = sampling_settings(asked)
    check_number("length", length, 1, MAX_LENGTH, whole=True)
    if seed is not None:
        check_number("seed", seed, 0, MAX_SEED, whole=True)
    name = one_run(run, model)

    from textgen.terminal.repl.start import Beginning, start_repl
    from textgen.workflows.load import load_mixed

    beginning = Beginning(
        settings=settings,
        length=length,
        seed=seed,
        on_unknown=on_unknown,
        wraps=wrap,
        given={each for each in (*OFFERED, "length", "on_unknown") if _is_given(context, each)},
        continues=continues,
        learns=learns,
        is_mid_text=mid_text,
        keeps=history,
        quiet=quiet,
    )
    start_repl(load_mixed(name, "textgen repl", label, mixed=mix or ()), beginning)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
