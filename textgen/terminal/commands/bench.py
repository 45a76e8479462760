"""The command `bench`: measure how fast this machine is."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from textgen.settings import CellName, check_number
from textgen.terminal.commands.options import AsJson, Quiet
from textgen.terminal.output import emit, say


def bench(
    cell: Annotated[CellName, typer.Option(help="Cell of the networks.")] = "lstm",
    seconds: Annotated[
        float,
        typer.Option(
            help="Seconds to train each network. Each of three measurements of writing takes half "
            "as long."
        ),
    ] = 3.0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure how fast this machine trains and writes.

    This takes less than a minute.
    """
    check_number("seconds", seconds, 0, 3600, open_low=True)

    from textgen.runtime.compile_cache import keep_compiled

    keep_compiled()
    from textgen.terminal.display.run_tables import format_speeds
    from textgen.workflows.bench import SHAPES, measure_machine

    speeds = []
    if not quiet:
        say(f"measuring {len(SHAPES)} networks; run nothing else on this machine meanwhile")
    for measured in measure_machine(cell, seconds):
        speeds.append(measured)
        if not quiet:
            say(f"{measured.network}: {measured.training:,.0f} characters/s in training")
    if as_json:
        emit(json.dumps([asdict(measured) for measured in speeds]) + "\n")
    else:
        emit(format_speeds(speeds) + "\n")
