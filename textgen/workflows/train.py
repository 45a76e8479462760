"""Train a new run, from the command to the last checkpoint."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from textgen.data.labels import label_count, labels_path
from textgen.data.prepare import PreparedText, prepare_text
from textgen.data.shipped import find_corpus, shipped_corpus
from textgen.data.sources import STANDARD_INPUT, check_source, is_read_once
from textgen.data.text_rules import TextRules
from textgen.data.tokens import open_tokens
from textgen.errors import UsageError
from textgen.planning.accelerated import check_backend
from textgen.planning.choices import TextSize
from textgen.planning.machine import Pace
from textgen.planning.plan import make_plan
from textgen.planning.request import Request
from textgen.planning.timekeeping import keep_time
from textgen.runs.ancestry import Ancestor
from textgen.runs.checkpoint import ModelConfig
from textgen.runs.files import encode_json, passing_folder, whole_folder, write_durably
from textgen.runs.library import new_run_path, run_exists_error
from textgen.runs.lock import training_lock
from textgen.runs.names import CHECKPOINTS, RECORD
from textgen.runs.record import CorpusRecord, RunRecord
from textgen.runs.run import ORIGINS, SUMS, TOKENS, Run
from textgen.runtime.accelerators import Accelerator, check_computation, find_accelerator
from textgen.runtime.devices import check_devices, make_mesh
from textgen.runtime.room import find_room
from textgen.settings import Computation, ModelSettings, Precision, TrainingSettings
from textgen.training.loop import Trainer
from textgen.workflows.begin_from import BeginFrom, Origin, save_beginning
from textgen.workflows.events import Begun, Ended, Event, Note, Planned, reading_work
from textgen.workflows.hosts import place_of, share_speed
from textgen.workflows.supervise import (
    Supervision,
    TrainerText,
    installed_versions,
    make_trainer,
    measure_pace,
    supervise,
    tell_many_layers,
)

# Largest total length of all paths, in characters. The record of a run holds each path.
MAX_PATHS_LENGTH = 2**20
# Most files that were passed over and are named in the record of a run.
MAX_PASSED_OVER = 1000


def start_training(
    corpus_paths: Sequence[Path],
    name: str | None,
    request: Request,
    supervision: Supervision,
    *,
    rules: TextRules | None = None,
    begin_from: BeginFrom | None = None,
    keep_corpus: bool = True,
    is_verbose: bool = False,
    is_measurement: bool = False,
    only_plans: bool = False,
    started: float | None = None,
) -> Iterator[Event]:
    """Train a new run.

    Args:
        corpus_paths: files, folders and names of texts that ship with textgen; none for the shipped
            fables. A file or folder takes precedence over a shipped text of that name.
        name: name or path of the run; None to name it after its corpus.
        request: what the user asked for.
        supervision: when to stop and which checkpoints to keep.
        rules: how the text is made of the sources; None for the rules by default.
        begin_from: the run whose weights to begin from; None for random weights.
        keep_corpus: whether the run keeps the text that it is trained on.
        is_verbose: whether to note each file that is read or passed over.
        is_measurement: whether the run is trained for a measurement, and is not to become the
            newest run, with which commands work by default.
        only_plans: whether to end with the plan. The text is then read into a temporary folder, and
            no run is written.
        started: the `time.perf_counter` at which the user's time began; now if None.

    Yields:
        Events: notes, then `Planned` once the run is on the disk, then the events of `supervise`;
        a note instead of them if it only plans.

    Raises:
        RunExistsError: if a run of that name exists.
        RunNotFoundError: if there is no run of the name to begin from.
        DamagedError: if the run to begin from is damaged.
        UsageError: if the request contradicts the run to begin from, or if the time is too short
            for more than a few steps; nothing is written then.
        CorpusError: if the text cannot be read or trained on.
        StorageError: if the run cannot be written; checkpoints that were saved remain usable.
        DivergedError: if training diverges again after five roll-backs.
        KeyboardInterrupt: if it is asked to stop before the plan is made; nothing is written then.
    """
    started = time.perf_counter() if started is None else started
    rules = rules or TextRules(seed=request.asked.get("seed", 0))
    paths = list(corpus_paths) or [shipped_corpus()]
    begins = begin_from is not None
    _check_request(paths, rules, request, begins_from_run=begins, keep_corpus=keep_corpus)
    if name is not None:
        new_run_path(name, paths[0])  # raises if the run exists, before any text is read
    origin = Origin(begin_from) if begin_from else None
    if origin:
        request, rules = origin.continuing(request), origin.rules_of(rules)
        yield from map(Note, origin.notes())
    for index, given in enumerate(paths):
        paths[index] = find_corpus(given)
        check_source(paths[index])
        if paths[index] != given:
            yield Note(f"{given.name}: the text that ships with textgen")
    path = new_run_path(name, paths[0])
    try:
        make_folder: Callable[[Path], AbstractContextManager[Path]] = whole_folder
        if only_plans:
            # Other processes look for the text where the run would be.
            make_folder = passing_folder if supervision.together else _own_folder
        with make_folder(path) as folder:
            prepared, corpus = _read(folder, paths, rules, request, supervision, origin)
            yield Note(prepared.report.summary())
            yield from map(Note, [*prepared.notes, *_listed(prepared) * is_verbose])
            fields = prepared.labels.fields if prepared.labels else ()
            place = place_of(folder, corpus, prepared.vocabulary, fields)
            text = _text_of(folder, prepared, corpus)
            machine = _ThisMachine(text, place, request, supervision, started)
            plan = make_plan(request, _size_of(prepared), machine)
            trainer = machine.trainer_of(plan.training)
            config = _config_of(prepared, rules, trainer, origin)
            ancestry: tuple[Ancestor, ...] = ()
            if origin:
                supervision.begin("measuring the old weights on the new text")
                ancestry = (*origin.record.ancestry, origin.begin(trainer, config))
            record = RunRecord(
                created=datetime.now(UTC).isoformat(timespec="seconds"),
                corpus=corpus if keep_corpus else corpus.without_files(),
                config=config,
                plans=(trainer.plan,),
                versions=installed_versions(),
                is_measurement=is_measurement,
                ancestry=ancestry,
            )
            if not only_plans:
                _write(folder, record, prepared, trainer)
    except FileExistsError as error:
        raise run_exists_error(path) from error
    run = Run(path)
    yield Planned(run, record, 0, plan.seconds, (prepared.reason, *plan.reasons))
    if ancestry:
        yield Begun(ancestry[-1].name, ancestry[-1].first_loss)
    if only_plans:
        yield Note("this is only the plan: nothing was written; leave --dry-run out to train")
        return
    if trainer.is_over:  # it is a plan without steps
        yield Ended(run, record, 0, True, 0, ancestry[-1].first_loss)
        return
    timekeeper = keep_time(request, plan, _size_of(prepared), machine.elapsed)
    with training_lock(path):
        yield from supervise(run, record, trainer, supervision, timekeeper)


@contextmanager
def _own_folder(_: Path) -> Iterator[Path]:
    """Make a folder of this machine for the text while a plan is made; it is removed afterwards."""
    with TemporaryDirectory(prefix="textgen-") as folder:
        yield Path(folder)


def _check_request(
    paths: Sequence[Path],
    rules: TextRules,
    request: Request,
    *,
    begins_from_run: bool,
    keep_corpus: bool,
) -> None:
    """Check what can be checked before a file is opened.

    Raises:
        UsageError: if the options contradict each other or the texts.
        SettingError: if there are fewer devices than asked for, or if they cannot compute as asked.
    """
    held = [Path(rules.validation)] if isinstance(rules.validation, str) else []
    if not keep_corpus and any(map(is_read_once, [*paths, *held])):
        raise UsageError("a pipe cannot be read again; leave --no-keep-corpus out")
    if request.asked.get("forget_less") and not begins_from_run:
        raise UsageError("--forget-less mixes in the text of an old run; name it with --from")
    if request.asked.get("forget_less") and not keep_corpus:
        raise UsageError(
            "--forget-less mixes two texts, and the run must keep them; leave --no-keep-corpus out"
        )
    if [str(path) for path in (*paths, *held)].count(STANDARD_INPUT) > 1:
        raise UsageError("standard input can be read only once; name it once")
    if sum(len(str(path.absolute())) for path in paths) > MAX_PATHS_LENGTH:
        raise UsageError(f"{len(paths):,} files are too many to name; name their folder instead")
    if "devices" in request.asked:
        check_devices(request.asked["devices"])
    check_backend(
        request, request.asked.get("cell", "lstm"), has_labels=bool(rules.source.label_fields)
    )
    check_computation(request.asked.get("precision"), request.asked.get("backend"))


def _read(
    folder: Path,
    paths: Sequence[Path],
    rules: TextRules,
    request: Request,
    supervision: Supervision,
    origin: Origin | None,
) -> tuple[PreparedText, CorpusRecord]:
    """Read the text, and after it the old text if it is mixed in, into the folder of a run."""
    begun = time.perf_counter()

    def read(characters: int, share: float | None) -> None:
        work = reading_work(characters, share, time.perf_counter() - begun)
        supervision.begin(work.text, work.seconds)

    supervision.begin("reading the text")
    known = origin.model.config.vocabulary if origin else None
    old = origin.old_text(request) if origin else None
    # A pipe may wait for its writer for ever.
    with supervision.interruptible():
        prepared = prepare_text(paths, rules, folder / TOKENS, known, old, progress=read)
    supervision.check()
    corpus = _record_of(prepared, paths, rules)
    return prepared, replace(corpus, old_ids=0 if old is None else len(old))


def _text_of(folder: Path, prepared: PreparedText, corpus: CorpusRecord) -> TrainerText:
    """Open the text that was read, for a trainer."""
    vocabulary = prepared.vocabulary
    tokens = open_tokens(
        folder / TOKENS, corpus.tokens, len(vocabulary), prepared.tokens_sha256, prepared.sums
    )
    training, validation, old = corpus.parts(tokens)
    labels = prepared.labels.split if prepared.labels else None
    return training, validation, vocabulary.end_id, labels, old


def _size_of(prepared: PreparedText) -> TextSize:
    """Return what a plan must know about a text."""
    return TextSize(
        vocab_size=len(prepared.vocabulary),
        training_characters=prepared.training_ids,
        own_characters=prepared.training_characters,
        num_labels=label_count(prepared.labels.fields) if prepared.labels else 0,
    )


def _config_of(
    prepared: PreparedText, rules: TextRules, trainer: Trainer, origin: Origin | None
) -> ModelConfig:
    """Return the model that a trainer trains, without its parameters."""
    start = origin.start_of(prepared.start) if origin else prepared.start
    fields = prepared.labels.fields if prepared.labels else ()
    normalization = rules.source.normalization
    return ModelConfig(trainer.model, prepared.vocabulary, start, normalization, fields)


def _write(folder: Path, record: RunRecord, prepared: PreparedText, trainer: Trainer) -> None:
    """Write what a run holds before its first step."""
    write_durably(folder / RECORD, encode_json(record.to_json()))
    (folder / CHECKPOINTS).mkdir()
    if record.ancestry:
        save_beginning(folder, record, trainer)
    if record.corpus.kept:
        write_durably(folder / SUMS, prepared.sums)
        if prepared.origins is not None:
            write_durably(folder / ORIGINS, prepared.origins)
    else:
        (folder / TOKENS).unlink()
        labels_path(folder / TOKENS).unlink(missing_ok=True)


class _ThisMachine:
    """Measures how fast this machine trains on a text; see `Machine`."""

    def __init__(
        self,
        text: TrainerText,
        place: dict[str, Any],
        request: Request,
        supervision: Supervision,
        started: float,
    ) -> None:
        self._text, self._place = text, place
        self._request, self._supervision, self._started = request, supervision, started
        # The trainers of the network that was measured last, by how they compute it, and the last
        # of them, which has made the most steps.
        self._trainers: dict[tuple[Computation, int], Trainer] = {}
        self._trainer: Trainer | None = None

    def accelerator(self) -> Accelerator | None:
        return find_accelerator()

    def devices(self, batch_size: int) -> int:
        return make_mesh(None, batch_size).size

    def memory(self) -> int | None:
        room = find_room()
        return None if room is None else room.free

    def elapsed(self) -> float:
        return time.perf_counter() - self._started

    def product_speed(self, devices: int, precision: Precision) -> float:
        self._supervision.begin("measuring: timing matrix products")
        return share_speed(self._supervision.together, devices, precision)

    def training_pace(self, model: ModelSettings, draft: TrainingSettings) -> Pace:
        before = self._trainer
        if before is not None and before.model == model and _is_another(before.plan, draft):
            # It is measured how else the network can be computed. The steps so far are kept.
            state = before.arrays()
            trainer = self._make(model, draft)
            trainer.restore(state, before.progress)
        else:
            # Another network or another plan begins. The memory of the old one is freed first.
            self._trainers.clear()
            before = self._trainer = None
            trainer = self._make(model, draft)
        self._trainer = self._trainers[_how(draft)] = trainer
        if not draft.steps:
            return Pace(seconds_per_step=1.0, seconds_per_evaluation=0.0, seconds_to_start=0.0)
        return measure_pace(trainer, self._request, self._supervision)

    def _make(self, model: ModelSettings, draft: TrainingSettings) -> Trainer:
        tell_many_layers(model, self._supervision)
        together = self._supervision.together
        return make_trainer(model, draft, *self._text, together=together, place=self._place)

    def trainer_of(self, plan: TrainingSettings) -> Trainer:
        """Give the trainer that was measured for a plan the complete plan, and return it."""
        trainer, latest = self._trainers[_how(plan)], self._trainer
        if latest is not None and latest is not trainer:
            state = latest.arrays()
            if self._supervision.together is not None:  # the others have only the latest one
                trainer = self._make(trainer.model, plan)
            trainer.restore(state, latest.progress)
        self._trainers.clear()
        self._trainer = None
        trainer.adopt(plan)
        return trainer


def _how(plan: TrainingSettings) -> tuple[Computation, int]:
    """Return how a plan is computed: precision, backend and devices."""
    return plan.computation, plan.devices


def _is_another(one: TrainingSettings, other: TrainingSettings) -> bool:
    """Return whether two plans differ in nothing but how they are computed."""
    computation, devices = _how(other)
    alike = replace(
        one, precision=computation.precision, backend=computation.backend, devices=devices
    )
    return alike == other and one != other


def _listed(prepared: PreparedText) -> list[str]:
    report = prepared.report
    read = (f"read {one.name!r}: {one.kind}, {one.characters:,} characters" for one in report.files)
    return [*read, *(f"passed over {name!r}: {reason}" for name, reason in report.passed_over)]


def _record_of(prepared: PreparedText, paths: Sequence[Path], rules: TextRules) -> CorpusRecord:
    report = prepared.report
    return CorpusRecord(
        origin=tuple(str(path if is_read_once(path) else path.resolve()) for path in paths),
        sha256=prepared.sha256,
        training_characters=prepared.training_characters,
        validation_characters=prepared.validation_characters,
        training_ids=prepared.training_ids,
        validation_ids=prepared.validation_ids,
        tokens_sha256=prepared.tokens_sha256,
        sums_sha256=hashlib.sha256(prepared.sums).hexdigest(),
        origins_sha256=hashlib.sha256(prepared.origins).hexdigest() if prepared.origins else None,
        kept=True,
        rules=replace(rules, documents=prepared.unit),
        documents=prepared.documents,
        training_documents=len(prepared.labels.training) if prepared.labels else 0,
        labels_sha256=prepared.labels_sha256,
        files=len(report.files),
        passed_over=tuple(report.passed_over[:MAX_PASSED_OVER]),
    )
