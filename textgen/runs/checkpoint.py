"""One checkpoint: a folder that holds a whole model, written atomically and verified when read.

model.safetensors        the parameters
config.json              architecture, settings and vocabulary: all else that the model needs
train_state.safetensors  optimizer state and recurrent state
manifest.json            step, losses, and the SHA-256 and size of the three files above
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from textgen.data.formats.decoding import Normalization
from textgen.data.labels import LabelField, label_count
from textgen.data.vocabulary import END, Vocabulary
from textgen.errors import DamagedError, SettingError, reading_errors
from textgen.network.parameters import (
    Arrays,
    describe_parameters,
    parameter_count,
    parameter_shapes,
)
from textgen.runs.files import (
    MAX_JSON_BYTES,
    check_no_link,
    decode_json,
    encode_json,
    read_bytes,
    read_json,
    whole_folder,
    write_durably,
)
from textgen.runtime.room import check_room
from textgen.settings import MAX_STATE_BYTES, CellName, Direction, ModelSettings, check_number
from textgen.storage import open_regular

# Version of the format that is written. Older ones are read too.
FORMAT = 3
MODEL = "model.safetensors"
CONFIG = "config.json"
TRAIN_STATE = "train_state.safetensors"
MANIFEST = "manifest.json"
FILES = (MODEL, CONFIG, TRAIN_STATE)
# Largest safetensors header that is read, in bytes: several times that of a network of 64 layers.
MAX_HEADER_BYTES = 2**18
# Memory that reading a file of arrays takes, as a multiple of its size: the file, its arrays, and
# what checks them.
READING_FACTOR = 2.25


@dataclass(frozen=True)
class ModelConfig:
    """All of a model except its parameters.

    Attributes:
        settings: the network's shape.
        vocabulary: the characters and their ids.
        start: the character that is read first: a newline, or `END` before a document.
        normalization: Unicode normal form of the text, into which prompts are brought too.
        labels: fields of the labels of documents.
    """

    settings: ModelSettings
    vocabulary: Vocabulary
    start: str
    normalization: Normalization = "none"
    labels: tuple[LabelField, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the content of config.json."""
        settings = self.settings.to_json()
        if not self.labels:
            del settings["num_labels"]
        return {
            "format": FORMAT,
            "architecture": settings.pop("cell"),
            "direction": settings.pop("direction"),
            "settings": settings,
            "vocabulary": self.vocabulary.characters.replace(END, ""),
            "end": self.vocabulary.end_id,
            "start": self.start.replace(END, ""),
            "normalization": self.normalization,
            **({"labels": [field.to_json() for field in self.labels]} if self.labels else {}),
        }

    def difference(self, other: "ModelConfig") -> str:
        """Return what differs between two models, such as `network`; empty if nothing does."""
        pairs = {
            "network": (self.settings, other.settings),
            "alphabet": (self.vocabulary.characters, other.vocabulary.characters),
            "first character": (self.start, other.start),
            "normal form of the text": (self.normalization, other.normalization),
            "labels": (self.labels, other.labels),
        }
        return next((name for name, (mine, theirs) in pairs.items() if mine != theirs), "")

    @classmethod
    def from_json(cls, path: Path, content: Mapping[str, Any]) -> "ModelConfig":
        """Read what `to_json` returned.

        Raises:
            DamagedError: if the content is invalid or needs a newer textgen; the message names the
                path.
        """
        check_format(path, content)
        kind = content.get("architecture"), content.get("direction")
        if kind[0] not in get_args(CellName) or kind[1] not in get_args(Direction):
            raise DamagedError(path, f"unknown architecture and direction {kind}")
        try:
            settings = ModelSettings.from_json(
                {**content["settings"], "cell": kind[0], "direction": kind[1]}
            )
            characters, start = content["vocabulary"], content["start"]
            characters.encode()  # raises a ValueError if a surrogate is among them
            end, normalization = content.get("end"), content.get("normalization", "none")
            if end is not None:
                check_number("end", end, 1, len(characters) + 1, whole=True)
                characters = characters[: end - 1] + END + characters[end - 1 :]
                start = start or END
            vocabulary = Vocabulary(characters)
            if normalization not in get_args(Normalization):
                raise SettingError("normalization", normalization, "none, nfc or nfkc")
            labels = tuple(map(LabelField.from_json, content.get("labels", ())))
        except (KeyError, TypeError, AttributeError, ValueError, SettingError) as error:
            raise DamagedError(path, f"bad content: {error}") from error
        if len(vocabulary) != settings.vocab_size or start not in list(characters):
            raise DamagedError(path, "its settings and its vocabulary do not match")
        if label_count(labels) != settings.num_labels:
            raise DamagedError(path, "its settings and its labels do not match")
        return cls(settings, vocabulary, start, normalization, labels)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint in memory.

    Attributes:
        step: number of training steps made before it.
        validation_loss: nats per character; None if it was not measured at this step.
        progress: the progress of training, as JSON can hold it.
        config: all of the model except its parameters.
        parameters: the arrays of the network, by name.
        train_state: the arrays of the training state, by name; empty if they were not read.
        run_sum: sum of the record of its run, which tells the run from any other; empty if it was
            saved by textgen 0.2 or before.
    """

    step: int
    validation_loss: float | None
    progress: Mapping[str, Any]
    config: ModelConfig
    parameters: Arrays
    train_state: Mapping[str, NDArray[Any]]
    run_sum: str = ""


def check_format(path: Path, content: Mapping[str, Any]) -> None:
    """Check that this version of textgen can read the format of a file.

    Raises:
        DamagedError: if the format is unknown.
    """
    if content.get("format") not in range(1, FORMAT + 1):
        raise DamagedError(
            path,
            f"its format is {content.get('format')!r}, but this textgen reads only formats 1 to "
            f"{FORMAT}; use a newer textgen",
        )


def write_checkpoint(folder: Path, checkpoint: Checkpoint, *, is_described: bool = True) -> None:
    """Write a checkpoint as a new folder.

    Args:
        folder: the folder.
        checkpoint: the checkpoint.
        is_described: whether the file of the model says in its metadata what its arrays mean.

    Raises:
        FileExistsError: if the folder already exists.
        StorageError: if it cannot be written; nothing is left behind.
    """
    sums = {}
    with whole_folder(folder) as temporary:

        def write(name: str, data: bytes) -> None:
            write_durably(temporary / name, data)
            sums[name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}

        # One file after the other, since each takes the memory of its arrays twice.
        files = model_files(checkpoint.config, checkpoint.parameters, is_described=is_described)
        while files:
            write(*files.popitem())
        write(TRAIN_STATE, _pack(checkpoint.train_state))
        manifest = {
            "format": FORMAT,
            "step": checkpoint.step,
            "validation_loss": checkpoint.validation_loss,
            "progress": dict(checkpoint.progress),
            **({"run": checkpoint.run_sum} if checkpoint.run_sum else {}),
            "files": {name: sums[name] for name in FILES},
        }
        write_durably(temporary / MANIFEST, encode_json(manifest))


def model_files(
    config: ModelConfig, parameters: Arrays, *, is_described: bool = True
) -> dict[str, bytes]:
    """Return the content of the two files that are a model, by name.

    Args:
        config: all of the model except its parameters.
        parameters: the arrays of the network, by name.
        is_described: whether the file of the arrays says in its metadata what they mean.
    """
    description = _description(config.settings) if is_described else None
    return {MODEL: _pack(parameters, description), CONFIG: encode_json(config.to_json())}


def _description(settings: ModelSettings) -> dict[str, str]:
    """Return the metadata of a model's file: what its arrays mean.

    It is one entry, since safetensors writes several in an order that changes from save to save.
    """
    return {"textgen": json.dumps(describe_parameters(settings))}


def _pack(arrays: Mapping[str, NDArray[Any]], metadata: dict[str, str] | None = None) -> bytes:
    # For an array that is not C-contiguous, safetensors silently writes wrong values.
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    return safetensors.numpy.save(contiguous, metadata)


def is_described(folder: Path) -> bool:
    """Return whether the model of a checkpoint says what its arrays mean; False if unreadable."""
    path = folder / MODEL
    try:
        check_no_link(folder)
        with open_regular(path) as file:
            length = int.from_bytes(file.read(8), "little")
            return b'"__metadata__"' in file.read(min(length, MAX_HEADER_BYTES))
    except (OSError, DamagedError):
        return False


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a checkpoint's manifest.

    Raises:
        DamagedError: if it is missing or damaged, or its step is not that of the folder's name.
    """
    path = folder / MANIFEST
    check_no_link(folder)
    manifest = read_json(path)
    check_format(path, manifest)
    if manifest.get("step") != step_of(folder):
        raise DamagedError(path, f"it belongs to step {manifest.get('step')}")
    files, loss = manifest.get("files"), manifest.get("validation_loss")
    entries = [{"bytes": int, "sha256": str}] * len(FILES)
    found = [_types(entry) for entry in files.values()] if isinstance(files, dict) else []
    if not isinstance(files, dict) or set(files) != set(FILES) or found != entries:
        raise DamagedError(path, "it does not list the files of a checkpoint")
    if not (loss is None or (isinstance(loss, float) and math.isfinite(loss))):
        raise DamagedError(path, f"its validation loss is {loss!r}")
    if not isinstance(manifest.get("progress"), dict):
        raise DamagedError(path, "it does not hold the progress of training")
    if not isinstance(manifest.setdefault("run", ""), str):
        raise DamagedError(path, "it does not name its run")
    return manifest


