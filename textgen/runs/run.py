"""The folder of a run: what was planned, what was measured, and its checkpoints."""

import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from textgen.data.tokens import Tokens, file_sha256, open_tokens
from textgen.errors import DamagedError, RunError, SettingError, StorageError, storage_errors
from textgen.runs.checkpoint import (
    FORMAT,
    Checkpoint,
    ModelConfig,
    check_format,
    read_checkpoint,
    read_manifest,
    step_folder,
    verify_checkpoint,
    write_checkpoint,
)
from textgen.runs.files import TEMPORARY, encode_json, read_json, replace_file, sync_folder
from textgen.settings import TrainingSettings, check_number

RECORD = "run.json"
TOKENS = "corpus.tokens"
METRICS = "metrics.jsonl"
LOCK = "lock"
CHECKPOINTS = "checkpoints"
# Many times what a row of metrics takes.
MAX_ROW_BYTES = 2**16


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

    def __post_init__(self) -> None:
        check_number("training_characters", self.training_characters, 2, whole=True)
        check_number("validation_characters", self.validation_characters, 2, whole=True)
        check_number("characters", self.characters, 0, whole=True)
        _check_texts("origin", *self.origin or [None])
        _check_texts("sha256", self.sha256, self.tokens_sha256)
        if not isinstance(self.kept, bool):
            raise SettingError("kept", self.kept, "true or false")

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
            corpus = content["corpus"]
            if content["plans"][0]["first_step"] != 0:
                raise SettingError("first_step", content["plans"][0]["first_step"], "0")
            _check_texts("created", content["created"], *content["versions"].values())
            return cls(
                created=content["created"],
                corpus=CorpusRecord(**corpus | {"origin": tuple(corpus["origin"])}),
                config=ModelConfig.from_json(path, content["model"]),
                plans=(
                    TrainingSettings.from_json(content["plans"][0]),
                    *map(TrainingSettings.from_json, content["plans"][1:]),
                ),
                versions=content["versions"],
            )
        except (LookupError, TypeError, AttributeError, SettingError) as error:
            raise DamagedError(path, f"bad content: {error}") from error


def _check_texts(name: str, *values: object) -> None:
    for value in values:
        if not isinstance(value, str):
            raise SettingError(name, value, "text")


def _parse_row(line: bytes) -> dict[str, Any] | None:
    """Parse a row of metrics: a step and other numbers; None if it is none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    numbers = isinstance(row, dict) and all(type(value) in (int, float) for value in row.values())
    return row if numbers and isinstance(row.get("step"), int) else None


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
        return RunRecord.from_json(path, read_json(path))

    def write_record(self, record: RunRecord) -> None:
        """Write run.json in the place of the old one.

        Raises:
            StorageError: if it cannot be written.
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
        names = (path.name for path in (self.path / CHECKPOINTS).glob("step-*"))
        steps = (int(name[5:]) for name in names if name[5:].isdecimal())
        return sorted(step for step in steps if self.folder(step).is_dir())

    def folder(self, step: int) -> Path:
        """Return the folder of the checkpoint of a step."""
        return self.path / CHECKPOINTS / step_folder(step)

    def validation_losses(self, *, damaged: bool = False) -> dict[int, float]:
        """Return the validation loss, in nats, of each checkpoint at which it was measured.

        Args:
            damaged: whether to pass over manifests that are.

        Raises:
            DamagedError: if a manifest is damaged and is not to be passed over.
        """
        losses = {}
        for step in self.steps():
            try:
                loss = read_manifest(self.folder(step))["validation_loss"]
            except DamagedError:
                if self.folder(step).exists() and not damaged:
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

    def best_step(self, *, damaged: bool = False) -> int:
        """Return the step of lowest validation loss; the latest if none was measured.

        Args:
            damaged: whether to pass over checkpoints whose manifest is.

        Raises:
            RunError: if there is no checkpoint.
            DamagedError: if a manifest is damaged and is not to be passed over.
        """
        losses = self.validation_losses(damaged=damaged)
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
            StorageError: if it cannot be written, or the run is no longer there.
        """
        folder = self.folder(checkpoint.step)
        if not self.exists():
            raise StorageError(folder, "the run is no longer there")
        if not folder.exists():
            write_checkpoint(folder, checkpoint)

    def load(self, step: int, *, train_state: bool = False) -> Checkpoint:
        """Read a checkpoint.

        Raises:
            DamagedError: if anything in it is damaged.
        """
        return read_checkpoint(self.folder(step), train_state=train_state)

    def prune(self, keep: int, also: Collection[int] = ()) -> None:
        """Remove all checkpoints but the newest `keep`, the best and those of some other steps.

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
            # Renamed first, so that nobody sees half of a checkpoint under its own name.
            doomed = folder.with_name(f"{TEMPORARY}{folder.name}")
            with storage_errors(folder):
                folder.rename(doomed)
                shutil.rmtree(doomed)

    def set_aside(self, step: int) -> None:
        """Give a damaged checkpoint another name, so that its step can be saved again."""
        folder, number = self.folder(step), 1
        while (aside := folder.with_name(f"damaged-{folder.name}-{number}")).exists():
            number += 1
        with storage_errors(folder):
            folder.rename(aside)
            sync_folder(folder.parent)

    def remove_leftovers(self) -> None:
        """Remove what an interrupted write left behind."""
        for folder in (self.path, self.path / CHECKPOINTS):
            for path in folder.glob(f"{TEMPORARY}*"):
                with storage_errors(path):
                    whole = path.is_dir() and not path.is_symlink()
                    shutil.rmtree(path) if whole else path.unlink()

    def add_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows to metrics.jsonl: all of them, or none if that fails.

        Raises:
            StorageError: if they cannot be written.
        """
        path = self.path / METRICS
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        with storage_errors(path), path.open("ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                while data:
                    data = data[file.write(data) :]
            except OSError:
                file.truncate(before)
                raise

    def metrics(self) -> list[dict[str, Any]]:
        """Return the rows of metrics.jsonl; a torn last row is left out.

        Raises:
            DamagedError: if any other line is not a row.
        """
        rows = list(self._read_metrics())
        if None in rows[:-1]:
            number = rows.index(None) + 1
            raise DamagedError(self.path / METRICS, f"line {number} is not a row of metrics")
        return [row for row in rows if row is not None]

    def _read_metrics(self) -> Iterator[dict[str, Any] | None]:
        """Yield the rows of metrics.jsonl, None for a line that is none."""
        path = self.path / METRICS
        if path.is_file():
            with path.open("rb") as file:
                for line in iter(lambda: file.readline(MAX_ROW_BYTES), b""):
                    yield _parse_row(line)

    def cut_metrics(self, step: int) -> None:
        """Remove the rows after a step, and what is no row.

        Raises:
            StorageError: if it cannot be written.
        """
        rows = (row for row in self._read_metrics() if row is not None and row["step"] <= step)
        text = "".join(json.dumps(row) + "\n" for row in rows)
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
