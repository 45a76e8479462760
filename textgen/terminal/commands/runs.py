"""The commands `info`, `runs` and `verify`: show runs and check them; delete, rename, copy."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from textgen.errors import RunError, RunNotFoundError, UsageError
from textgen.terminal.commands.completion import complete_run
from textgen.terminal.commands.options import AsJson, Model, Progress, Quiet, RunArgument
from textgen.terminal.commands.run_names import one_run
from textgen.terminal.display.progress_line import ProgressLine, ProgressMode
from textgen.terminal.output import columns_of, emit, emit_json, fail, say

if TYPE_CHECKING:
    from textgen.runs.run import Run

# Number of most likely lines, and of least likely lines, that `info` shows.
LINES_SHOWN = 5


def info(
    run: RunArgument = None,
    model: Model = None,
    lines: Annotated[
        bool | None,
        typer.Option(
            "--lines/--no-lines",
            help="Find the most and least likely lines among the first 100,000 characters of the "
            "validation text. By default a large network reads fewer, in a second or two.",
        ),
    ] = None,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show the text, network, plan and best loss of a run."""
    from textgen.runs.library import find_run
    from textgen.runs.summary import summarise
    from textgen.terminal.display.run_tables import format_extremes, format_summary

    found = find_run(one_run(run, model))
    summary = summarise(found)
    if "problem" in summary and not as_json:
        raise RunError(summary["problem"])
    if not as_json:
        emit(format_summary(summary, columns_of(sys.stdout)) + "\n")
    extremes = None
    is_forward = "model" in summary and summary["model"]["direction"] == "forward"
    if (
        lines is not False
        and is_forward
        and summary.get("checkpoints")
        and summary["corpus"]["kept"]
    ):
        from textgen.workflows.extreme_lines import extreme_lines
        from textgen.workflows.load import load_model

        try:
            with ProgressLine(progress, quiet=quiet) as line:
                extremes = extreme_lines(
                    load_model(str(found.path)),
                    LINES_SHOWN,
                    reads_all=bool(lines),
                    tell=line.show,
                )
        except RunError as error:  # the summary is shown without the lines
            if not as_json:
                raise
            summary["problem"] = str(error)
    if as_json:
        emit_json("run", summary | ({"lines": extremes.to_json()} if extremes else {}))
    elif extremes:
        emit("\n" + format_extremes(extremes, columns_of(sys.stdout)) + "\n")
    if "problem" in summary:
        raise RunError(summary["problem"])


