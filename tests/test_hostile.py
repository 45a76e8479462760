"""Runs from strangers: whatever their files claim, they are refused in one line and soon."""

import copy
import hashlib
import json
import os
import pickle
import random
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from textgen.errors import DamagedError, StorageError, TextgenError
from textgen.runs.checkpoint import CONFIG, FILES, MANIFEST, MODEL, TRAIN_STATE
from textgen.runs.files import MAX_JSON_BYTES, encode_json, read_bytes
from textgen.runs.lock import training_lock
from textgen.runs.names import RECORD
from textgen.runs.run import Run
from textgen.runs.summary import summarise
from textgen.runtime.memory import check_memory
from textgen.terminal.display.run_tables import format_summary
from textgen.workflows.load import load_model
from textgen.workflows.recover import progress_of
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision


def reseal(folder: Path, **changes: Any) -> None:
    """Make the manifest fit files that were changed on purpose, as their author can."""
    manifest = json.loads((folder / MANIFEST).read_text())
    for name in FILES:
        data = (folder / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / MANIFEST).write_bytes(encode_json(manifest | changes))


def with_header(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    """Return a file of safetensors with this header; its length may be a lie."""
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(name: str, shape: list[int], size: int) -> bytes:
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}
    return json.dumps({name: entry}).encode()


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("pwned",)


def zipped(tmp_path: Path) -> bytes:
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("../../pwned", "x" * 1000)
    return (tmp_path / "z").read_bytes()


def repeated(whole: bytes) -> bytes:
    """Name the first tensor of a file twice."""
    length = struct.unpack("<Q", whole[:8])[0]
    header = whole[8 : 8 + length].rstrip()
    first = header[1 : header.index(b"}") + 1]
    return with_header(header[:-1] + b"," + first + b"}", whole[8 + length :])


MILLION = ",".join(
    f'"t{number}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for number in range(10**6)
)

TENSORS: dict[str, Callable[[bytes, Path], bytes]] = {
    "empty": lambda whole, tmp: b"",
    "pickle": lambda whole, tmp: pickle.dumps(Bomb()),
    "zip": lambda whole, tmp: zipped(tmp),
    "header of 2^63": lambda whole, tmp: with_header(b"{}", length=2**63),
    "header of 100 MB": lambda whole, tmp: with_header(b" " * 10**8),
    "header of 2^63, padded": lambda whole, tmp: with_header(b"{}", bytes(10**6), length=2**63),
    "a name twice": lambda whole, tmp: repeated(whole),
    "a million tensors": lambda whole, tmp: with_header(b"{" + MILLION.encode() + b"}"),
    "terabytes": lambda whole, tmp: with_header(tensor("embedding", [10**6, 10**6], 4 * 10**12)),
    "overflow": lambda whole, tmp: with_header(tensor("embedding", [2**32, 2**32], 0)),
    "deep header": lambda whole, tmp: with_header(b"[" * 200_000),
    "zeros": lambda whole, tmp: bytes(len(whole)),
    "pathname": lambda whole, tmp: with_header(tensor("../../pwned", [1], 4), bytes(4)),
    "not finite": lambda whole, tmp: safetensors.numpy.save(
        {
            name: np.full_like(array, np.nan if array.dtype == np.float32 else 1)
            for name, array in safetensors.numpy.load(whole).items()
        }
    ),
}


@pytest.fixture
def bounded() -> Iterator[None]:
    """Fail a test that keeps a core busy for over ten seconds, or runs what a file says."""
    begun, clock = time.process_time(), time.perf_counter()
    yield
    assert time.process_time() - begun < 10
    assert time.perf_counter() - clock < 60  # nothing is waited for, either
    assert not Path("pwned").exists()


