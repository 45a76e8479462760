"""The command `bench`: measure how fast this machine is."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from textgen.settings import CellName, check_number
from textgen.terminal.commands.options import AsJson, Progress, Quiet
from textgen.terminal.display.progress_line import ProgressLine, progress_form, starting
from textgen.terminal.output import columns_of, emit, emit_json, say


def bench(
    cell: Annotated[CellName, typer.Option(help="Cell of the networks.")] = "lstm",
    seconds: Annotated[
        float,
        typer.Option(
            help="Seconds to train each network. Each of three measurements of writing takes half "
            "as long."
        ),
    ] = 3.0,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure how fast this machine trains and writes.

    This takes less than a minute.
    """
    check_number("seconds", seconds, 0, 3600, open_low=True)

    from textgen.runtime.environment import prepare_jax

    prepare_jax()
    with starting(progress, quiet=quiet):
        from textgen.terminal.display.run_tables import format_speeds
        from textgen.workflows.bench import SHAPES, measure_machine

    speeds = []
    form = progress_form(progress, quiet=quiet)
    if form == "plain":
        say(f"measuring {len(SHAPES)} networks; run nothing else on this machine meanwhile")
    with ProgressLine("live" if form == "live" else "none") as line:
        line.show(f"measuring network 1 of {len(SHAPES)}; run nothing else meanwhile")
        for measured in measure_machine(cell, seconds):
            speeds.append(measured)
            line.show(f"measuring network {len(speeds) + 1} of {len(SHAPES)}")
            if form == "plain":
                say(f"{measured.network}: {measured.training:,.0f} characters/s in training")
            if as_json:
                emit_json("speed", asdict(measured))
    if not as_json:
        emit(format_speeds(speeds, columns_of(sys.stdout)) + "\n")
