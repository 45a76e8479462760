"""The commands `info`, `runs` and `verify`: show runs and check them."""

import json
import sys
from typing import Annotated

import typer

from textgen.errors import RunError
from textgen.terminal.commands.options import AsJson, Quiet, RunArgument
from textgen.terminal.output import columns_of, emit, fail, say

# Number of most likely lines, and of least likely lines, that `info` shows.
LINES_SHOWN = 5


def info(
    run: RunArgument = None,
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

    found = find_run(run)
    summary = summarise(found)
    if "problem" in summary and not as_json:
        raise RunError(summary["problem"])
    if not as_json:
        emit(format_summary(summary, columns_of(sys.stdout)) + "\n")
    extremes = None
    if lines and summary.get("checkpoints") and summary["corpus"]["kept"]:
        from textgen.workflows.extreme_lines import extreme_lines
        from textgen.workflows.load import load_model

        try:
            extremes = extreme_lines(load_model(str(found.path)), LINES_SHOWN)
        except RunError as error:  # the summary is shown without the lines
            if not as_json:
                raise
            summary["problem"] = str(error)
    if as_json:
        emit(json.dumps(summary | ({"lines": extremes.to_json()} if extremes else {})) + "\n")
    elif extremes:
        emit("\n" + format_extremes(extremes, columns_of(sys.stdout)) + "\n")
    if "problem" in summary:
        raise RunError(summary["problem"])


def runs(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List the runs, the newest first."""
    from textgen.runs.library import list_runs
    from textgen.runs.run import runs_folder
    from textgen.runs.summary import summarise
    from textgen.terminal.display.run_tables import format_summaries

    summaries = [summarise(run) for run in list_runs()]
    if as_json:
        emit(json.dumps(summaries) + "\n")
    elif summaries:
        emit(format_summaries(summaries, columns_of(sys.stdout)) + "\n")
    elif not quiet:
        say(f"no runs in {str(runs_folder())!r}; make one: textgen train")


def verify(run: RunArgument = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Check every byte of a run against its checksums.

    The exit code is 4 if something is wrong.
    """
    from textgen.runs.library import find_run
    from textgen.terminal.display.render import format_notes

    found = find_run(run)
    problems = found.problems()
    if as_json:
        listed = [str(problem) for problem in problems]
        emit(json.dumps({"run": found.name, "problems": listed}) + "\n")
    for problem in problems[:-1]:
        fail(str(problem))
    if problems:
        raise problems[-1]
    steps = ", ".join(map(str, found.steps())) or "none"
    if not (as_json or quiet):
        sound = f"{found.path}: sound, checkpoints at steps {steps}"
        emit(format_notes([sound], columns_of(sys.stdout)) + "\n")