MEASURED = r"""
import re, sys
from pathlib import Path
from textgen.errors import DamagedError
from textgen.runs.run import Run
for name in sys.argv[1:]:
    try:
        Run(Path(name)).load(20, train_state=True)
    except DamagedError:
        # Not ru_maxrss, which a process inherits from the one that forked it.
        print(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1], name)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
@pytest.mark.parametrize("name", [MODEL, TRAIN_STATE])
def test_hostile_files_take_little_memory(tiny_run: Path, tmp_path: Path, name: str) -> None:
    made = []
    for number, kind in enumerate(TENSORS):
        copied = Path(shutil.copytree(tiny_run, tmp_path / f"run-{number}"))
        path = Run(copied).folder(20) / name
        path.write_bytes(TENSORS[kind](path.read_bytes(), tmp_path))
        reseal(path.parent)
        made.append(str(copied))
    for number, (key, value) in enumerate([("hidden_size", 65_536), ("vocab_size", 200_000)]):
        copied = Path(shutil.copytree(tiny_run, tmp_path / f"large-{number}"))
        config = json.loads((Run(copied).folder(20) / CONFIG).read_text())
        config["settings"][key] = value
        if key == "vocab_size":
            config["vocabulary"] = "\n" + "".join(map(chr, range(0x10000, 0x10000 + value - 2)))
        (Run(copied).folder(20) / CONFIG).write_bytes(encode_json(config))
        reseal(Run(copied).folder(20))
        made.append(str(copied))
    command = [sys.executable, "-c", MEASURED, *made]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    refused = [line.split() for line in done.stdout.splitlines()]
    # Two kinds of training state are looked at by the training that would use them, below.
    assert len(refused) == len(made) - 2 * (name == TRAIN_STATE)
    assert max(int(peak) for peak, _ in refused) < 500_000


@pytest.mark.parametrize("name", [MODEL, TRAIN_STATE])
@pytest.mark.parametrize("kind", TENSORS)
def test_hostile_tensors_are_refused(
    tiny_run: Path, tmp_path: Path, kind: str, name: str, request: pytest.FixtureRequest
) -> None:
    if kind in ("not finite", "pathname") and name == TRAIN_STATE:
        return  # looked at by the training that would use it, below
    folder = Run(tiny_run).folder(20)
    (folder / name).write_bytes(TENSORS[kind]((folder / name).read_bytes(), tmp_path))
    reseal(folder)
    request.getfixturevalue("bounded")
    with pytest.raises(DamagedError, match=name):
        Run(tiny_run).load(20, train_state=True)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "problem"), [("not finite", "not finite"), ("pathname", "pwned")])
def test_a_training_state_that_does_not_fit_is_refused(
    tiny_run: Path, kind: str, problem: str
) -> None:
    path = Run(tiny_run).folder(20) / TRAIN_STATE
    path.write_bytes(TENSORS[kind](path.read_bytes(), tiny_run))
    folder = Run(tiny_run).folder(20)
    folder.rename(folder.with_name("step-00000019"))
    progress = Run(tiny_run).load(10).progress
    reseal(Run(tiny_run).folder(19), step=19, progress=dict(progress) | {"step": 19})
    with pytest.raises(DamagedError, match=rf"train_state.*{problem}"):
        list(resume_training("fox", Supervision()))


JSON: dict[str, bytes] = {
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "long number": b'{"a": ' + b"9" * 100_000 + b"}",
    "endless": b" " * (MAX_JSON_BYTES + 1),
    "binary": pickle.dumps(Bomb()),
    "elements": b"[" + b"[]," * (MAX_JSON_BYTES // 3 - 5) + b"[]]",
}


@pytest.mark.parametrize("name", [CONFIG, MANIFEST, RECORD])
@pytest.mark.parametrize("kind", JSON)
def test_hostile_json_is_refused(tiny_run: Path, kind: str, name: str, bounded: None) -> None:
    folder = Run(tiny_run).folder(20)
    path = tiny_run / RECORD if name == RECORD else folder / name
    path.write_bytes(JSON[kind])
    if name == CONFIG:
        reseal(folder)
    with pytest.raises(DamagedError, match=name):
        Run(tiny_run).record() if name == RECORD else Run(tiny_run).load(20)


def test_a_huge_vocabulary_is_refused(tiny_run: Path, bounded: None) -> None:
    folder = Run(tiny_run).folder(20)
    config = json.loads((folder / CONFIG).read_text())
    characters = "".join(map(chr, range(0x10000, 0x10000 + 300_000)))
    config["vocabulary"], config["start"] = characters, characters[0]
    config["settings"]["vocab_size"] = len(characters) + 1
    (folder / CONFIG).write_bytes(encode_json(config))
    reseal(folder)
    with pytest.raises(DamagedError, match=r"config\.json.*(vocab_size|bytes)"):
        Run(tiny_run).load(20)


@pytest.mark.parametrize("name", [MODEL, CONFIG, MANIFEST, TRAIN_STATE])
def test_links_pipes_and_devices_in_a_checkpoint_are_refused(
    tiny_run: Path, tmp_path: Path, name: str, bounded: None
) -> None:
    path = Run(tiny_run).folder(20) / name
    path.rename(tmp_path / "elsewhere")
    for make in (
        lambda: path.symlink_to(tmp_path / "elsewhere"),
        lambda: path.symlink_to("/dev/zero"),
        lambda: os.mkfifo(path),
        lambda: path.mkdir(),
    ):
        make()
        with pytest.raises(DamagedError, match=name):
            Run(tiny_run).load(20, train_state=True)
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def test_a_lock_that_leads_elsewhere_is_not_followed(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("text")
    (tiny_run / "lock").unlink()
    (tiny_run / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(StorageError, match="lock"), training_lock(tiny_run):
        pass
    assert (tmp_path / "precious").read_text() == "text"


def test_a_file_is_read_no_further_than_expected(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    assert read_bytes(tmp_path / "f", 5) == b"12345"
    with pytest.raises(DamagedError, match="5 bytes, at most 4"):
        read_bytes(tmp_path / "f", 4)


JUNK: list[Any] = [
    None,
    True,
    -1,
    0,
    10**12,
    10**400,
    0.5,
    1e308,
    2**62,
    65_536,
    [[2**62, 1]],
    [[0.5, 1e308]],
    float("nan"),
    "",
    "x",
    "\ud800",
    "\x1b]52;c;eA==\a",
    [],
    [[]],
    [1],
    {},
    {"a": {}},
]


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where values stand in nested JSON."""
    yield path
    pairs = content.items() if isinstance(content, dict) else ()
    pairs = enumerate(content) if isinstance(content, list) else pairs
    for key, value in pairs:
        yield from places(value, (*path, key))


