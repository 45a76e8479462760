"""The command line: thin commands that parse, call and print. Only here are exit codes known."""

import errno
import json
import secrets
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from textgen import __version__
from textgen.errors import (
    CorpusError,
    RunError,
    SettingError,
    StorageError,
    TextgenError,
    UsageError,
)
from textgen.settings import MAX_LENGTH, MAX_SEED, CellName, SamplingSettings, check_number
from textgen.terminal.classify import classify
from textgen.terminal.corpora import corpora
from textgen.terminal.evaluate import evaluate
from textgen.terminal.gradient import gradient
from textgen.terminal.inspect import inspect
from textgen.terminal.options import (
    AsJson,
    MinP,
    Quiet,
    RunArgument,
    Seed,
    Temperature,
    TopK,
    TopP,
    Unknown,
)
from textgen.terminal.output import (
    ReaderGoneError,
    emit,
    fail,
    prepare_streams,
    say,
    silence_stdout,
)
from textgen.terminal.plot import plot
from textgen.terminal.sample import sample
from textgen.terminal.score import score

EXIT_CODES = ((UsageError, 2), (CorpusError, 3), (RunError, 4), (StorageError, 5))

# How many of the most and of the least likely lines `info` shows.
LINES_SHOWN = 5

# When the command began, but for Python's own start.
STARTED = time.perf_counter()

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Train a character-level LSTM on your text, on your machine, and write with it.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"textgen {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and leave."
        ),
    ] = False,
) -> None:
    """Hold the options that come before a command."""


@app.command()
def train(
    corpus: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[CORPUS]...",
            help="Text files, folders and names of shipped texts; by default fables.",
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(help="Name or path of the new run; by default the name of its corpus."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(help="How long to train; 5 by default. The sizes are chosen to fit."),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="How many steps to train instead.")] = None,
    cell: Annotated[
        CellName | None,
        typer.Option(help="What a layer is made of: an LSTM by default."),
    ] = None,
    hidden_size: Annotated[int | None, typer.Option(help="Units in each layer.")] = None,
    num_layers: Annotated[int | None, typer.Option(help="Stacked layers.")] = None,
    embedding_size: Annotated[
        int | None,
        typer.Option(help="Width of a character's vector."),
    ] = None,
    sequence_length: Annotated[
        int | None,
        typer.Option(help="Characters a gradient reaches back."),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Sequences in a batch."),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Peak of the schedule."),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(help="Share of each layer's outputs dropped, in [0, 1)."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Decides the parameters at the start; 0 by default.")
    ] = None,
    devices: Annotated[
        int | None,
        typer.Option(help="CPU cores or GPUs that share a batch; all by default."),
    ] = None,
    eval_every: Annotated[
        int | None,
        typer.Option(help="Steps between evaluations."),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(help="Steps between checkpoints."),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Evaluations without a lower loss that end training; 0 for never."),
    ] = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Go on with this run instead of beginning one."),
    ] = None,
    stop_after: Annotated[
        int | None,
        typer.Option(help="Save and stop after this step; --resume goes on."),
    ] = None,
    keep: Annotated[int, typer.Option(help="Newest checkpoints to keep, beside the best.")] = 3,
    keep_corpus: Annotated[
        bool, typer.Option(help="Keep the text in the run, so that it can go on without the files.")
    ] = True,
    quiet: Quiet = False,
) -> None:
    """Train a network on a text, or go on with a run that was interrupted.

    Ctrl-C saves and stops; a second Ctrl-C leaves at once.
    """
    from textgen.terminal.signals import noted_signals
    from textgen.training.plan import Request

    if minutes is not None and steps is not None:
        raise UsageError("give --minutes or --steps, not both")
    request = Request(
        minutes=minutes,
        steps=steps,
        cell=cell,
        hidden_size=hidden_size,
        num_layers=num_layers,
        embedding_size=embedding_size,
        sequence_length=sequence_length,
        batch_size=batch_size,
        learning_rate=learning_rate,
        dropout_rate=dropout,
        seed=seed,
        devices=devices,
        eval_every=eval_every,
        checkpoint_every=checkpoint_every,
        patience=patience,
    )
    check_number("keep", keep, 1, whole=True)
    if stop_after is not None:
        check_number("stop_after", stop_after, 1, whole=True)
    if resume is not None:
        given = [name for name in request.given if name != "devices"]
        given += ["corpus"] * bool(corpus) + ["run"] * (run is not None)
        if given or not keep_corpus:
            names = ", ".join(given or ["no-keep-corpus"]).replace("_", "-")
            raise UsageError(f"{names} cannot be given with --resume: the run's own plan decides")

    from textgen.runs.compile_cache import keep_compiled

    keep_compiled()
    from textgen.terminal.progress import TrainingDisplay
    from textgen.workflows.resuming import resume_training
    from textgen.workflows.supervision import Supervision
    from textgen.workflows.training import start_training

    with noted_signals() as ending, TrainingDisplay(quiet=quiet) as display:
        supervision = Supervision(keep=keep, stop_after=stop_after, should_stop=ending.requested)
        if resume is None:
            events = start_training(
                corpus or [], run, request, supervision, keep_corpus=keep_corpus, started=STARTED
            )
        else:
            events = resume_training(
                resume, supervision, steps=steps, minutes=minutes, devices=devices, started=STARTED
            )
        try:
            for event in events:
                display.show(event)
        except KeyboardInterrupt:
            say("stopped before the first step: nothing was changed")
    raise typer.Exit(0 if ending.signal is None else 128 + ending.signal)


