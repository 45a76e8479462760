"""The command that trains a network, or continues the training of a run."""

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textgen.data.formats.decoding import Normalization
from textgen.data.source_rules import SourceRules
from textgen.data.text_rules import TextRules
from textgen.errors import RunNotFoundError, UsageError
from textgen.planning.request import MODEL_OPTIONS, TRAINING_OPTIONS, Request
from textgen.settings import check_number
from textgen.terminal.commands.completion import complete_run, complete_text
from textgen.terminal.commands.hosts import (
    CorpusPlace,
    HostsMode,
    HostsTimeout,
    find,
    guard,
    is_follower,
    join,
)
from textgen.terminal.commands.options import AsJson, Progress, Quiet, offers, option_name
from textgen.terminal.commands.run_names import path_of, refuse_empty_names
from textgen.terminal.commands.source_options import (
    Documents,
    DropRepeats,
    Encoding,
    Field,
    Format,
    LabelFields,
    LabelOrigin,
    Rare,
    SkipBroken,
    Validation,
    share_or_file,
)
from textgen.terminal.display.progress_line import starting
from textgen.terminal.output import say

if TYPE_CHECKING:
    from textgen.workflows.events import Event

# Time at which the command started, without the start of Python itself.
STARTED = time.perf_counter()


def _is_there(run: str | None, resume: str | None) -> bool:
    """Return whether there is a run to go on with."""
    if resume is not None:
        raise UsageError("--resume and --resume-or-start contradict each other; give one of them")
    if run is None:
        raise UsageError("--resume-or-start needs the name of the run: --run NAME")
    from textgen.runs.library import find_run

    with suppress(RunNotFoundError):
        find_run(run)
        return True
    return False


