"""Train a new run, from the command to the last checkpoint."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from textgen.data.corpus import Corpus, read_chunks, scan_corpus
from textgen.data.shipped import find_corpus, shipped_corpus
from textgen.data.tokens import Tokens, open_tokens, write_tokens
from textgen.data.vocabulary import Vocabulary
from textgen.errors import RunExistsError, UsageError
from textgen.network.parameters import operations_per_character
from textgen.runs.checkpoint import ModelConfig
from textgen.runs.files import encode_json, whole_folder, write_durably
from textgen.runs.library import new_run_path
from textgen.runs.lock import training_lock
from textgen.runs.record import CorpusRecord, RunRecord
from textgen.runs.run import CHECKPOINTS, RECORD, TOKENS, Run
from textgen.settings import ModelSettings
from textgen.training.devices import check_devices, make_mesh, product_speed
from textgen.training.loop import Trainer
from textgen.training.plan import (
    FILL,
    TRAINING_SHARE,
    Pace,
    Request,
    batch_shape,
    choose_model,
    explain,
    finish_plan,
    first_draft,
)
from textgen.workflows.events import Event, Note, Planned
from textgen.workflows.supervision import (
    Supervision,
    installed_versions,
    measure_pace,
    supervise,
)

# Characters of all paths together: the record of a run names each.
MAX_PATHS_LENGTH = 2**20


def start_training(
    corpus_paths: Sequence[Path],
    name: str | None,
    request: Request,
    supervision: Supervision,
    *,
    keep_corpus: bool = True,
    started: float | None = None,
) -> Iterator[Event]:
    """Train a new run.

    Args:
        corpus_paths: files and folders, or names of texts that ship with textgen, where no file or
            folder is called so; none for the shipped fables.
        name: name or path of the run; None to name it after its corpus.
        request: what the user asked for.
        supervision: when to stop and what to keep.
        keep_corpus: whether the run keeps the text it is trained on.
        started: when the time to fill began, by `time.perf_counter`; now if None.

    Yields:
        What happens. The run is on the disk when `Planned` comes.

    Raises:
        RunExistsError: if there is a run of that name.
        CorpusError: if the text cannot be read or trained on.
        StorageError: if it cannot be written; earlier checkpoints are sound.
        DivergedError: if the loss is no longer a number.
        KeyboardInterrupt: if it is asked to stop before the plan is made; nothing is left behind.
    """
    started = time.perf_counter() if started is None else started
    paths = list(corpus_paths) or [shipped_corpus()]
    if sum(len(str(path.absolute())) for path in paths) > MAX_PATHS_LENGTH:
        raise UsageError(f"{len(paths):,} files are too many to name; name their folder instead")
    if name is not None:
        new_run_path(name, paths[0])  # refuses one that is there, before anything is read
    if request.devices is not None:
        check_devices(request.devices)
    for place, given in enumerate(paths):
        paths[place] = find_corpus(given)
        if paths[place] != given:
            yield Note(f"{given.name}: the text that ships with textgen")
    corpus = scan_corpus(paths)
    path = new_run_path(name, paths[0])
    supervision.check()
    for skipped in corpus.skipped:
        yield Note(f"passed over {str(skipped)!r}: not text")
    vocabulary = Vocabulary(corpus.alphabet)
    try:
        with whole_folder(path) as folder:
            sha256 = write_tokens(folder / TOKENS, corpus, vocabulary)
            corpus_record = _corpus_record(corpus, paths, sha256, kept=keep_corpus)
            tokens = open_tokens(folder / TOKENS, corpus_record.tokens, len(vocabulary), sha256)
            yield Note(f"read {corpus.characters:,} characters; measuring this machine")
            shape = batch_shape(request, corpus.training_characters)
            if (request.batch_size or shape[0], request.sequence_length or shape[1]) != shape:
                yield Note(
                    f"the text is short: taking batches of {shape[0]} x {shape[1]} characters"
                )
            size = len(vocabulary)
            trainer, pace = _plan(request, corpus_record, size, tokens, started, supervision)
            start = "\n" if "\n" in vocabulary else next(read_chunks(corpus.files[0]))[0]
            record = RunRecord(
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                corpus=corpus_record,
                config=ModelConfig(trainer.model, vocabulary, start),
                plans=(trainer.plan,),
                versions=installed_versions(),
            )
            write_durably(folder / RECORD, encode_json(record.to_json()))
            (folder / CHECKPOINTS).mkdir()
            if not keep_corpus:
                (folder / TOKENS).unlink()
    except FileExistsError as error:
        raise RunExistsError(path, Run(path).reference, f"{path.name}-2") from error
    run = Run(path)
    reasons = explain(request, trainer.model, trainer.plan, corpus.training_characters)
    seconds = trainer.plan.steps * pace.seconds_per_step
    yield Planned(run, record, 0, seconds, tuple(reasons))
    with training_lock(path):
        yield from supervise(run, record, trainer, supervision)


def _plan(
    request: Request,
    corpus: CorpusRecord,
    vocab_size: int,
    tokens: Tokens,
    started: float,
    supervision: Supervision,
) -> tuple[Trainer, Pace]:
    """Choose all that was not asked for; measure this machine first where time matters."""
    batch_size, length = batch_shape(request, corpus.training_characters)
    split, mesh = corpus.training_characters, make_mesh(request.devices, batch_size)

    def choose(operations_per_second: float) -> ModelSettings:
        seconds = max(request.seconds * FILL - (time.perf_counter() - started), 0.0)
        operations = seconds * operations_per_second
        return choose_model(request, vocab_size, split, batch_size * length, operations)

    def measure(model: ModelSettings) -> tuple[Trainer, Pace]:
        draft = first_draft(request, batch_size, length, mesh.size, model.hidden_size)
        trainer = Trainer(model, draft, tokens[:split], tokens[split:])
        pace = measure_pace(trainer, request, supervision)
        supervision.check()
        return trainer, pace

    # Where nothing is left to choose, the speed of this machine makes no difference.
    estimate = product_speed(mesh, repeats=4) * TRAINING_SHARE if request.is_open else 0.0
    model = choose(estimate)
    trainer, pace = measure(model)
    characters_per_second = batch_size * length / pace.seconds_per_step
    speed = characters_per_second * operations_per_character(model)
    # Far from what large products promised: choose again by what training does.
    if not estimate / 2 < speed < estimate * 2 and (other := choose(speed)) != model:
        trainer, pace = measure(other)
    pace = replace(pace, seconds_to_start=time.perf_counter() - started)
    trainer.adopt(finish_plan(trainer.plan, request, pace, split))
    return trainer, pace


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
