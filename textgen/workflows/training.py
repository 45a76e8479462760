"""Train a new run, or go on with an old one, from the command to the last checkpoint."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from textgen.data.corpus import Corpus, read_chunks, scan_corpus, shipped_corpus
from textgen.data.tokens import Tokens, open_tokens, write_tokens
from textgen.data.vocabulary import Vocabulary
from textgen.errors import CorpusError, DamagedError, RunExistsError, SettingError, UsageError
from textgen.generation.engines import NumpyEngine
from textgen.generation.generator import Generator
from textgen.runs.checkpoint import Checkpoint, ModelConfig
from textgen.runs.files import encode_json, whole_folder, write_durably
from textgen.runs.library import find_run, new_run_path
from textgen.runs.lock import training_lock
from textgen.runs.run import CHECKPOINTS, RECORD, TOKENS, CorpusRecord, Run, RunRecord
from textgen.settings import SamplingSettings, TrainingSettings
from textgen.training.devices import available_cores, make_mesh
from textgen.training.evaluation import bits_per_character
from textgen.training.loop import Progress, Report, Trainer
from textgen.training.objective import state_arrays, state_from_arrays
from textgen.training.plan import (
    Pace,
    Request,
    batch_shape,
    choose_dropout,
    finish_plan,
    first_draft,
)
from textgen.workflows.events import Ended, Event, Note, Planned, Sampled, Saved

SECONDS_TO_MEASURE = 2.0
SAMPLED_CHARACTERS = 100


@dataclass(frozen=True, kw_only=True)
class Supervision:
    """How a training is watched over, beside its plan.

    Attributes:
        keep: checkpoints to keep, beside the best.
        stop_after: a step to stop after, short of the plan's end.
        should_stop: asked after every step; true ends the training with a checkpoint.
    """

    keep: int = 3
    stop_after: int | None = None
    should_stop: Callable[[], bool] = lambda: False


def start_training(
    corpus_paths: Sequence[Path],
    name: str | None,
    request: Request,
    supervision: Supervision,
    *,
    keep_corpus: bool = True,
) -> Iterator[Event]:
    """Train a new run.

    Args:
        corpus_paths: files and folders; none for the fables that ship with textgen.
        name: name or path of the run; None to name it after its corpus.
        request: what the user asked for.
        supervision: when to stop and what to keep.
        keep_corpus: whether the run keeps the text it is trained on.

    Yields:
        What happens. The run is on the disk when `Planned` comes.

    Raises:
        RunExistsError: if there is a run of that name.
        CorpusError: if the text cannot be read or trained on.
        NoSpaceError: if the disk is full; earlier checkpoints are sound.
        DivergedError: if the loss is no longer a number.
    """
    started = time.perf_counter()
    paths = list(corpus_paths) or [shipped_corpus()]
    path = new_run_path(name, paths[0])
    if request.devices is not None:
        make_mesh(request.devices, request.devices)  # refuses more than there are
    corpus = scan_corpus(paths)
    for skipped in corpus.skipped:
        yield Note(f"passed over {str(skipped)!r}: not text")
    vocabulary = Vocabulary(corpus.alphabet)
    try:
        with whole_folder(path) as folder:
            sha256 = write_tokens(folder / TOKENS, corpus, vocabulary)
            corpus_record = _corpus_record(corpus, paths, sha256, kept=keep_corpus)
            tokens = open_tokens(folder / TOKENS, corpus_record.tokens, len(vocabulary), sha256)
            yield Note(f"read {corpus.characters:,} characters; measuring this machine")
            trainer, pace = _plan(request, corpus_record, len(vocabulary), tokens, started)
            start = "\n" if "\n" in vocabulary else next(read_chunks(corpus.files[0]))[0]
            record = RunRecord(
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                corpus=corpus_record,
                config=ModelConfig(trainer.model, vocabulary, start),
                plans=(trainer.plan,),
                versions=_versions(),
            )
            write_durably(folder / RECORD, encode_json(record.to_json()))
            (folder / CHECKPOINTS).mkdir()
            if not keep_corpus:
                (folder / TOKENS).unlink()
    except FileExistsError as error:
        raise RunExistsError(path, new_run_path(None, path).name) from error
    run = Run(path)
    yield Planned(run, record, 0, trainer.plan.steps * pace.seconds_per_step)
    with training_lock(path):
        yield from _train(run, record, trainer, supervision)


def resume_training(
    name: str | None,
    supervision: Supervision,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    devices: int | None = None,
) -> Iterator[Event]:
    """Go on with a run: to the end of its plan, or further under a new schedule.

    Args:
        name: name or path of the run; None for the newest.
        supervision: when to stop and what to keep.
        steps: train a finished run this many steps further.
        minutes: or for this long.
        devices: share batches among so many; None for as many as the plan says.

    Yields:
        What happens. A finished run that is not to be trained further yields one note.

    Raises:
        RunNotFoundError: if there is no such run.
        DamagedError: if run.json or the token file is damaged.
        LockedError: if another process trains it.
        UsageError: if `steps` or `minutes` is given for a run that is not finished.
    """
    started = time.perf_counter()
    run = find_run(name)
    further = Request(steps=steps, minutes=minutes)
    with training_lock(run.path):
        run.remove_leftovers()
        record = run.record()
        checkpoint = None
        for event in _newest_sound(run):
            if isinstance(event, Note):
                yield event
            else:
                checkpoint = event
        step = checkpoint.step if checkpoint else 0
        plans = tuple(plan for plan in record.plans if plan.first_step <= step)
        record = replace(record, plans=plans)
        finished = step == record.plan.last_step
        if not finished and (steps is not None or minutes is not None):
            raise UsageError(
                f"the run {run.name!r} is at step {step} of {record.plan.last_step}; "
                "finish it first: --steps and --minutes go on only from a finished run"
            )
        if finished and steps is None and minutes is None:
            yield Note(
                f"the run {run.name!r} is finished at step {step}; "
                f"train it further with --resume {run.name} --steps N or --minutes M"
            )
            return
        yield from _warnings(record, devices)
        plan = replace(record.plan, devices=_devices_for(record.plan, devices))
        if finished:
            plan = replace(plan, first_step=step)
        tokens = _tokens_of(run, record)
        trainer = _make_trainer(record.config, plan, record.corpus, tokens)
        seconds = None
        if checkpoint:
            _restore(trainer, checkpoint, fresh=step == plan.first_step)
        if finished:
            pace = _measure(trainer, further)
            pace = replace(pace, seconds_to_start=time.perf_counter() - started)
            trainer.adopt(finish_plan(plan, further, pace, first_step=step))
            seconds = trainer.plan.steps * pace.seconds_per_step
            record = replace(record, plans=(*record.plans, trainer.plan))
            run.write_record(record)
        run.cut_metrics(step)
        yield Planned(run, record, step, seconds)
        yield from _train(run, record, trainer, supervision)


def _plan(
    request: Request, corpus: CorpusRecord, vocab_size: int, tokens: Tokens, started: float
) -> tuple[Trainer, Pace]:
    """Choose all that was not asked for; measure this machine first where time matters."""
    batch_size, length = batch_shape(request, corpus.training_characters)
    model = request.model_settings(vocab_size)
    devices = make_mesh(request.devices, batch_size).size
    draft = first_draft(request, batch_size, length, devices, model.hidden_size)
    split = corpus.training_characters
    trainer = Trainer(model, draft, tokens[:split], tokens[split:])
    pace = _measure(trainer, request)
    elapsed = time.perf_counter() - started
    plan = finish_plan(draft, request, replace(pace, seconds_to_start=elapsed))
    if request.dropout_rate is None:
        passes = plan.steps * plan.characters_per_step / split
        model = replace(model, dropout_rate=choose_dropout(passes))
    if model != trainer.model:
        # Another network to compile: as long again as the first.
        elapsed += pace.seconds_to_start - SECONDS_TO_MEASURE
        plan = finish_plan(draft, request, replace(pace, seconds_to_start=elapsed))
        trainer = Trainer(model, plan, tokens[:split], tokens[split:])
    else:
        trainer.adopt(plan)
    return trainer, pace


def _measure(trainer: Trainer, request: Request) -> Pace:
    # A plan of a few steps should not be measured for longer than it takes.
    most = 1_000_000 if request.steps is None else max(request.steps // 10, 3)
    return trainer.measure(SECONDS_TO_MEASURE, most)


def _make_trainer(
    config: ModelConfig, plan: TrainingSettings, corpus: CorpusRecord, tokens: Tokens
) -> Trainer:
    split = corpus.training_characters
    return Trainer(config.settings, plan, tokens[:split], tokens[split:])


def _train(
    run: Run, record: RunRecord, trainer: Trainer, supervision: Supervision
) -> Iterator[Event]:
    plan, stop_after = trainer.plan, supervision.stop_after
    if stop_after is not None and not trainer.progress.step < stop_after:
        raise SettingError("stop_after", stop_after, f"above step {trainer.progress.step}")
    for report in trainer.run():
        yield report
        if report.validation_loss is not None:
            run.add_metrics(_metrics_row(report))
            yield Sampled(_sample_line(trainer, record.config))
        stopping = report.step == stop_after or supervision.should_stop()
        last = report.step == plan.last_step
        if stopping or last or report.step % plan.checkpoint_every == 0:
            run.save(_checkpoint(trainer, record.config, report.validation_loss))
            run.prune(supervision.keep)
            yield Saved(report.step)
        if stopping or last:
            best = run.best_step()
            loss = run.validation_losses().get(best)
            yield Ended(run, report.step, last, best, loss)
            return


def _checkpoint(trainer: Trainer, config: ModelConfig, loss: float | None) -> Checkpoint:
    state = trainer.state
    return Checkpoint(
        step=trainer.progress.step,
        validation_loss=loss,
        progress=asdict(trainer.progress),
        config=config,
        parameters={name: np.asarray(array) for name, array in state.parameters.items()},
        train_state=state_arrays(state),
    )


def _restore(trainer: Trainer, checkpoint: Checkpoint, *, fresh: bool) -> None:
    """Put a checkpoint into a trainer; `fresh` begins a new schedule from its weights."""
    parameters: dict[str, Any] = dict(checkpoint.parameters)
    progress = Progress(**checkpoint.progress)
    if fresh:
        state = trainer.fresh_state(parameters)
    else:
        try:
            state = state_from_arrays(parameters, checkpoint.train_state, trainer.state)
        except ValueError as error:
            raise DamagedError(Path("train_state.safetensors"), str(error)) from error
    trainer.restore(state, progress)


def _newest_sound(run: Run) -> Iterator[Note | Checkpoint]:
    """Yield the newest checkpoint that is whole, if any, and a note for each that is not."""
    for step in reversed(run.steps()):
        try:
            yield run.load(step, train_state=True)
            return
        except DamagedError as error:
            run.set_aside(step)
            yield Note(f"{error}; going back to the checkpoint before it")


def _tokens_of(run: Run, record: RunRecord) -> Tokens:
    """Open the token file of a run; make it again from the text if the run did not keep it."""
    corpus = record.corpus
    if corpus.kept:
        return run.open_tokens(record)
    paths = [Path(path) for path in corpus.origin]
    found = scan_corpus(paths)
    if found.sha256 != corpus.sha256:
        raise CorpusError(paths[0], "it is no longer the text that this run was trained on")
    path = run.path / f".tmp-{TOKENS}"
    try:
        write_tokens(path, found, record.config.vocabulary)
        vocab_size = len(record.config.vocabulary)
        return open_tokens(path, corpus.tokens, vocab_size, corpus.tokens_sha256)
    finally:
        # The map stays good without the name.
        path.unlink(missing_ok=True)


def _devices_for(plan: TrainingSettings, devices: int | None) -> int:
    if devices is not None:
        return devices
    with suppress(SettingError):
        return make_mesh(plan.devices, plan.batch_size).size
    return make_mesh(None, plan.batch_size).size


def _warnings(record: RunRecord, devices: int | None) -> Iterator[Note]:
    planned = record.plan.devices
    used = devices or min(planned, max(available_cores(), 1))
    if used != planned:
        yield Note(f"the run used {planned} devices, this machine {used}: last bits will differ")
    changed = [name for name, old in record.versions.items() if _versions().get(name) != old]
    if changed:
        yield Note(f"other versions than the run began with, so last bits may differ: {changed}")


def _corpus_record(
    corpus: Corpus, paths: Sequence[Path], tokens_sha256: str, *, kept: bool
) -> CorpusRecord:
    return CorpusRecord(
        origin=tuple(str(path.resolve()) for path in paths),
        sha256=corpus.sha256,
        characters=corpus.characters,
        training_characters=corpus.training_characters,
        validation_characters=corpus.validation_characters,
        tokens_sha256=tokens_sha256,
        kept=kept,
    )


def _metrics_row(report: Report) -> dict[str, float]:
    assert report.validation_loss is not None
    return {
        "step": report.step,
        "training_bits_per_character": bits_per_character(report.training_loss),
        "validation_bits_per_character": bits_per_character(report.validation_loss),
        "learning_rate": report.learning_rate,
        "gradient_norm": report.gradient_norm,
        "seconds": round(report.seconds, 3),
        "characters_per_second": round(report.characters_per_second, 1),
    }


def _sample_line(trainer: Trainer, config: ModelConfig) -> str:
    parameters = {name: np.asarray(array) for name, array in trainer.state.parameters.items()}
    reader = NumpyEngine(config.settings, parameters)
    generator = Generator(reader, config.vocabulary, config.start, seed=trainer.progress.step)
    text = "".join(generator.stream(SAMPLED_CHARACTERS, SamplingSettings()))
    return " ".join(text.split())


def _versions() -> dict[str, str]:
    names = ("textgen-lstm", "jax", "flax", "optax", "numpy")
    return {name: version(name) for name in names}