def _types(entry: object) -> dict[str, type]:
    content = entry if isinstance(entry, dict) else {}
    return {name: type(value) for name, value in content.items()}


def read_checkpoint(folder: Path, *, train_state: bool = False) -> Checkpoint:
    """Read a checkpoint, and verify each file that is read.

    Args:
        folder: the folder of the checkpoint.
        train_state: whether to read the training state too.

    Raises:
        DamagedError: if a file is missing, is damaged or does not match the others; the message
            names the file.
        NotEnoughMemoryError: if its arrays do not fit into the memory that this process may use.
    """
    manifest = read_manifest(folder)
    config_path = folder / CONFIG
    content = decode_json(config_path, _read_listed(folder, CONFIG, manifest, MAX_JSON_BYTES))
    config = ModelConfig.from_json(config_path, content)
    size = 4 * parameter_count(config.settings)
    _check_room(folder, manifest, (MODEL, TRAIN_STATE) if train_state else (MODEL,))
    data = _read_listed(folder, MODEL, manifest, size + MAX_HEADER_BYTES)
    parameters = _unpack(folder / MODEL, data)
    _check_parameters(folder / MODEL, config.settings, parameters)
    state = {}
    if train_state:
        most = 2 * size + MAX_HEADER_BYTES + MAX_STATE_BYTES
        data = _read_listed(folder, TRAIN_STATE, manifest, most)
        state = _unpack(folder / TRAIN_STATE, data)
    return Checkpoint(
        manifest["step"],
        manifest["validation_loss"],
        manifest["progress"],
        config,
        parameters,
        state,
        manifest["run"],
    )


