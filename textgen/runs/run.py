"""The folder of a run: what was planned, what was measured, and its checkpoints."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from textgen.data.tokens import Tokens, file_sha256, open_tokens
from textgen.errors import DamagedError, RunError, SettingError, space_errors
from textgen.runs.checkpoint import (
    FORMAT,
    Checkpoint,
    ModelConfig,
    check_format,
    read_checkpoint,
    read_manifest,
    step_folder,
    step_of,
    verify_checkpoint,
    write_checkpoint,
)
from textgen.runs.files import TEMPORARY, decode_json, encode_json, read_bytes, replace_file
from textgen.settings import TrainingSettings

RECORD = "run.json"
TOKENS = "corpus.tokens"
METRICS = "metrics.jsonl"
LOCK = "lock"
CHECKPOINTS = "checkpoints"


VARIABLE = "TEXTGEN_CHECKPOINTS"


def runs_folder() -> Path:
    """Return the folder of runs: $TEXTGEN_CHECKPOINTS, or `checkpoints` under the current one."""
    return Path(os.environ.get(VARIABLE) or "checkpoints")


@dataclass(frozen=True, kw_only=True)
class CorpusRecord:
    """The text a run is trained on.

    Attributes:
        origin: the paths that were given, absolute.
        sha256: of the normalised text.
        characters: of the whole text.
        training_characters: of the part trained on, which the token file holds first.
        validation_characters: of the rest.
        tokens_sha256: of the token file.
        kept: whether the run holds the token file.
    """

    origin: tuple[str, ...]
    sha256: str
    characters: int
    training_characters: int
    validation_characters: int
    tokens_sha256: str
    kept: bool

    @property
    def tokens(self) -> int:
        """Ids in the token file."""
        return self.training_characters + self.validation_characters


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What run.json holds.

    Attributes:
        created: when, in ISO 8601 with UTC.
        corpus: the text.
        config: the model.
        plans: one for each time the run was trained further; the last is the one in force.
        versions: of textgen and what it stands on.
    """

    created: str
    corpus: CorpusRecord
    config: ModelConfig
    plans: tuple[TrainingSettings, ...]
    versions: Mapping[str, str]

    @property
    def plan(self) -> TrainingSettings:
        """The plan in force."""
        return self.plans[-1]

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON can hold it."""
        return {
            "format": FORMAT,
            "created": self.created,
            "corpus": asdict(self.corpus) | {"origin": list(self.corpus.origin)},
            "model": self.config.to_json(),
            "plans": [plan.to_json() for plan in self.plans],
            "versions": dict(self.versions),
        }

    @classmethod
    def from_json(cls, path: Path, content: Mapping[str, Any]) -> "RunRecord":
        """Read what `to_json` returned.

        Raises:
            DamagedError: if it makes no sense; it names the path.
        """
        check_format(path, content)
        try:
            corpus = CorpusRecord(**content["corpus"])
            return cls(
                created=content["created"],
                corpus=replace(corpus, origin=tuple(corpus.origin)),
                config=ModelConfig.from_json(path, content["model"]),
                plans=tuple(map(TrainingSettings.from_json, content["plans"])),
                versions=content["versions"],
            )
        except (KeyError, TypeError, SettingError) as error:
            raise DamagedError(path, f"bad content: {error}") from error


class Run:
    """A run on disk. Making the object reads nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.path.resolve().name

    @property
    def reference(self) -> str:
        """What a command calls this run: its name in the folder of runs, its path elsewhere."""
        inside = self.path.resolve().parent == runs_folder().resolve()
        return self.name if inside else str(self.path)

    def exists(self) -> bool:
        """Return whether there is a run here."""
        return (self.path / RECORD).is_file()

    def record(self) -> RunRecord:
        """Read run.json.

        Raises:
            DamagedError: if it is missing or damaged.
        """
        path = self.path / RECORD
        return RunRecord.from_json(path, decode_json(path, read_bytes(path)))

    def write_record(self, record: RunRecord) -> None:
        """Write run.json in the place of the old one.

        Raises:
            NoSpaceError: if the disk is full.
        """
        replace_file(self.path / RECORD, encode_json(record.to_json()))

    def open_tokens(self, record: RunRecord) -> Tokens:
        """Map the token file, training part first.

        Raises:
            DamagedError: if it is missing or damaged.
        """
        corpus = record.corpus
        vocab_size = record.config.settings.vocab_size
        return open_tokens(self.path / TOKENS, corpus.tokens, vocab_size, corpus.tokens_sha256)

    def steps(self) -> list[int]:
        """List the steps of the checkpoints, in order."""
        folders = (self.path / CHECKPOINTS).glob("step-*")
        return sorted(step_of(path) for path in folders if path.name[5:].isdecimal())

    def folder(self, step: int) -> Path:
        """Return the folder of the checkpoint of a step."""
        return self.path / CHECKPOINTS / step_folder(step)

    def validation_losses(self) -> dict[int, float]:
        """Return the validation loss, in nats, of each checkpoint at which it was measured.

        Raises:
            DamagedError: if a manifest is damaged.
        """
        losses = {}
        for step in self.steps():
            try:
                loss = read_manifest(self.folder(step))["validation_loss"]
            except DamagedError:
                if self.folder(step).exists():
                    raise
                continue  # its trainer has pruned it since the steps were listed
            if loss is not None:
                losses[step] = loss
        return losses

    def waited(self) -> int:
        """Return how many evaluations the latest checkpoint stands after the lowest loss.

        Raises:
            DamagedError: if its manifest is damaged.
        """
        steps = self.steps()
        waited = read_manifest(self.folder(steps[-1]))["progress"].get("waited") if steps else 0
        return waited if isinstance(waited, int) else 0

    def best_step(self) -> int:
        """Return the step of lowest validation loss; the latest if none was measured.

        Raises:
            RunError: if there is no checkpoint.
        """
        losses = self.validation_losses()
        if losses:
            return min(losses, key=lambda step: (losses[step], step))
        if not self.steps():
            raise RunError(
                f"the run {str(self.path)!r} has no checkpoint yet; "
                f"train it: textgen train --resume {self.reference}"
            )
        return self.steps()[-1]

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, unless the same step was saved before.

        Raises:
            NoSpaceError: if the disk is full.
        """
        folder = self.folder(checkpoint.step)
        if not folder.exists():
            write_checkpoint(folder, checkpoint)

    def load(self, step: int, *, train_state: bool = False) -> Checkpoint:
        """Read a checkpoint.

        Raises:
            DamagedError: if anything in it is damaged.
        """
        return read_checkpoint(self.folder(step), train_state=train_state)

    def prune(self, keep: int) -> None:
        """Remove all checkpoints but the newest `keep`, the latest and the best."""
        kept = {*self.steps()[-max(keep, 1) :], self.best_step()}
        for step in self.steps():
            if step not in kept:
                # Renamed first, so that nobody sees half of a checkpoint under its own name.
                doomed = self.folder(step).with_name(f"{TEMPORARY}{step_folder(step)}")
                self.folder(step).rename(doomed)
                shutil.rmtree(doomed)

    def set_aside(self, step: int) -> None:
        """Give a damaged checkpoint another name, so that its step can be saved again."""
        folder, number = self.folder(step), 1
        while (aside := folder.with_name(f"damaged-{folder.name}-{number}")).exists():
            number += 1
        folder.rename(aside)

    def remove_leftovers(self) -> None:
        """Remove what an interrupted write left behind."""
        for folder in (self.path, self.path / CHECKPOINTS):
            for path in folder.glob(f"{TEMPORARY}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def add_metrics(self, row: Mapping[str, Any]) -> None:
        """Append a row to metrics.jsonl.

        Raises:
            NoSpaceError: if the disk is full.
        """
        path = self.path / METRICS
        with space_errors(path), path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """Return the rows of metrics.jsonl; a torn last row is left out.

        Raises:
            DamagedError: if any other line is not a row.
        """
        path = self.path / METRICS
        lines = path.read_text("utf-8", errors="replace").splitlines() if path.is_file() else []
        rows = []
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                rows.append(row)
            elif number < len(lines):
                raise DamagedError(path, f"line {number} is not a row of metrics")
        return rows

    def cut_metrics(self, step: int) -> None:
        """Remove the rows after a step.

        Raises:
            NoSpaceError: if the disk is full.
        """
        kept = [row for row in self.metrics() if row["step"] <= step]
        text = "".join(json.dumps(row) + "\n" for row in kept)
        replace_file(self.path / METRICS, text.encode())

    def problems(self) -> Sequence[DamagedError]:
        """Check every file but metrics.jsonl and the lock; return what is wrong."""
        found = []
        try:
            record = self.record()
            if record.corpus.kept:
                path = self.path / TOKENS
                if not path.is_file():
                    raise DamagedError(path, "the file is missing")
                if file_sha256(path) != record.corpus.tokens_sha256:
                    raise DamagedError(path, "its SHA-256 is not the recorded one")
        except DamagedError as error:
            found.append(error)
        metrics = self.path / METRICS
        if not self.steps() and metrics.is_file() and metrics.stat().st_size:
            found.append(DamagedError(self.path, "it was trained, and has no checkpoint left"))
        for step in self.steps():
            try:
                verify_checkpoint(self.folder(step))
            except DamagedError as error:
                found.append(error)
        return found