def runs(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Names or paths of runs; all by default.",
            autocompletion=complete_run,
        ),
    ] = None,
    model: Model = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete the runs that are named, for good.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    rename: Annotated[
        bool, typer.Option("--rename", help="Rename a run: textgen runs --rename OLD NEW.")
    ] = False,
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy a run: textgen runs --copy OLD NEW.")
    ] = False,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List the runs, the newest first; or delete, rename or copy runs."""
    given = [*(names or ()), *(model or ())]
    chosen = {"--delete": delete, "--rename": rename, "--copy": copy}
    if len(asked := [name for name, is_chosen in chosen.items() if is_chosen]) > 1:
        raise UsageError(f"give {' or '.join(asked)}, not both")
    if yes and not delete:
        raise UsageError("--yes needs --delete")
    if rename:
        _rename(given, as_json=as_json, quiet=quiet)
    elif copy:
        _copy(given, progress, as_json=as_json, quiet=quiet)
    elif delete:
        _delete(given, is_sure=yes, as_json=as_json, quiet=quiet)
    else:
        _list(given, as_json=as_json, quiet=quiet)


def _list(names: Sequence[str], *, as_json: bool, quiet: bool) -> None:
    from textgen.runs.library import find_run, list_runs
    from textgen.runs.names import runs_folder
    from textgen.runs.summary import summarise
    from textgen.terminal.display.run_tables import format_summaries

    summaries = [summarise(run) for run in map(find_run, names)] if names else []
    summaries = summaries or [summarise(run) for run in list_runs()]
    if as_json:
        for summary in summaries:
            emit_json("run", summary)
    elif summaries:
        emit(format_summaries(summaries, columns_of(sys.stdout)) + "\n")
    elif not quiet:
        say(f"no runs in {str(runs_folder())!r}; make one: textgen train")


def _delete(names: Sequence[str], *, is_sure: bool, as_json: bool, quiet: bool) -> None:
    from textgen.runs.changes import delete_run, descendants, find_own_runs

    if not names:
        raise UsageError("name the runs to delete, as in: textgen runs --delete RUN")
    found = find_own_runs(names)
    if not is_sure and not _is_confirmed(found):
        say("nothing was deleted")
        return
    newest = _newest()
    for run in found:
        kept, sessions = _sessions_of(run)
        young = ", ".join(map(repr, descendants(run)))
        delete_run(run)
        if as_json:
            emit_json("deleted", {"run": run.path.name})
        elif not quiet:
            say(f"deleted the run {run.path.name!r}")
            if young:
                say(f"runs that began from its weights stay whole, and still name it: {young}")
            if kept:
                say(f"{kept} of it can no longer be continued, in {str(sessions)!r}")
    if not (as_json or quiet):
        _say_newest(newest)


def _sessions_of(run: "Run") -> tuple[str, Path]:
    """Return the number of the saved sessions of a run in words, empty if none; and their folder.

    The folder is that of the run as it is named now.
    """
    from textgen.session.kept_sessions import KeptSessions
    from textgen.session.state_folder import SESSIONS, state_folder
    from textgen.terminal.display.render import format_count

    kept = KeptSessions(state_folder() / SESSIONS)
    count = len(kept.files_of(run))
    return format_count(count, "saved session") if count else "", kept.folder_of(run)


def _newest() -> str | None:
    """Return the name of the run that commands use by default; None if there is none."""
    from textgen.runs.library import find_run

    try:
        return find_run(None).name
    except RunNotFoundError:
        return None


def _say_newest(before: str | None) -> None:
    """Say which run commands use by default, if it is another one than before."""
    now = _newest()
    if now != before and now is not None:
        say(f"the newest run, which commands use by default, is now {now!r}")


def _is_confirmed(runs: "Sequence[Run]") -> bool:
    """Ask on the terminal whether to delete runs.

    Raises:
        UsageError: if there is no terminal to ask on.
    """
    from textgen.terminal.display.render import format_bytes, format_count

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("a run is deleted for good; without a terminal to ask on, give --yes")
    for run in runs:
        size = format_bytes(run.size())
        say(f"{run.path.name}: {format_count(len(run.steps()), 'checkpoint')}, {size}")
    return typer.confirm(f"Delete {format_count(len(runs), 'run')} for good?", err=True)


def _rename(names: Sequence[str], *, as_json: bool, quiet: bool) -> None:
    from textgen.runs.changes import descendants, find_own_runs, rename_run
    from textgen.runs.run import Run
    from textgen.session.kept_sessions import KeptSessions
    from textgen.session.state_folder import SESSIONS, state_folder

    if len(names) != 2:
        raise UsageError("give the old name and the new one: textgen runs --rename OLD NEW")
    [run] = find_own_runs(names[:1])
    young, before = ", ".join(map(repr, descendants(run))), Run(run.path.resolve())
    renamed = rename_run(run, names[1])
    with suppress(OSError):  # the sessions stay where they were
        KeptSessions(state_folder() / SESSIONS).follow(before, renamed)
    if as_json:
        emit_json("renamed", {"run": renamed.path.name, "was": run.path.name})
    elif not quiet:
        say(f"renamed the run {run.path.name!r} to {renamed.path.name!r}")
        if young:
            say(f"runs that began from its weights name it {run.path.name!r} as before: {young}")


def _copy(names: Sequence[str], progress: ProgressMode, *, as_json: bool, quiet: bool) -> None:
    from textgen.runs.changes import copy_run, find_own_runs
    from textgen.terminal.display.render import format_bytes

    if len(names) != 2:
        raise UsageError("name the run and its copy: textgen runs --copy OLD NEW")
    [run] = find_own_runs(names[:1])
    newest, size = _newest(), format_bytes(run.size())
    with ProgressLine(progress, quiet=quiet or as_json) as line:
        copy = copy_run(
            run, names[1], lambda done: line.show(f"copying: {format_bytes(done)} of {size}")
        )
    if as_json:
        emit_json("copied", {"run": copy.path.name, "from": run.path.name})
    elif not quiet:
        say(f"copied the run {run.path.name!r} to {copy.path.name!r}")
        _say_newest(newest)


def verify(
    run: RunArgument = None, model: Model = None, as_json: AsJson = False, quiet: Quiet = False
) -> None:
    """Check every byte of a run against its checksums.

    The exit code is 4 if something is wrong.
    """
    from textgen.runs.library import find_run
    from textgen.terminal.display.render import format_notes

    found = find_run(one_run(run, model))
    problems = found.problems()
    if as_json:
        listed = [str(problem) for problem in problems]
        emit_json("verification", {"run": found.name, "problems": listed})
    for problem in problems[:-1]:
        fail(str(problem))
    if problems:
        raise problems[-1]
    steps = ", ".join(map(str, found.steps())) or "none"
    if not (as_json or quiet):
        sound = f"{found.path}: sound, checkpoints at steps {steps}"
        emit(format_notes([sound], columns_of(sys.stdout)) + "\n")
