"""A session in a file; and the user's own files beside it: the history, a text to be edited."""

import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from textgen.errors import DamagedError, SettingError, UsageError, storage_errors
from textgen.runs.files import decode_json, encode_json, read_bytes, replace_file, write_durably
from textgen.settings import MAX_LENGTH, MAX_SEED, OnUnknown, SamplingSettings, check_number

KIND = "textgen session"
FORMAT = 1
# Some ten million characters, each of which may take six bytes.
MAX_BYTES = 2**26
# Of what is wrong with a session no more is told.
LONG_PROBLEM = 300


@dataclass(frozen=True)
class SavedTurn:
    """A turn: all that is needed to read it once more.

    Attributes:
        parent: number of the turn before; 0 is the beginning, and turns count from 1.
        typed: what was typed.
        written: what the model wrote.
        on_unknown: what was done with characters that the model did not know.
        seed: of the draws.
        sample: index of the draws.
    """

    parent: int
    typed: str
    written: str
    on_unknown: OnUnknown
    seed: int
    sample: int


@dataclass(frozen=True)
class SavedSession:
    """A session as it is saved.

    Attributes:
        run: name of the run.
        step: of its checkpoint.
        weights: the SHA-256 of the file that they are in.
        settings: how characters are drawn.
        length: characters that each turn writes.
        seed: of the draws.
        on_unknown: what to do with characters that the model does not know.
        writings: draws made so far, each with a sample of its own.
        turns: each after its parent.
        current: number of the turn where the session stands.
        names: of points, with the numbers of the turns.
        visited: for turns by number the one after it that was visited last.
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

    def to_json(self) -> dict[str, Any]:
        """Return what the file holds, but for its checksum."""
        return {
            "kind": KIND,
            "format": FORMAT,
            "model": {"run": self.run, "step": self.step, "weights": self.weights},
            "settings": self.settings.to_json(),
            "length": self.length,
            "seed": self.seed,
            "on_unknown": self.on_unknown,
            "writings": self.writings,
            "turns": [asdict(turn) for turn in self.turns],
            "current": self.current,
            "names": dict(self.names),
            "visited": sorted(self.visited.items()),
        }

    @classmethod
    def from_json(cls, path: Path, content: Mapping[str, Any]) -> "SavedSession":
        """Read what `to_json` returned.

        Raises:
            DamagedError: if it makes no sense, or needs a newer textgen; it names the path.
        """
        if content.get("kind") != KIND:
            raise DamagedError(path, "it is no session")
        if content.get("format") != FORMAT:
            raise DamagedError(path, "of another format; use a newer textgen")
        try:
            model = _checked("model", content["model"], dict)
            settings = _checked("settings", content["settings"], dict)
            turns = _checked("turns", content["turns"], list)
            names = _checked("names", content["names"], dict)
            visited = _checked("visited", content["visited"], list)
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
            )
            session.check()
        except (KeyError, TypeError, ValueError, RecursionError, SettingError) as error:
            problem = str(error)[:LONG_PROBLEM]
            raise DamagedError(path, f"bad content: {problem}") from error
        return session

    def check(self) -> None:
        """Raise unless the session can be read once it is written, beside its settings.

        Raises:
            SettingError: if a number lies outside its bounds or something is of the wrong type.
        """
        check_number("length", self.length, 1, MAX_LENGTH, whole=True)
        for text in (self.run, self.weights, *self.names):
            _checked("text", text, str)
        numbers = [("step", self.step), ("writings", self.writings), ("seed", self.seed)]
        for number, turn in enumerate(self.turns, 1):
            check_number("parent", turn.parent, 0, number, whole=True, open_high=True)
            numbers += [("seed", turn.seed), ("sample", turn.sample)]
            _checked("typed", turn.typed, str)
            _checked("written", turn.written, str)
        for name, value in numbers:
            check_number(name, value, 0, MAX_SEED, whole=True)
        for place in (self.current, *self.names.values()):
            check_number("place", place, 0, len(self.turns), whole=True)
        for first, second in self.visited.items():
            check_number("visited", second, 1, len(self.turns), whole=True)
            check_number("visited", first, 0, whole=True)
            if self.turns[second - 1].parent != first:
                raise SettingError("visited", [first, second], "a turn and one that follows it")
        for rule in (self.on_unknown, *(turn.on_unknown for turn in self.turns)):
            if rule not in get_args(OnUnknown):
                raise SettingError("on_unknown", rule, "one that this textgen knows")


def _checked(name: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise SettingError(name, value, f"of the type {kind.__name__}")
    return value


def write_session(path: Path, session: SavedSession) -> None:
    """Write a session, whole or not at all; of other files only a session is written over.

    Raises:
        UsageError: if there is something else of this name, or the session is too long to be saved,
            or holds what would not be read again.
        StorageError: if it cannot be written.
    """
    session.check()
    data = encode_json(session.to_json())
    if len(data) > MAX_BYTES:
        raise UsageError(f"the session takes {len(data):,} bytes; at most {MAX_BYTES:,} are saved")
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


def read_session(path: Path) -> SavedSession:
    """Read a session.

    Raises:
        UsageError: if there is no such file.
        DamagedError: if it is not as it was written, or no session.
    """
    with storage_errors(path):
        is_there = os.path.lexists(path)
    if not is_there:
        raise UsageError(f"there is no file {str(path)!r}")
    return SavedSession.from_json(path, decode_json(path, read_bytes(path, MAX_BYTES)))


def history_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file of what was typed in sessions, which the user alone can read.

    It is made if it is missing: `$XDG_STATE_HOME/textgen/history`, by default below
    `~/.local/state`.

    Returns:
        Its path; None if it cannot be had.
    """
    home = environment.get("XDG_STATE_HOME", "")
    # The specification has relative paths passed over.
    state = Path(home if os.path.isabs(home) else os.path.expanduser("~/.local/state"))
    path = state / "textgen" / "history"
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with open(os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o600), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            if os.name != "nt" and status.st_mode & 0o077:
                os.fchmod(file.fileno(), 0o600)
    except (OSError, ValueError):
        return None
    return path


@contextmanager
def text_to_edit(text: str) -> Iterator[Path]:
    """Put a text into a file of its own, as long as it is edited.

    Yields:
        The file, which the user alone can read; it ends with a newline, as editors want it.

    Raises:
        StorageError: if it cannot be written.
    """
    with storage_errors(Path(tempfile.gettempdir())):
        folder = tempfile.TemporaryDirectory(prefix="textgen-")
    with folder as name:
        path = Path(name) / "text.txt"
        with storage_errors(path):
            ended = text if text.endswith("\n") or not text else text + "\n"
            write_durably(path, ended.encode("utf-8", "replace"))
        yield path
