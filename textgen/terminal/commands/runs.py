"""The commands `info`, `runs` and `verify`: show runs, check them, delete and rename them."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from textgen.errors import RunError, UsageError
from textgen.terminal.commands.completion import complete_run
from textgen.terminal.commands.options import AsJson, Model, Quiet, RunArgument
from textgen.terminal.commands.run_names import one_run
from textgen.terminal.output import columns_of, emit, emit_json, fail, say

if TYPE_CHECKING:
    from textgen.runs.run import Run

# Number of most likely lines, and of least likely lines, that `info` shows.
LINES_SHOWN = 5


def info(
    run: RunArgument = None,
    model: Model = None,
    lines: Annotated[
        bool,
        typer.Option(help="Find the most and least likely lines of the validation text."),
    ] = True,
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
    if lines and is_forward and summary.get("checkpoints") and summary["corpus"]["kept"]:
        from textgen.workflows.extreme_lines import extreme_lines
        from textgen.workflows.load import load_model

        try:
            extremes = extreme_lines(load_model(str(found.path)), LINES_SHOWN)
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
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """List the runs, the newest first; or delete or rename runs."""
    given = [*(names or ()), *(model or ())]
    if delete and rename:
        raise UsageError("give --delete or --rename, not both")
    if yes and not delete:
        raise UsageError("--yes needs --delete")
    if rename:
        _rename(given, as_json=as_json, quiet=quiet)
    elif delete:
        _delete(given, is_sure=yes, as_json=as_json, quiet=quiet)
    else:
        _list(given, as_json=as_json, quiet=quiet)


def _list(names: Sequence[str], *, as_json: bool, quiet: bool) -> None:
    from textgen.runs.library import find_run, list_runs
    from textgen.runs.run import runs_folder
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
    from textgen.runs.changes import delete_run, find_own_runs

    if not names:
        raise UsageError("name the runs to delete, as in: textgen runs --delete RUN")
    found = find_own_runs(names)
    if not is_sure and not _is_confirmed(found):
        say("nothing was deleted")
        return
    for run in found:
        delete_run(run)
        if as_json:
            emit_json("deleted", {"run": run.path.name})
        elif not quiet:
            say(f"deleted the run {run.path.name!r}")


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
    from textgen.runs.changes import find_own_runs, rename_run

    if len(names) != 2:
        raise UsageError("give the old name and the new one: textgen runs --rename OLD NEW")
    [run] = find_own_runs(names[:1])
    renamed = rename_run(run, names[1])
    if as_json:
        emit_json("renamed", {"run": renamed.path.name, "was": run.path.name})
    elif not quiet:
        say(f"renamed the run {run.path.name!r} to {renamed.path.name!r}")


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