@offers(MODEL_OPTIONS, TRAINING_OPTIONS, after="steps")
def train(
    corpus: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="SOURCE",
            help="Files, folders, archives or names of shipped texts; - is standard input. The "
            "fables by default.",
            parser=path_of,
            autocompletion=complete_text,
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(help="Name or path of the new run; named after its corpus by default."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Minutes to train; 5 by default. The size of the network is chosen to fit."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps to train, instead of minutes.")] = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            "--model",
            metavar="RUN",
            help="Continue this run instead of starting a new one.",
            autocompletion=complete_run,
        ),
    ] = None,
    resume_or_start: Annotated[
        bool,
        typer.Option(
            "--resume-or-start",
            help="Continue the run of --run if there is one, else start it, so that the same "
            "command can be given again after any end.",
        ),
    ] = False,
    from_run: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="RUN",
            help="Begin the new run with the weights of this run's best checkpoint, instead of "
            "random ones. The network and the known characters are those of the old run.",
            autocompletion=complete_run,
        ),
    ] = None,
    stop_after: Annotated[
        int | None,
        typer.Option(help="Save and stop after this step; --resume continues from there."),
    ] = None,
    keep: Annotated[
        int, typer.Option(help="Number of newest checkpoints to keep, besides the best one.")
    ] = 3,
    keep_corpus: Annotated[
        bool, typer.Option(help="Keep the text in the run; resuming then needs no other files.")
    ] = True,
    documents: Documents = None,
    validation: Validation = "0.1",
    rare: Rare = 0,
    drop_repeats: DropRepeats = False,
    format: Format = None,  # noqa: A002
    field: Field = None,
    label: LabelFields = None,
    label_from: LabelOrigin = None,
    encoding: Encoding = None,
    normalize: Annotated[
        Normalization | None,
        typer.Option(
            help="Unicode normal form of the text: nfc writes a letter with its accent as one "
            "character, nfkc also makes plain characters of typographic ones. nfc by default, or "
            "as in the run of --from.",
        ),
    ] = None,
    skip_broken: SkipBroken = False,
    hosts: HostsMode = "auto",
    hosts_timeout: HostsTimeout = 300,
    corpus_place: CorpusPlace = "shared",
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="List the files that are read, and those that are not."),
    ] = False,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
    **asked: Any,
) -> None:
    """Train a network on a text, or resume a run.

    Ctrl-C saves and stops. A second Ctrl-C stops at once, without saving. With --json, events are
    printed: the plan, progress, evaluations, checkpoints and the end.
    """
    if minutes is not None and steps is not None:
        raise UsageError("give --minutes or --steps, not both")
    refuse_empty_names([resume, from_run])
    if resume is not None and from_run is not None:
        raise UsageError(
            "give --from or --resume, not both: --from begins a new run, --resume continues an old "
            "one"
        )
    goes_on = resume_or_start and _is_there(run, resume)
    request = Request(minutes=minutes, steps=steps, has_weights=from_run is not None, **asked)
    check_number("keep", keep, 1, whole=True)
    if stop_after is not None:
        check_number("stop_after", stop_after, 1, whole=True)
    source = SourceRules(
        format=format,
        field=field,
        encoding=encoding,
        normalization=normalize or "nfc",
        skip_broken=skip_broken,
        labels=tuple(label or ()),
        label_from=label_from,
    )
    if documents == "whole" and source.label_fields:
        raise UsageError(
            "--documents whole makes one text of everything, but each label belongs to a document; "
            "leave it out, or give --documents row, file, paragraph or line"
        )
    rules = TextRules(
        source=source,
        documents=documents or "whole",
        validation=share_or_file(validation),
        rare=rare,
        drop_repeats=drop_repeats,
        seed=request.asked.get("seed", 0),
    )
    if goes_on:
        # The plan of the run holds what the command asks for.
        resume, minutes, steps, request = run, None, None, Request()
    elif resume is not None:
        # A run that is trained further gets a new plan, which has its own patience.
        is_further = steps is not None or minutes is not None
        kept = {"devices", "patience"} if is_further else {"devices"}
        given = [name for name in request.asked if name not in kept]
        given += ["run"] * (run is not None)
        given += [*rules.changed(), *["no-keep-corpus"] * (not keep_corpus)]
        if given or corpus:
            names = ", ".join(
                [*["a corpus"] * bool(corpus), *(f"--{option_name(one)}" for one in given)]
            )
            raise UsageError(f"{names} cannot be given with --resume: a run keeps its plan")

    from textgen.runtime.environment import prepare_jax

    processes = find(hosts)
    if processes is not None and is_follower(processes):
        raise typer.Exit(guard(processes))
    prepare_jax()
    together = join(processes, hosts_timeout, request.asked.get("devices"))
    with starting(progress, quiet=quiet or as_json):
        from textgen.terminal.display.event_lines import EventLines
        from textgen.terminal.display.progress import TrainingDisplay
        from textgen.terminal.signals import exit_code_after, noted_signals
        from textgen.workflows.begin_from import BeginFrom
        from textgen.workflows.resume import resume_training
        from textgen.workflows.supervise import Supervision
        from textgen.workflows.train import start_training

    if together is not None and not together.leads:
        from textgen.workflows.hosts import follow

        with noted_signals() as ending:
            together.asked = lambda: ending.signal or 0
            raise typer.Exit(follow(together, corpus_place))

    is_silent = quiet or (as_json and progress == "auto")
    with noted_signals() as ending, TrainingDisplay(progress, quiet=is_silent) as display:
        ending.when_requested = display.say_stopping
        lines = EventLines() if as_json else None
        if together is not None:
            together.asked = lambda: ending.signal or 0

        def should_stop() -> bool:
            return ending.requested() or bool(together and together.requested())

        def show(event: "Event") -> None:
            display.show(event)
            if lines is not None:
                lines.show(event)

        supervision = Supervision(
            keep=keep,
            stop_after=stop_after,
            should_stop=should_stop,
            tell=show,
            interruptible=ending.interruptible,
            together=together,
        )
        if resume is None:
            begin = None
            if from_run is not None:
                begin = BeginFrom(name=from_run, normalization=normalize)
            events = start_training(
                corpus or [],
                run,
                request,
                supervision,
                rules=rules,
                begin_from=begin,
                keep_corpus=keep_corpus,
                is_verbose=verbose,
                started=STARTED,
            )
        else:
            events = resume_training(
                resume,
                supervision,
                steps=steps,
                minutes=minutes,
                devices=request.asked.get("devices"),
                patience=request.asked.get("patience"),
                started=STARTED,
            )
        try:
            for event in events:
                show(event)
        except KeyboardInterrupt:
            say("stopped before the first step: nothing was changed")
    exit_code = ending.exit_code
    if not exit_code and together is not None and (number := together.requested()):
        exit_code = exit_code_after(number)
    raise typer.Exit(exit_code)