def mutated(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(content)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def use(run: Path) -> None:
    """Do with a run all that looks at its files, short of training."""
    summary = summarise(Run(run))
    if "problem" not in summary:
        format_summary(summary)
    Run(run).problems()
    Run(run).metrics()
    record = Run(run).record()
    check_memory(record.config.settings, record.plan)
    progress_of(Run(run), Run(run).load(20))
    "".join(load_model("fox").generator(seed=1).stream(3, settings()))


def settings() -> Any:
    from textgen.settings import SamplingSettings

    return SamplingSettings()


@pytest.mark.slow
@pytest.mark.parametrize("name", [CONFIG, MANIFEST, RECORD, "metrics.jsonl"])
def test_no_value_of_any_field_ends_in_a_traceback(tiny_run: Path, name: str) -> None:
    inside = name in (CONFIG, MANIFEST)
    path = (Run(tiny_run).folder(20) if inside else tiny_run) / name
    whole = path.read_bytes()
    content = json.loads(whole.splitlines()[0] if name == "metrics.jsonl" else whole)
    source = random.Random(7)
    for place in places(content):
        # All kinds of junk in turn, nine to a place: every field meets most of them over time.
        for value in source.sample(JUNK, 9):
            changed = mutated(content, place, value)
            if name == "metrics.jsonl":
                path.write_text(json.dumps(content) + "\n" + json.dumps(changed) + "\n")
            else:
                path.write_bytes(encode_json(changed if isinstance(changed, dict) else {}))
            if name == CONFIG:
                reseal(path.parent)
            try:
                use(tiny_run)
            except TextgenError:
                continue  # refused
            except Exception as error:
                error.add_note(f"{name} {place} = {value!r}")
                raise
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("model", "settings", "hidden_size"), 65_536),
        (("plans", 0, "batch_size"), 10**12),
        (("plans", 0, "sequence_length"), 10**12),
        (("plans", 0, "devices"), 10**6),
        (("plans", 0, "first_step"), 5),
        (("plans", 0, "steps"), "x"),
        (("plans",), []),
        (("corpus", "training_characters"), -5),
        (("corpus", "training_ids"), -5),
        (("corpus", "validation_characters"), 10**12),
        (("corpus", "tokens_sha256"), 1),
        (("corpus", "origin"), []),
        (("versions",), []),
    ],
)
def test_a_plan_that_cannot_be_is_refused_before_memory_is_asked_for(
    tiny_run: Path, place: tuple[Any, ...], value: Any, bounded: None
) -> None:
    record = json.loads((tiny_run / RECORD).read_text())
    (tiny_run / RECORD).write_bytes(encode_json(mutated(record, place, value)))
    for step in (10, 20):
        folder = Run(tiny_run).folder(step)
        folder.rename(folder.with_name(f"x{step}"))
    with pytest.raises(TextgenError):
        list(resume_training("fox", Supervision()))
