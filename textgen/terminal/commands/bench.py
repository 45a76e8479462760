"""The command `bench`: measure how fast this machine is, or several together."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textgen.settings import CellName, check_number
from textgen.terminal.commands.hosts import (
    HostsMode,
    HostsTimeout,
    find,
    follow_first,
    guard,
    is_follower,
    join,
)
from textgen.terminal.commands.options import AsJson, Progress, Quiet
from textgen.terminal.display.progress_line import (
    ProgressLine,
    ProgressMode,
    progress_form,
    starting,
)
from textgen.terminal.output import columns_of, emit, emit_json, say

if TYPE_CHECKING:
    from textgen.runtime.together import Together

# Whether what is measured suffers from other programs is for the user to see to.
ASIDE = "run nothing else"


def bench(
    cell: Annotated[CellName, typer.Option(help="Cell of the networks.")] = "lstm",
    seconds: Annotated[
        float,
        typer.Option(
            help="Seconds to train each network. Each of three measurements of writing takes half "
            "as long."
        ),
    ] = 3.0,
    hosts: HostsMode = "auto",
    hosts_timeout: HostsTimeout = 300,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure how fast this machine trains and writes.

    This takes less than a minute. Where a launcher has started several processes, what is measured
    is how fast they exchange arrays, and what a step of training takes in one of them and in all
    together.
    """
    check_number("seconds", seconds, 0, 3600, open_low=True)
    check_number("hosts_timeout", hosts_timeout, 1, whole=True)

    from textgen.runtime.environment import prepare_jax

    processes = find(hosts, quiet=quiet)
    if processes is not None and is_follower(processes):
        raise typer.Exit(guard(processes))
    prepare_jax()
    together = join(processes, hosts_timeout, None)
    if together is None:
        _bench_machine(cell, seconds, progress, as_json=as_json, quiet=quiet)
    elif together.leads:
        raise typer.Exit(
            _bench_hosts(together, cell, seconds, progress, as_json=as_json, quiet=quiet)
        )
    else:
        raise typer.Exit(follow_first(together))


def _bench_machine(
    cell: CellName, seconds: float, progress: ProgressMode, *, as_json: bool, quiet: bool
) -> None:
    with starting(progress, quiet=quiet):
        from textgen.terminal.display.run_tables import format_speeds
        from textgen.workflows.bench import SHAPES, measure_machine

    speeds = []
    form = progress_form(progress, quiet=quiet)
    if form == "plain":
        say(f"measuring {len(SHAPES)} networks; {ASIDE} on this machine meanwhile")
    with ProgressLine("live" if form == "live" else "none") as line:
        line.show(f"measuring network 1 of {len(SHAPES)}; {ASIDE} meanwhile")
        for measured in measure_machine(cell, seconds):
            speeds.append(measured)
            line.show(f"measuring network {len(speeds) + 1} of {len(SHAPES)}")
            if form == "plain":
                say(f"{measured.network}: {measured.training:,.0f} characters/s in training")
            if as_json:
                emit_json("speed", asdict(measured))
    if not as_json:
        emit(format_speeds(speeds, columns_of(sys.stdout)) + "\n")


def _bench_hosts(
    together: "Together",
    cell: CellName,
    seconds: float,
    progress: ProgressMode,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    """Measure what several processes gain, and return the exit code."""
    with starting(progress, quiet=quiet):
        from textgen.terminal.display.host_tables import format_cluster
        from textgen.terminal.signals import exit_code_after, noted_signals
        from textgen.workflows.bench_hosts import SharedStep, measure_hosts

    found: dict[str, list[Any]] = {}
    form = progress_form(progress, quiet=quiet)
    if form == "plain":
        say(f"measuring {together.count} processes; {ASIDE} on their hosts meanwhile")
    with noted_signals() as ending, ProgressLine(progress, quiet=quiet) as line:
        together.asked = lambda: ending.signal or 0

        def begin(work: str) -> None:
            if together.requested():
                raise KeyboardInterrupt
            line.show(work)

        try:
            for measured in measure_hosts(together, cell, seconds, begin):
                found.setdefault(measured.kind, []).append(measured)
                if form == "plain" and isinstance(measured, SharedStep):
                    say(f"{measured.network}: {measured.gain:.2f} times the speed of one process")
                if as_json:
                    emit_json(measured.kind, asdict(measured))
        except KeyboardInterrupt:
            line.close()
            say("stopped before the end of the measurement")
            return exit_code_after(together.requested())
    if not as_json:
        (cluster,) = found["cluster"]
        emit(
            format_cluster(found["all_reduce"], cluster, found["step"], columns_of(sys.stdout))
            + "\n"
        )
    return 0
