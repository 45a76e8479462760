"""The command that trains a network, or goes on with a run."""

import time
from pathlib import Path
from typing import Annotated

import typer

from textgen.errors import UsageError
from textgen.settings import CellName, check_number
from textgen.terminal.options import Quiet
from textgen.terminal.output import say

# When the command began, but for Python's own start.
STARTED = time.perf_counter()


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
