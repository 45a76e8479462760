"""The command that opens an interactive session."""

import secrets
from typing import Annotated, Any

import typer

from textgen.settings import MAX_LENGTH, MAX_SEED, check_number
from textgen.terminal.commands.options import (
    SAMPLING_OPTIONS,
    Quiet,
    RunArgument,
    Seed,
    Unknown,
    offers,
    sampling_settings,
)
from textgen.terminal.output import say

# Settings of writing that are options; /set changes all of them.
OFFERED = ("temperature", "top_k", "top_p", "min_p")


@offers({name: SAMPLING_OPTIONS[name] for name in OFFERED}, after="length", has_defaults=True)
def repl(
    run: RunArgument = None,
    length: Annotated[
        int, typer.Option(help="Largest number of characters to write in each turn.")
    ] = 300,
    seed: Seed = None,
    on_unknown: Unknown = "error",
    history: Annotated[
        bool, typer.Option(help="Save typed lines, so that later sessions find them with Ctrl-R.")
    ] = True,
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

    from textgen.terminal.repl.loop import start_repl
    from textgen.workflows.load import load_model

    model = load_model(run)
    seed = secrets.randbelow(2**31) if seed is None else seed
    if not quiet:
        say(
            f"model {model.run.name} at step {model.step}, seed {seed}; "
            "/help shows the commands, Ctrl-D ends the session"
        )
    start_repl(
        model, settings, seed=seed, length=length, on_unknown=on_unknown, keeps_history=history
    )
