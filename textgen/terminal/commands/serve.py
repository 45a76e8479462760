"""The command `serve`: let other programs use runs, over HTTP."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textgen.serve.http.limits import Limits
from textgen.settings import check_number, setting_options
from textgen.terminal.commands.options import (
    AsJson,
    Model,
    Progress,
    Quiet,
    RunArguments,
    offers,
)
from textgen.terminal.commands.run_names import path_of, several_runs
from textgen.terminal.display.progress_line import ProgressLine, progress_form
from textgen.terminal.output import emit_json, say

if TYPE_CHECKING:
    from textgen.serve.figures import Figures

# Seconds between two looks at what is being done.
LOOK_SECONDS = 0.1
LIMIT_OPTIONS = setting_options(Limits)
MOST_SESSIONS = 10**6


@offers(LIMIT_OPTIONS, after="allow_origin", has_defaults=True)
def serve(
    runs: RunArguments = None,
    model: Model = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen to. By default only this machine can use the server; any other "
            "address needs --api-key-file or --no-key."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen to; 0 takes a free one.")] = 8888,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=path_of,
            help="File with keys, one a line, of which a client must send one.",
        ),
    ] = None,
    no_key: Annotated[
        bool, typer.Option("--no-key", help="Let anybody who reaches the server use it.")
    ] = False,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Origin of web pages that may use the server, a scheme and a host; can be given "
            "several times, and * is any.",
        ),
    ] = None,
    sessions: Annotated[
        int,
        typer.Option(
            help="Number of texts whose state is kept, so that a client that goes on with one of "
            "them pays only for what is new."
        ),
    ] = 64,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", help="Serve each new best checkpoint of a run that is being trained."
        ),
    ] = False,
    page: Annotated[
        bool, typer.Option("--page/--no-page", help="Show the page of a run at the address itself.")
    ] = True,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
    **asked: Any,
) -> None:
    """Let other programs use runs, over HTTP as they know it from OpenAI's completions."""
    names = several_runs(runs, model)
    limits = Limits(**asked)
    check_number("port", port, 0, 65535, whole=True)
    check_number("sessions", sessions, 0, MOST_SESSIONS, whole=True)

    from textgen.terminal.signals import leave_at_once, noted_signals
    from textgen.workflows.serve import ServeOrder, serving

    order = ServeOrder(
        runs=names,
        host=host,
        port=port,
        key_file=api_key_file,
        no_key=no_key,
        origins=tuple(allow_origin or ()),
        limits=limits,
        sessions=sessions,
        follow=follow,
        has_page=page,
    )
    form = progress_form(progress, quiet=quiet)
    with noted_signals() as ending, ProgressLine(progress, quiet=quiet) as line:
        with serving(order, line.show) as server:
            line.show("")
            if as_json:
                emit_json("serve", {"url": server.url, "models": [*server.models]})
            if not quiet:
                say(f"serving {', '.join(server.models)} at {server.url}; Ctrl-C ends it")
                say(f"try: {server.example}")
            while not ending.requested():
                time.sleep(LOOK_SECONDS)
                if form == "live":
                    line.show(_describe(server.figures()))
            line.show("ending")
        line.close()
        figures = server.figures()
        count = sum(figures.finished.values())
        if as_json:
            emit_json("served", {"texts": count, **_counts(figures)})
        if not quiet:
            say(f"served {count:,} texts, {figures.written:,} characters written")
    sys.stdout.flush()
    assert ending.signal is not None
    # The interpreter would wait for a network that is compiled in a thread, which can take long.
    leave_at_once(ending.signal)


def _describe(figures: "Figures") -> str:
    """Return what is being done now; empty if it is nothing."""
    if not figures.running and not figures.waiting:
        return ""
    waiting = f", {figures.waiting:,} waiting" if figures.waiting else ""
    return f"{figures.running:,} texts{waiting}, {figures.written:,} characters written"


def _counts(figures: "Figures") -> dict[str, Any]:
    return {
        "characters_written": figures.written,
        "characters_read": figures.read,
        "finished": dict(figures.finished),
    }