app.command()(sample)
app.command()(inspect)
app.command()(gradient)
app.command()(score)
app.command()(classify)
app.command()(corpora)
app.command()(evaluate)
app.command()(plot)


@app.command()
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

    from textgen.terminal.repl import start_repl
    from textgen.workflows.loading import load_model

    model = load_model(run)
    seed = secrets.randbelow(2**31) if seed is None else seed
    if not quiet:
        say(f"{model.run.name}, step {model.step}, seed {seed}; /help for help, Ctrl-D to leave")
    start_repl(
        model, settings, seed=seed, length=length, on_unknown=on_unknown, keeps_history=history
    )


@app.command()
def info(
    run: RunArgument = None,
    lines: Annotated[
        bool,
        typer.Option(help="Read the validation text for its most and least likely lines."),
    ] = True,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show what a run is, how far it came and how good it got."""
    from textgen.runs.library import find_run
    from textgen.runs.summary import summarise
    from textgen.terminal.summary import format_extremes, format_summary

    found = find_run(run)
    summary = summarise(found)
    if "problem" in summary and not as_json:
        raise RunError(summary["problem"])
    if not as_json:
        emit(format_summary(summary) + "\n")
    extremes = None
    if lines and summary.get("checkpoints") and summary["corpus"]["kept"]:
        from textgen.workflows.lines import extreme_lines
        from textgen.workflows.loading import load_model

        try:
            extremes = extreme_lines(load_model(str(found.path)), LINES_SHOWN)
        except RunError as error:  # the rest is known all the same
            if not as_json:
                raise
            summary["problem"] = str(error)
    if as_json:
        emit(json.dumps(summary | ({"lines": extremes.to_json()} if extremes else {})) + "\n")
    elif extremes:
        columns = shutil.get_terminal_size().columns
        emit("\n" + format_extremes(extremes, columns) + "\n")
    if "problem" in summary:
        raise typer.Exit(4)


@app.command()
def runs(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List the runs, the newest first."""
    from textgen.runs.library import list_runs
    from textgen.runs.run import runs_folder
    from textgen.runs.summary import summarise
    from textgen.terminal.summary import format_summaries

    summaries = [summarise(run) for run in list_runs()]
    if as_json:
        emit(json.dumps(summaries) + "\n")
    elif summaries:
        emit(format_summaries(summaries) + "\n")
    elif not quiet:
        say(f"no runs in {str(runs_folder())!r}; make one: textgen train")


@app.command()
def verify(run: RunArgument = None, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Check every byte of a run against its checksums; exit with 4 if something is wrong."""
    from textgen.runs.library import find_run

    found = find_run(run)
    problems = found.problems()
    if as_json:
        listed = [str(problem) for problem in problems]
        emit(json.dumps({"run": found.name, "problems": listed}) + "\n")
    for problem in problems:
        fail(str(problem))
    if problems:
        raise typer.Exit(4)
    steps = ", ".join(map(str, found.steps())) or "none"
    if not (as_json or quiet):
        emit(f"{found.path}: sound, checkpoints at steps {steps}\n")


@app.command()
def bench(
    cell: Annotated[CellName, typer.Option(help="What the networks are made of.")] = "lstm",
    seconds: Annotated[
        float, typer.Option(help="How long each network trains, and writes twice.")
    ] = 3.0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure how fast this machine trains and writes; it takes less than a minute."""
    check_number("seconds", seconds, 0, 3600, open_low=True)

    from textgen.runs.compile_cache import keep_compiled

    keep_compiled()
    from textgen.terminal.summary import format_speeds
    from textgen.workflows.measuring import SHAPES, measure_machine

    speeds = []
    if not quiet:
        say(f"measuring {len(SHAPES)} networks on this machine, best left alone meanwhile")
    for measured in measure_machine(cell, seconds):
        speeds.append(measured)
        if not quiet:
            say(f"{measured.network}: {measured.training:,.0f} characters/s in training")
    if as_json:
        emit(json.dumps([asdict(measured) for measured in speeds]) + "\n")
    else:
        emit(format_speeds(speeds) + "\n")


def run_command(arguments: list[str]) -> int:
    """Run a command and return its exit code; every failure a user can cause is one line."""
    try:
        result: Any = app(arguments, prog_name="textgen", standalone_mode=False)
        sys.stdout.flush()
    except typer.Exit as leaving:
        return leaving.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
        else:
            fail(f"{error.format_message()} (see textgen --help)")
        return 2
    except ReaderGoneError:
        silence_stdout()
        return 0
    except SettingError as error:
        option = error.name.replace("dropout_rate", "dropout").replace("_", "-")
        fail(str(error).replace(error.name, option, 1))
        return 2
    except TextgenError as error:
        fail(str(error))
        return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)
    except OSError as error:
        fail(str(error))
        return 5 if error.errno == errno.ENOSPC else 1
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        fail("not enough memory; choose a smaller network, batch or number of samples")
        return 1
    return result if isinstance(result, int) else 0


def run_process() -> int:
    """Run the command of the process's arguments, and return its exit code."""
    prepare_streams()
    code = run_command(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    except OSError as error:
        fail(str(error))
        code = 5
        silence_stdout()
    return code
