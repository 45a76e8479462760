"""The folder of a run: its record, its tokens, its metrics and its checkpoints."""

import hashlib
import math
import os
import re
import shlex
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from textgen.data.labels import LabelField, SplitLabels, labels_path, open_labels
from textgen.data.origins import Origins
from textgen.data.tokens import BLOCK_BYTES, SUM_BYTES, TokenFile, open_tokens, token_dtype
from textgen.errors import (
    DamagedError,
    ForeignError,
    RunError,
    StorageError,
    UnreadableError,
    storage_errors,
)
from textgen.runs.checkpoint import (
    Checkpoint,
    check_files,
    is_described,
    read_checkpoint,
    read_manifest,
    step_folder,
    write_checkpoint,
)
from textgen.runs.files import (
    TEMPORARY,
    check_no_link,
    encode_json,
    read_bytes,
    read_json,
    remove_whole,
    replace_file,
    sync_folder,
    whole_folder,
)
from textgen.runs.kept_index import COPIES, check_kept
from textgen.runs.metrics import add_rows, check_rows, cut_rows, last_step, read_rows
from textgen.runs.names import CHECKPOINTS, RECORD, is_run, runs_folder
from textgen.runs.record import CorpusRecord, RunRecord
from textgen.runs.trace_index import check_index
from textgen.storage import open_regular, sync

TOKENS = "corpus.tokens"
SUMS = "corpus.sums"
ORIGINS = "corpus.origins"
METRICS = "metrics.jsonl"
LOCK = "lock"
# Largest file of origins that is read, in bytes.
MAX_ORIGINS = 2**32


