"""Sessions in files: what is written comes back, and nothing else does."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from textgen.errors import DamagedError, StorageError, UsageError
from textgen.runs.files import encode_json
from textgen.session import session_file
from textgen.session.session_file import (
    SavedSession,
    SavedTurn,
    read_session,
    write_session,
)
from textgen.settings import SamplingSettings

SESSION = SavedSession(
    run="fox",
    step=20,
    weights="ab" * 32,
    settings=SamplingSettings(temperature="0.4..1.1", top_k=3, stop=("\n\n",), words=("a", "b")),
    length=77,
    seed=2**62 + 1,
    on_unknown="skip",
    writings=9,
    turns=(
        SavedTurn(0, "the caf\u00e9\n", "is open\udcff\x00\x1b", "replace", 5, 2),
        SavedTurn(1, "", "more", "error", 2**62 + 1, 3, begins=True, ended=True),
        SavedTurn(1, "other", "", "skip", 0, 8),
    ),
    current=2,
    names={"rain": 1, "start": 0},
    visited={0: 1, 1: 3},
)


def test_a_session_comes_back_as_it_was_written() -> None:
    write_session(Path("s.json"), SESSION)
    assert read_session(Path("s.json")) == SESSION
    assert os.listdir() == ["s.json"]


def test_a_file_of_the_first_format_tells_nothing_of_starts_and_ends() -> None:
    content = SESSION.to_json() | {"format": 1}
    new = ("begins", "ended")
    content["turns"] = [
        {name: value for name, value in turn.items() if name not in new}
        for turn in content["turns"]
    ]
    Path("s.json").write_bytes(encode_json(content))
    turns = tuple(replace(turn, begins=False, ended=False) for turn in SESSION.turns)
    assert read_session(Path("s.json")) == replace(SESSION, turns=turns)


def test_any_changed_byte_is_noticed() -> None:
    path = Path("s.json")
    write_session(path, SESSION)
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(DamagedError, match="json"):
            read_session(path)
    path.write_bytes(data[:-40])
    with pytest.raises(DamagedError):
        read_session(path)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "textgen run"},
        {"format": 3},
        {"turns": [{"parent": 1, "typed": "", "written": "", "on_unknown": "skip"}]},
        {"turns": [SavedTurn(1, "a", "b", "error", 0, 0).__dict__]},  # before itself
        {"turns": [SavedTurn(-1, "a", "b", "error", 0, 0).__dict__]},
        {"turns": [SavedTurn(0, "a", 5, "error", 0, 0).__dict__]},  # type: ignore[arg-type]
        {"turns": [SavedTurn(0, "a", "b", "guess", 0, 0).__dict__]},  # type: ignore[arg-type]
        {"turns": [SavedTurn(0, "a", "b", "error", -1, 0).__dict__]},
        {"turns": [SavedTurn(0, "a", "b", "error", 0, 0).__dict__ | {"begins": 1}]},
        {"turns": [SavedTurn(0, "a", "b", "error", 0, 0).__dict__ | {"ended": None}]},
        {"turns": 5},
        {"current": 4},
        {"names": {"rain": 4}},
        {"names": {"rain": True}},
        {"visited": [[2, 3]]},
        {"visited": [[0, 9]]},
        {"visited": [0]},
        {"length": 0},
        {"seed": -1},
        {"settings": {"top_p": 7}},
        {"settings": {"colour": 7}},
        {"model": "fox"},
        {"model": {"run": 1, "step": 1, "weights": "a"}},
    ],
)
def test_what_makes_no_sense_is_refused_though_its_sum_is_right(change: dict[str, Any]) -> None:
    Path("s.json").write_bytes(encode_json(SESSION.to_json() | change))
    with pytest.raises(DamagedError, match=r"^'s\.json' is (damaged: [^\n]*|not a .*)$"):
        read_session(Path("s.json"))


def test_only_a_session_is_written_over() -> None:
    path = Path("s.json")
    write_session(path, SESSION)
    write_session(path, replace(SESSION, length=5))
    assert read_session(path).length == 5
    other, link, damaged = Path("notes.txt"), Path("link.json"), Path("damaged.json")
    other.write_text("precious")
    link.symlink_to(path)
    damaged.write_bytes(path.read_bytes()[:-9])
    for taken in (other, link, damaged, Path(".")):
        with pytest.raises(UsageError, match="exists and is not a session"):
            write_session(taken, SESSION)
    assert other.read_text() == "precious"
    assert read_session(path).length == 5


def test_a_session_that_cannot_be_written_leaves_the_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = Path("s.json")
    write_session(path, SESSION)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError):
        write_session(path, replace(SESSION, length=5))
    assert read_session(path) == SESSION
    assert os.listdir() == ["s.json"]
    monkeypatch.undo()
    monkeypatch.setattr(session_file, "MAX_BYTES", 100)
    with pytest.raises(UsageError, match="at most 100 can be saved"):
        write_session(Path("long.json"), SESSION)
    assert not Path("long.json").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"length": 2**63},
        {"length": 0},
        {"seed": 2**63},
        {"writings": -1},
        {"current": 4},
        {"run": 5},
    ],
)
def test_what_would_not_be_read_again_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="must be"):
        write_session(Path("s.json"), replace(SESSION, **change))
    assert os.listdir() == []


def test_a_missing_file_is_called_missing() -> None:
    with pytest.raises(UsageError, match=r"there is no file 'none\.json'"):
        read_session(Path("none.json"))


def test_the_file_is_json_for_people_too() -> None:
    write_session(Path("s.json"), SESSION)
    content = json.loads(Path("s.json").read_text())
    assert content["turns"][1]["written"] == "more"
    assert content["model"] == {"run": "fox", "step": 20, "weights": "ab" * 32}


def test_what_was_exported_is_remembered_and_a_file_without_it_is_read() -> None:
    session = replace(SESSION, exported={"/tmp/a\udcff.txt": "ab" * 32})
    write_session(Path("s.json"), session)
    assert read_session(Path("s.json")) == session
    content = session.to_json()
    del content["exported"]
    Path("s.json").write_bytes(encode_json(content))
    assert read_session(Path("s.json")) == SESSION
    for wrong in ({"a": 5}, [], None):
        Path("s.json").write_bytes(encode_json(content | {"exported": wrong}))
        with pytest.raises(DamagedError, match="bad content"):
            read_session(Path("s.json"))
