"""Saved sessions: what the file of a session holds, writing it and reading it."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from textgen.data.labels import LabelShares
from textgen.errors import DamagedError, SettingError, UsageError, storage_errors
from textgen.runs.files import decode_json, encode_json, read_bytes, replace_file
from textgen.settings import (
    MAX_LENGTH,
    MAX_SEED,
    LearningSettings,
    OnUnknown,
    SamplingSettings,
    check_number,
)

KIND = "textgen session"
# Entries of a session and of a turn that are left out where they are empty.
OPTIONAL = ("labels", "learning", "learns", "learnt", "learnt_weights", "mixed")
FORMAT = 2
# Largest file of a session: about ten million characters, each of which may take six bytes.
MAX_BYTES = 2**26
# Longest description of what is wrong with a session, in characters.
LONG_PROBLEM = 300


@dataclass(frozen=True)
class SavedTurn:
    """A turn: everything that is needed to read it again.

    Attributes:
        parent: number of the turn before. Turns are counted from 1; 0 is the beginning.
        typed: text that the user typed.
        written: text that the model wrote.
        on_unknown: what was done with characters that the model did not know.
        seed: seed of the random draws.
        sample: sample index of the random draws.
        begins: whether the model read the start of a text first, if nothing was read before. It
            did not in sessions of the first format.
        ended: whether the model wrote the end of a document after the text.
        labels: shares of the labels that the turn was read and written with.
        learns: whether the network learns from the turn.
        learnt: number of segments that it had learnt when it read and wrote the turn.
    """

    parent: int
    typed: str
    written: str
    on_unknown: OnUnknown
    seed: int
    sample: int
    begins: bool = False
    ended: bool = False
    labels: LabelShares = field(default_factory=dict)
    learns: bool = False
    learnt: int = 0


@dataclass(frozen=True)
class SavedPart:
    """A run that was mixed with that of the session.

    Attributes:
        run: name of the run, or its path if it is not in the folder of runs.
        step: step of its checkpoint.
        weights: SHA-256 of the file of weights.
        share: weight of its probabilities, in (0, 1).
    """

    run: str
    step: int
    weights: str
    share: float


@dataclass(frozen=True)
class SavedSession:
    """A saved session.

    Attributes:
        run: name of the run; of a mixture, that of the first.
        step: step of its checkpoint.
        weights: SHA-256 of the file of weights.
        settings: sampling settings.
        length: most characters that a turn writes.
        seed: seed of the random draws.
        on_unknown: what to do with characters that the model does not know.
        writings: number of samples drawn so far.
        turns: the turns, each after its parent.
        current: number of the current turn.
        names: number of the turn for each name given with /branch.
        visited: for the number of a turn, the number of the next turn that was visited last.
        exported: SHA-256 of what /export has written, for the SHA-256 of the path of each file.
        labels: shares of the labels that are set.
        learning: how the network learns from the turns; None if it has learnt from none.
        learns: whether it learns from the next turn too.
        learnt_weights: SHA-256 of what it has learnt at the current turn; empty if that is nothing.
        mixed: the runs that are mixed with the run.
    """

    run: str
    step: int
    weights: str
    settings: SamplingSettings
    length: int
    seed: int
    on_unknown: OnUnknown
    writings: int
    turns: tuple[SavedTurn, ...]
    current: int
    names: Mapping[str, int]
    visited: Mapping[int, int]
    exported: Mapping[str, str] = field(default_factory=dict)
    labels: LabelShares = field(default_factory=dict)
    learning: LearningSettings | None = None
    learns: bool = False
    learnt_weights: str = ""
    mixed: tuple[SavedPart, ...] = ()

    @property
    def title(self) -> str:
        """Name of the run, with those that are mixed with it."""
        return "+".join([self.run, *(f"{part.run}:{part.share:.3g}" for part in self.mixed)])

    def to_json(self) -> dict[str, Any]:
        """Return the content of the file without its checksum."""
        content = {
            "kind": KIND,
            "format": FORMAT,
            "model": {"run": self.run, "step": self.step, "weights": self.weights},
            "settings": self.settings.to_json(),
            "length": self.length,
            "seed": self.seed,
            "on_unknown": self.on_unknown,
            "writings": self.writings,
            "turns": [_without_empty(asdict(turn), *OPTIONAL) for turn in self.turns],
            "current": self.current,
            "names": dict(self.names),
            "visited": sorted(self.visited.items()),
            "exported": dict(self.exported),
            "labels": self.labels,
            "learning": self.learning and self.learning.to_json(),
            "learns": self.learns,
            "learnt_weights": self.learnt_weights,
            "mixed": [asdict(part) for part in self.mixed],
        }
        return _without_empty(content, *OPTIONAL)

    @classmethod
    def from_json(cls, path: Path, content: Mapping[str, Any]) -> "SavedSession":
        """Make a session from the content of a file; see `to_json`.

        Raises:
            DamagedError: if the content makes no sense, or needs a newer textgen. The error names
                the path.
        """
        if content.get("kind") != KIND:
            raise DamagedError(path, "it is not a session")
        if content.get("format") not in range(1, FORMAT + 1):
            raise DamagedError(path, "its format is unknown; use a newer textgen")
        try:
            model = _checked("model", content["model"], dict)
            settings = _checked("settings", content["settings"], dict)
            turns = _checked("turns", content["turns"], list)
            names = _checked("names", content["names"], dict)
            visited = _checked("visited", content["visited"], list)
            exported = _checked("exported", content.get("exported", {}), dict)
            learning = content.get("learning")
            session = cls(
                run=model["run"],
                step=model["step"],
                weights=model["weights"],
                settings=SamplingSettings.from_json(settings),
                length=content["length"],
                seed=content["seed"],
                on_unknown=content["on_unknown"],
                writings=content["writings"],
                turns=tuple(SavedTurn(**turn) for turn in turns),
                current=content["current"],
                names=names,
                visited=dict(visited),
                exported=exported,
                labels=content.get("labels", {}),
                learning=None if learning is None else LearningSettings.from_json(learning),
                learns=content.get("learns", False),
                learnt_weights=content.get("learnt_weights", ""),
                mixed=tuple(SavedPart(**part) for part in content.get("mixed", ())),
            )
            session.check()
        except (KeyError, TypeError, ValueError, RecursionError, SettingError) as error:
            problem = str(error)[:LONG_PROBLEM]
            raise DamagedError(path, f"bad content: {problem}") from error
        return session

    def check(self) -> None:
        """Check everything but the settings, which check themselves.

        Raises:
            SettingError: if a number is out of range or a value has the wrong type.
        """
        check_number("length", self.length, 1, MAX_LENGTH, whole=True)
        _checked("learns", self.learns, bool)
        if self.learning is None and (self.learns or any(turn.learnt for turn in self.turns)):
            raise SettingError("learning", None, "present in a session that learns")
        for text in (
            self.run,
            self.weights,
            self.learnt_weights,
            *(text for part in self.mixed for text in (part.run, part.weights)),
            *self.names,
            *self.exported,
            *self.exported.values(),
        ):
            _checked("text", text, str)
        numbers = [("step", self.step), ("writings", self.writings), ("seed", self.seed)]
        for part in self.mixed:
            numbers.append(("step", part.step))
            check_number("share", part.share, 0, 1, open_low=True, open_high=True)
        check_number("share", sum(part.share for part in self.mixed), 0, 1, open_high=True)
        for number, turn in enumerate(self.turns, 1):
            check_number("parent", turn.parent, 0, number, whole=True, open_high=True)
            numbers += [("seed", turn.seed), ("sample", turn.sample)]
            _checked("typed", turn.typed, str)
            _checked("written", turn.written, str)
            _checked("begins", turn.begins, bool)
            _checked("ended", turn.ended, bool)
            _check_labels(turn.labels)
            _checked("learns", turn.learns, bool)
            check_number("learnt", turn.learnt, 0, MAX_LENGTH, whole=True)
        _check_labels(self.labels)
        for name, value in numbers:
            check_number(name, value, 0, MAX_SEED, whole=True)
        for turn_number in (self.current, *self.names.values()):
            check_number("turn", turn_number, 0, len(self.turns), whole=True)
        for first, second in self.visited.items():
            check_number("visited", second, 1, len(self.turns), whole=True)
            check_number("visited", first, 0, whole=True)
            if self.turns[second - 1].parent != first:
                raise SettingError("visited", [first, second], "a turn and a turn that follows it")
        for rule in (self.on_unknown, *(turn.on_unknown for turn in self.turns)):
            if rule not in get_args(OnUnknown):
                raise SettingError("on_unknown", rule, "a rule that this textgen knows")


def _without_empty(content: dict[str, Any], *names: str) -> dict[str, Any]:
    """Leave out those of some entries that are empty."""
    return {key: value for key, value in content.items() if key not in names or value}


def _check_labels(labels: Any) -> None:
    for values in _checked("labels", labels, dict).values():
        for share in _checked("labels", values, dict).values():
            check_number("labels", share, 0, 1, open_low=True)


def _checked(name: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise SettingError(name, value, f"of the type {kind.__name__}")
    return value


def encode_session(session: SavedSession) -> bytes:
    """Return the content of the file of a session.

    Raises:
        UsageError: if the session is too large or could not be read again.
    """
    session.check()
    data = encode_json(session.to_json())
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"the session takes {len(data):,} bytes; at most {MAX_BYTES:,} can be saved"
        )
    return data


def write_session(path: Path, session: SavedSession) -> None:
    """Write a session, whole or not at all. An existing file is replaced only if it is a session.

    Raises:
        UsageError: if the path exists and is not a session, or the session is too large or could
            not be read again.
        StorageError: if the file cannot be written.
    """
    data = encode_session(session)
    with storage_errors(path):
        is_taken = os.path.lexists(path)
    if is_taken:
        try:
            read_session(path)
        except DamagedError as error:
            raise UsageError(
                f"{str(path)!r} exists and is not a session; choose another name"
            ) from error
    replace_file(path, data)


class NotASessionError(DamagedError):
    """The file holds no session, not even a damaged one."""

    def __str__(self) -> str:
        return f"{str(self.path)!r} is not a session; /save writes one"


def read_session(path: Path) -> SavedSession:
    """Read a session.

    Raises:
        UsageError: if there is no such file.
        NotASessionError: if the file is something else.
        DamagedError: if the file is damaged.
    """
    with storage_errors(path):
        is_there = os.path.lexists(path)
    if not is_there:
        raise UsageError(f"there is no file {str(path)!r}")
    data = read_bytes(path, MAX_BYTES)
    if KIND.encode() not in data:
        raise NotASessionError(path, "it is not a session")
    return SavedSession.from_json(path, decode_json(path, data))
