"""The command that opens an interactive session."""

import secrets
from typing import Annotated

import typer

from textgen.settings import MAX_LENGTH, MAX_SEED, SamplingSettings, check_number
from textgen.terminal.commands.options import (
    MinP,
    Quiet,
    RunArgument,
    Seed,
    Temperature,
    TopK,
    TopP,
    Unknown,
)
from textgen.terminal.output import say


def repl(
    run: RunArgument = None,
    length: Annotated[int, typer.Option(help="Characters that each turn writes.")] = 300,
    temperature: Temperature = "0.8",
    top_k: TopK = 0,
    top_p: TopP = 1.0,
    min_p: MinP = 0.0,
    seed: Seed = None,
    on_unknown: Unknown = "error",
    history: Annotated[
        bool, typer.Option(help="Keep what is typed, for the next sessions to find by Ctrl-R.")
    ] = True,
    quiet: Quiet = False,
) -> None:
    """Write with a model in turns: what you type is continued. /help lists the commands."""
    settings = SamplingSettings(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    check_number("length", length, 1, MAX_LENGTH, whole=True)
    if seed is not None:
        check_number("seed", seed, 0, MAX_SEED, whole=True)

    from textgen.terminal.repl.loop import start_repl
    from textgen.workflows.load import load_model

    model = load_model(run)
    seed = secrets.randbelow(2**31) if seed is None else seed
    if not quiet:
        say(f"{model.run.name}, step {model.step}, seed {seed}; /help for help, Ctrl-D to leave")
    start_repl(
        model, settings, seed=seed, length=length, on_unknown=on_unknown, keeps_history=history
    )
