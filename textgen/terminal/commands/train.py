"""The command that trains a network, or continues the training of a run."""

import time
from contextlib import suppress
from dataclasses import replace
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
    follow_first,
    guard,
    is_follower,
    join,
)
from textgen.terminal.commands.options import (
    AsJson,
    Progress,
    Quiet,
    offers,
    option_name,
    takes_options,
)
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
from textgen.terminal.display.progress_line import ProgressMode, starting
from textgen.terminal.output import say
from textgen.tracking.trackers import check_target
from textgen.workflows.training_order import TrainingOrder

if TYPE_CHECKING:
    from textgen.runtime.together import Together
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
def order_training(
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
    verbose: Annotated[
        bool,
        typer.Option("--verbose", help="List the files that are read, and those that are not."),
    ] = False,
    log_to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="tensorboard|trackio|wandb|MODULE:FUNCTION",
            help="Log losses, samples and settings there too, as often as the network is "
            "evaluated; repeat it for several. A function gets every event as a dictionary. If "
            "logging fails, that is told once and training goes on.",
        ),
    ] = None,
    **asked: Any,
) -> TrainingOrder:
    """Return what the values of the options ask for.

    Raises:
        UsageError: if a value is out of range, or options contradict each other.
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

    return TrainingOrder(
        sources=tuple(corpus or ()),
        run=run,
        request=request,
        rules=rules,
        resume=resume,
        from_run=from_run,
        normalization=normalize,
        keep=keep,
        stop_after=stop_after,
        keep_corpus=keep_corpus,
        is_verbose=verbose,
        log_to=tuple(map(check_target, log_to or ())),
    )


@takes_options("order", order_training)
def train(
    order: TrainingOrder,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show the plan and end. The text is read and the machine is measured as for the "
            "training itself, but no run is written.",
        ),
    ] = False,
    hosts: HostsMode = "auto",
    hosts_timeout: HostsTimeout = 300,
    corpus_place: CorpusPlace = "shared",
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on a text, or resume a run.

    Ctrl-C saves and stops. A second Ctrl-C stops at once, without saving. With --json, events are
    printed: the plan, progress, evaluations, checkpoints and the end.
    """
    if dry_run and order.resume is not None:
        raise UsageError(
            "--dry-run plans a new run; the plan of an old one is shown by textgen info RUN"
        )
    check_number("hosts_timeout", hosts_timeout, 1, whole=True)
    order = replace(order, only_plans=dry_run)

    from textgen.runtime.environment import prepare_jax

    processes = find(hosts, quiet=quiet)
    if processes is not None and is_follower(processes):
        raise typer.Exit(guard(processes))
    prepare_jax()
    together = join(processes, hosts_timeout, order.request.asked.get("devices"))
    if together is not None and not together.leads:
        raise typer.Exit(follow_first(together, corpus_place))
    raise typer.Exit(_train(order, together, progress, as_json=as_json, quiet=quiet))


def _train(
    order: TrainingOrder,
    together: "Together | None",
    progress: ProgressMode,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    """Train, show what happens, and return the exit code."""
    with starting(progress, quiet=quiet or as_json):
        import textgen.workflows.resume
        import textgen.workflows.train  # noqa: F401
        from textgen.terminal.display.event_lines import EventLines
        from textgen.terminal.display.progress import TrainingDisplay
        from textgen.terminal.signals import exit_code_after, noted_signals

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

        events = order.events(
            should_stop=should_stop,
            tell=show,
            interruptible=ending.interruptible,
            together=together,
            started=STARTED,
        )
        try:
            for event in events:
                show(event)
        except KeyboardInterrupt:
            say("stopped before the first step: nothing was changed")
    if not ending.exit_code and together is not None and (number := together.requested()):
        return exit_code_after(number)
    return ending.exit_code