def verify_checkpoint(folder: Path) -> None:
    """Read a whole checkpoint, and check that its folder holds no other files.

    Raises:
        DamagedError: at the first problem.
    """
    read_checkpoint(folder, train_state=True)
    check_files(folder)


def check_files(folder: Path) -> None:
    """Check that the folder of a checkpoint holds no other files, and is no link.

    Raises:
        DamagedError: if it does, or is one.
    """
    check_no_link(folder)
    with reading_errors(folder):
        extra = {path.name for path in folder.iterdir()} - {*FILES, MANIFEST}
    if extra:
        raise DamagedError(folder, f"files that do not belong there: {', '.join(sorted(extra))}")


def step_folder(step: int) -> str:
    """Return the name of a checkpoint's folder, such as `step-00000300`."""
    return f"step-{step:08d}"


def step_of(folder: Path) -> int:
    """Return the step that a checkpoint's folder is named after."""
    return int(folder.name.removeprefix("step-"))


def _read_listed(folder: Path, name: str, manifest: Mapping[str, Any], most: int) -> bytes:
    path, recorded = folder / name, manifest["files"][name]
    data = read_bytes(path, min(most, max(recorded["bytes"], 0)))
    if len(data) != recorded["bytes"]:
        raise DamagedError(path, f"{len(data)} bytes, expected {recorded['bytes']}")
    if hashlib.sha256(data).hexdigest() != recorded["sha256"]:
        raise DamagedError(path, "its SHA-256 differs from the recorded one")
    return data


def _check_room(folder: Path, manifest: Mapping[str, Any], names: Sequence[str]) -> None:
    """Check that some files of a checkpoint, as they are on the disk, can be read into memory."""
    size = 0
    for name in names:
        with suppress(OSError):  # that a file is missing is told when it is read
            size += min((folder / name).stat().st_size, max(manifest["files"][name]["bytes"], 0))
    check_room(int(READING_FACTOR * size), f"reading the checkpoint {str(folder)!r}")


def _unpack(path: Path, data: bytes) -> dict[str, NDArray[Any]]:
    """Unpack safetensors; check the header first, since the file may come from a stranger."""
    length = int.from_bytes(data[:8], "little")
    if length > min(MAX_HEADER_BYTES, len(data)):
        raise DamagedError(path, f"not safetensors: a header of {length} bytes")
    try:
        json.loads(data[8 : 8 + length], object_pairs_hook=_without_duplicates)
        return safetensors.numpy.load(data)
    except (safetensors.SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise DamagedError(path, f"not safetensors: {error}") from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name occurs twice in the header")
    return content


def _check_parameters(path: Path, settings: ModelSettings, parameters: Arrays) -> None:
    expected = parameter_shapes(settings)
    for name in sorted(expected.keys() | parameters.keys()):
        found = parameters[name].shape if name in parameters else "missing"
        if found != expected.get(name, "not a parameter of this model"):
            raise DamagedError(
                path, f"{name} is {found}, expected {expected.get(name, 'no such parameter')}"
            )
        if parameters[name].dtype != np.float32 or not np.isfinite(parameters[name]).all():
            raise DamagedError(path, f"{name} holds values that are not finite float32 numbers")