class Run:
    """A run on disk. Creating the object reads no file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name

    @property
    def title(self) -> str:
        """How a person names this run: by its name in the folder of runs, else by its path."""
        inside = self.path.resolve().parent == runs_folder().resolve()
        return self.name if inside else str(self.path)

    @property
    def reference(self) -> str:
        """How a command line names this run: its title, in quotes if a shell needs them."""
        return shlex.quote(self.title)

    def exists(self) -> bool:
        """Return whether there is a run here. False if the disk cannot be read."""
        return is_run(self.path)

    def is_gone(self) -> bool:
        """Return whether it is certain that no run is here. False if the disk cannot be read."""
        try:
            os.stat(self.path / RECORD)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    def record(self) -> RunRecord:
        """Read run.json.

        Raises:
            DamagedError: if it is missing or damaged.
        """
        path = self.path / RECORD
        return RunRecord.from_json(path, read_json(path))

    def write_record(self, record: RunRecord) -> None:
        """Write run.json, and replace the old one atomically.

        Raises:
            StorageError: if it cannot be written.
        """
        replace_file(self.path / RECORD, encode_json(record.to_json()))

    def open_tokens(self, record: RunRecord) -> TokenFile:
        """Open the token file; the training part comes first.

        Each block of it is checked when it is first read. The whole file is checked here if the run
        has no sums of blocks, as those of textgen 0.2 and before.

        Raises:
            DamagedError: if it or the file of its sums is missing or damaged.
        """
        corpus, sums = record.corpus, None
        vocab_size = record.config.settings.vocab_size
        if corpus.sums_sha256 is not None:
            size = corpus.tokens * token_dtype(vocab_size).itemsize
            sums = read_bytes(self.path / SUMS, SUM_BYTES * -(-size // BLOCK_BYTES))
            if hashlib.sha256(sums).hexdigest() != corpus.sums_sha256:
                raise DamagedError(self.path / SUMS, "its SHA-256 differs from the recorded one")
        path = self.path / TOKENS
        return open_tokens(path, corpus.tokens, vocab_size, corpus.tokens_sha256, sums)

    def open_parts(self, record: RunRecord) -> tuple[TokenFile, TokenFile]:
        """Return the training part and the validation part of the token file; see `open_tokens`."""
        training, validation, _ = record.corpus.parts(self.open_tokens(record))
        return training, validation

    def origins(self, record: RunRecord) -> Origins | None:
        """Read where the training text comes from; None if the run does not tell.

        Raises:
            DamagedError: if the file is missing or damaged.
        """
        expected = record.corpus.origins_sha256
        if expected is None:
            return None
        path = self.path / ORIGINS
        data = read_bytes(path, MAX_ORIGINS)
        if hashlib.sha256(data).hexdigest() != expected:
            raise DamagedError(path, "its SHA-256 differs from the recorded one")
        return Origins.from_bytes(path, data, record.corpus.training_ids)

    def open_labels(self, record: RunRecord, tokens: Path | None = None) -> SplitLabels | None:
        """Read the labels of all documents; None if they have none.

        Args:
            record: the record of the run.
            tokens: the file of ids beside which that of the labels stands; None for the run's own.

        Raises:
            DamagedError: if the file is missing or damaged.
        """
        return labels_of(tokens or self.path / TOKENS, record.corpus, record.config.labels)

    def size(self) -> int:
        """Return the size of all files of the run in bytes, without files removed meanwhile."""
        total = 0
        for parent, _, names in os.walk(self.path):
            for name in names:
                with suppress(OSError):
                    total += os.lstat(os.path.join(parent, name)).st_size
        return total

    def steps(self) -> list[int]:
        """List the steps of the checkpoints, in order.

        Raises:
            DamagedError: if their folder cannot be read, or is a link.
        """
        folder = self._checkpoints()
        try:
            # A link is listed, so that it is found to be damaged, and then set aside.
            names = [
                entry.name
                for entry in os.scandir(folder)
                if entry.is_dir(follow_symlinks=False) or entry.is_symlink()
            ]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UnreadableError(folder, error) from error
        found = (int(name[5:]) for name in names if re.fullmatch("step-[0-9]{8,10}", name))
        return sorted(step for step in found if step_folder(step) in names)

    def folder(self, step: int) -> Path:
        """Return the folder of the checkpoint of a step.

        Raises:
            DamagedError: if the folder of all checkpoints is a link.
        """
        return self._checkpoints() / step_folder(step)

    def _checkpoints(self) -> Path:
        """Return the folder of all checkpoints, through which every path to one goes.

        The folder of the run itself may be a link, since its user has named it.

        Raises:
            DamagedError: if it is a link, which could lead to the checkpoints of another run.
        """
        folder = self.path / CHECKPOINTS
        check_no_link(folder)
        return folder

    def manifest(self, step: int, run_sum: str | None = None) -> dict[str, Any]:
        """Read the manifest of a checkpoint.

        Args:
            step: its step.
            run_sum: sum of the record of this run; None to read it.

        Raises:
            ForeignError: if it belongs to another run.
            DamagedError: if it is damaged.
        """
        folder = self.folder(step)
        manifest = read_manifest(folder)
        _check_sum(folder, manifest["run"], self._sum() if run_sum is None else run_sum)
        return manifest

    def _sum(self) -> str:
        """Return the sum of the record; empty if the record is damaged, which others report."""
        with suppress(DamagedError):
            return self.record().sum
        return ""

    def validation_losses(self, *, damaged: bool = False) -> dict[int, float]:
        """Return the validation loss of each checkpoint at which it was measured, by step.

        Args:
            damaged: whether to skip checkpoints with a damaged manifest.

        Returns:
            Losses in nats per character.

        Raises:
            DamagedError: if a manifest is damaged and `damaged` is false.
        """
        losses, run_sum = {}, self._sum()
        for step in self.steps():
            try:
                loss = self.manifest(step, run_sum)["validation_loss"]
            except DamagedError:
                if self.folder(step).exists() and not damaged:
                    raise
                continue  # it is damaged, or its trainer removed it since the steps were listed
            if loss is not None:
                losses[step] = loss
        return losses

    def progress(self) -> dict[str, Any]:
        """Return the training progress in the latest checkpoint, or nothing if there is none.

        Raises:
            DamagedError: if its manifest is damaged.
        """
        steps = self.steps()
        return dict(self.manifest(steps[-1])["progress"]) if steps else {}

    def best_step(self, *, damaged: bool = False) -> int:
        """Return the step of the lowest validation loss, or the latest step if none was measured.

        Args:
            damaged: whether to skip checkpoints with a damaged manifest.

        Raises:
            RunError: if there is no checkpoint.
            DamagedError: if a manifest is damaged and `damaged` is false.
        """
        losses, steps = self.validation_losses(damaged=damaged), self.steps()
        if losses:
            return min(losses, key=lambda step: (losses[step], step))
        if not steps:
            raise RunError(
                f"the run {str(self.path)!r} has no checkpoint yet; "
                f"train it: textgen train --resume {self.reference}"
            )
        return steps[-1]

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, unless its step was saved before.

        Raises:
            StorageError: if it cannot be written, or the run no longer exists.
        """
        if self.is_gone():
            raise StorageError(self.path, "the run no longer exists")
        try:
            self._save(checkpoint)
        except DamagedError as error:  # training may go on until the disk can be read again
            raise StorageError(error.path, error.problem) from error

    def _save(self, checkpoint: Checkpoint) -> None:
        folder = self.folder(checkpoint.step)
        with storage_errors(folder):
            saved = folder.exists()
        if not saved:
            # A run that older versions began goes on as they would have saved it, to the byte:
            # what refers to a model by its checksum finds it.
            steps = self.steps()
            described = not steps or is_described(self.folder(steps[-1]))
            bound = replace(checkpoint, run_sum=self._sum())
            write_checkpoint(folder, bound, is_described=described)

    def load(self, step: int, *, train_state: bool = False) -> Checkpoint:
        """Read a checkpoint.

        Raises:
            ForeignError: if it belongs to another run.
            DamagedError: if anything in it is damaged.
        """
        record, folder = self.record(), self.folder(step)
        checkpoint = read_checkpoint(folder, train_state=train_state)
        _check_sum(folder, checkpoint.run_sum, record.sum)
        if what := checkpoint.config.difference(record.config):
            raise ForeignError(folder, what)
        return checkpoint

    def prune(self, keep: int, also: Collection[int] = ()) -> None:
        """Remove all checkpoints except the newest, the best and some others.

        Args:
            keep: number of the newest checkpoints to keep, at least 1.
            also: steps of other checkpoints to keep.

        Raises:
            StorageError: if one cannot be removed.
        """
        steps = self.steps()
        kept = {*steps[-max(keep, 1) :], *also}
        if steps:
            kept.add(self.best_step(damaged=True))
        self.remove(set(steps) - kept)

    def remove(self, steps: Iterable[int]) -> None:
        """Remove the checkpoints of some steps.

        Raises:
            StorageError: if one cannot be removed.
        """
        for step in steps:
            folder = self.folder(step)
            # It is renamed first, so that no reader finds half a checkpoint under its own name.
            temporary = folder.with_name(f"{TEMPORARY}{folder.name}")
            with storage_errors(folder):
                folder.rename(temporary)
                remove_whole(temporary)

    def set_aside(self, step: int) -> None:
        """Rename a damaged checkpoint, so that its step can be saved again.

        Raises:
            StorageError: if it cannot be renamed.
        """
        folder, number = self.folder(step), 1
        while os.path.lexists(aside := folder.with_name(f"damaged-{folder.name}-{number}")):
            number += 1
        with storage_errors(folder):
            folder.rename(aside)
            sync_folder(folder.parent)

    def remove_leftovers(self) -> None:
        """Remove the temporary files and folders that interrupted writes left.

        Raises:
            DamagedError: if the folder of checkpoints is a link.
            StorageError: if one cannot be removed.
        """
        for folder in (self.path, self._checkpoints()):
            for path in folder.glob(f"{TEMPORARY}*"):
                with storage_errors(path):
                    remove_whole(path)

    def add_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows to metrics.jsonl: all of them, or none if that fails.

        Raises:
            StorageError: if they cannot be written.
        """
        add_rows(self.path / METRICS, rows)

    def metrics(self) -> list[dict[str, Any]]:
        """Return the rows of metrics.jsonl; an incomplete last row is left out.

        Raises:
            DamagedError: if any other line is not a row.
        """
        return read_rows(self.path / METRICS)

    def cut_metrics(self, step: int) -> None:
        """Remove the rows after a step, and lines that are not rows.

        Raises:
            StorageError: if metrics.jsonl cannot be written.
        """
        cut_rows(self.path / METRICS, step)

    def problems(self) -> Sequence[DamagedError]:
        """Check every file except the lock, and return what is wrong.

        Single numbers in metrics.jsonl have no checksum. The losses of the checkpoints that are
        left are compared with theirs.
        """
        found, record = [], None
        try:
            steps = self.steps()
        except DamagedError as error:
            return [error]
        try:
            record = self.record()
            if record.corpus.kept:
                self.open_tokens(record).check()
                self.open_labels(record)
                self.origins(record)
                check_index(self.path)
                check_kept(self.path / COPIES)
            if not steps and last_step(self.path / METRICS) > record.plan.checkpoint_every:
                raise DamagedError(self.path, "it was trained, but has no checkpoint left")
        except DamagedError as error:
            found.append(error)
        try:
            losses = self.validation_losses(damaged=True)
            bits = {step: loss / math.log(2) for step, loss in losses.items()}
            check_rows(self.path / METRICS, bits)
        except DamagedError as error:
            found.append(error)
        for step in steps:
            try:
                check_files(self.folder(step))
                if record is None:
                    read_checkpoint(self.folder(step), train_state=True)
                else:
                    self.load(step, train_state=True)
            except DamagedError as error:
                if self.folder(step).exists():  # else its trainer removed it meanwhile
                    found.append(error)
        return found


def _check_sum(folder: Path, found: str, run_sum: str) -> None:
    """Check that a checkpoint belongs to a run, if both sums are known.

    Raises:
        ForeignError: if it does not.
    """
    if found and run_sum and found != run_sum:
        raise ForeignError(folder, "sum of the run")


def labels_of(
    tokens: Path, corpus: CorpusRecord, fields: Sequence[LabelField]
) -> SplitLabels | None:
    """Read the labels beside a file of ids; see `Run.open_labels`."""
    if corpus.labels_sha256 is None:
        return None
    labels = open_labels(labels_path(tokens), corpus.documents, fields, corpus.labels_sha256)
    return SplitLabels(*np.split(labels, [corpus.training_documents]))


def write_derived_run(
    path: Path,
    origin: Run,
    record: RunRecord,
    checkpoint: Checkpoint,
    metrics: Sequence[Mapping[str, Any]],
) -> Run:
    """Write a new run that has the text of another one, whole or not at all.

    Args:
        path: folder of the new run.
        origin: the other run.
        record: record of the new run, with the corpus of the other one.
        checkpoint: its first checkpoint.
        metrics: its metrics.

    Raises:
        FileExistsError: if there is anything at the path.
        DamagedError: if the text cannot be read.
        StorageError: if the run cannot be written.
    """
    with whole_folder(path) as folder:
        for file in (TOKENS, SUMS, ORIGINS, labels_path(Path(TOKENS)).name):
            if os.path.lexists(origin.path / file):
                with open_regular(origin.path / file) as source, open(folder / file, "xb") as copy:
                    shutil.copyfileobj(source, copy)
                    copy.flush()
                    sync(copy.fileno())
        run = Run(folder)
        run.write_record(record)
        run.save(checkpoint)
        run.add_metrics(metrics)
    return Run(path)
