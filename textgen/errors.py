"""The errors that a user can cause and correct.

Each error carries its data as attributes. Its message is one sentence: what was wrong with the
value, what is allowed, what to do. Any other exception is a bug.

    TextgenError
    |-- UsageError                  the command asked for something impossible
    |   |-- SettingError            a setting out of its range
    |   |-- UnknownCharacterError   a character that is not in the vocabulary
    |   `-- RunExistsError          a new run would overwrite an old one
    |-- CorpusError                 a text that cannot be read or trained on
    |-- RunError                    a run or checkpoint that cannot be used
    |   |-- RunNotFoundError
    |   `-- DamagedError            bytes on disk are not the bytes that were written
    |       |-- UnreadableError     the system cannot read a file of a run
    |       `-- ForeignError        a checkpoint that belongs to another run
    |-- NotEnoughMemoryError        something takes more memory than this process may use
    |-- LostProcessError            another process of the same training died or hangs
    |-- LockedError                 another process trains this run
    |-- StorageError                a file cannot be written: no space, no permission, a bad disk
    |-- DivergedError               the loss is not finite, or far above its best value
    |-- QueueFullError              a server has too many texts to write already
    |-- ClosingError                a server takes no more texts
    |-- ThresholdError              a text fits a run worse than was allowed
    `-- CopiedError                 more of a text stands in the training text than was allowed
"""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


class TextgenError(Exception):
    """Base class of every error a user can cause."""


class TextgenWarning(UserWarning):
    """What a user should know although nothing failed. A command shows it as a line, once."""


class UsageError(TextgenError):
    """The command asked for something that cannot be done."""


class SettingError(UsageError):
    """A setting lies outside the values allowed for it; the message may end with advice."""

    def __init__(self, name: str, value: object, allowed: str, advice: str = "") -> None:
        self.name, self.value, self.allowed = name, value, allowed
        super().__init__(f"{name} must be {allowed}, got {value!r}{advice}")


class UnknownCharacterError(UsageError):
    """A text holds a character that is not in the vocabulary.

    Attributes:
        character: the unknown character.
        position: its index in the text, counted from 0; the message counts from 1.
        rule: the value of `on_unknown`: `error`, or `nearest` if no known character is near.
        problem: the message without what to do.
    """

    def __init__(
        self, character: str, position: int, rule: str = "error", who: str = "the model"
    ) -> None:
        self.character, self.position, self.rule = character, position, rule
        near = ", and none that is near it" if rule == "nearest" else ""
        self.problem = (
            f"{who} does not know the character {character!r} (U+{ord(character):04X}) "
            f"at position {position + 1}{near}"
        )
        super().__init__(self.advice("on_unknown"))

    def advice(self, setting: str) -> str:
        """Return the message, with `on_unknown` named as it is typed where the user is."""
        rules = "skip or replace" if self.rule == "nearest" else "nearest, skip or replace"
        return f"{self.problem}; leave it out, or choose {setting} {rules}"


class RunExistsError(UsageError):
    """A run of this name already exists. Runs are never overwritten.

    Attributes:
        path: the folder of the existing run.
        reference: how a command names that run.
        free_name: a name or path that is not taken.
    """

    def __init__(self, path: Path, reference: str, free_name: str) -> None:
        self.path, self.reference, self.free_name = path, reference, free_name
        super().__init__(
            f"the run {str(path)!r} already exists; resume it with --resume {reference}, "
            f"or choose another name, such as --run {free_name}"
        )


class CorpusError(TextgenError):
    """A text cannot be read, or cannot be trained on.

    Attributes:
        path: the text.
        problem: what is wrong with it.
        what: what the text is to the command, such as a corpus or a prompt.
    """

    def __init__(self, path: Path | str, problem: str, what: str = "corpus") -> None:
        self.path, self.problem, self.what = path, problem, what
        super().__init__(path, problem, what)

    def __str__(self) -> str:
        return f"{self.what} {str(self.path)!r}: {self.problem}"


class NotEnoughMemoryError(TextgenError):
    """Something takes more memory than this process may use.

    Attributes:
        what: what takes it.
        needed: how much this process would hold, such as `2.5 GiB`.
        allowed: what it may use, such as `the 1.5 GiB that this container may use`.
    """

    def __init__(self, what: str, needed: str, allowed: str) -> None:
        self.what, self.needed, self.allowed = what, needed, allowed
        super().__init__(
            f"not enough memory: {what} takes about {needed}, more than {allowed}; end other "
            "programs, or use a machine or container with more memory"
        )


class LostProcessError(TextgenError):
    """Another process of the same training died, hangs or cannot be reached."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"{problem}; start the same command again to go on")


class RunError(TextgenError):
    """A run or one of its checkpoints cannot be used."""


class RunNotFoundError(RunError):
    """There is no run of this name; or no newest run, perhaps only runs of measurements."""

    def __init__(self, name: str, folder: Path, available: Sequence[str]) -> None:
        self.name, self.folder, self.available = name, folder, tuple(available)
        what = f"no run named {name!r}" if name else "no run"
        known = "make one: textgen train"
        if available:
            known = f"{'known runs' if name else 'name one'}: {', '.join(available)}"
            what = what if name else "only runs that were trained for a measurement"
        super().__init__(f"{what} in {str(folder)!r}; {known}")


class DamagedError(RunError):
    """A file of a run is missing, incomplete or changed since it was written."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{str(path)!r} is damaged: {problem}")


class UnreadableError(DamagedError):
    """The system cannot read a file or folder of a run; the message says why."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(path, reason(error))

    def __str__(self) -> str:
        return f"cannot read {str(self.path)!r}: {self.problem}"


class ForeignError(DamagedError):
    """A checkpoint belongs to another run; `what` differs from the record of its run."""

    def __init__(self, path: Path, what: str) -> None:
        self.what = what
        super().__init__(
            path,
            f"its {what} is not that of run.json, so that it is a checkpoint of another run; "
            "put it back where it belongs, or put the run.json of its run beside it",
        )


class LockedError(TextgenError):
    """Another process is training this run."""

    def __init__(self, path: Path, process: str) -> None:
        self.path, self.process = path, process
        super().__init__(
            f"the run {str(path)!r} is being trained by process {process}; "
            "wait for it to end, or stop it"
        )


class StorageError(TextgenError):
    """A file or folder cannot be written; `is_full` tells whether its disk is full."""

    def __init__(self, path: Path, problem: str, *, is_full: bool = False) -> None:
        self.path, self.problem, self.is_full = path, problem, is_full
        super().__init__(f"cannot write {str(path)!r}: {problem}")


class DivergedError(TextgenError):
    """The training loss is not a finite number, or far above its best value.

    Attributes:
        step: the step at which training diverged, counted from 1.
        loss: nats per character.
        rollbacks: how often the learning rate was halved before.
    """

    def __init__(self, step: int, loss: float, rollbacks: int = 0) -> None:
        self.step, self.loss, self.rollbacks = step, loss, rollbacks
        halved = f", although the learning rate was halved {rollbacks} times" if rollbacks else ""
        super().__init__(
            f"the loss became {loss:.4g} nats per character at step {step}{halved}; "
            "train again with a lower --learning-rate"
        )


class QueueFullError(TextgenError):
    """A server has too many texts to write already; `retry_after` is an estimate in seconds."""

    def __init__(self, waiting: int, retry_after: int) -> None:
        self.waiting, self.retry_after = waiting, retry_after
        super().__init__(
            f"{waiting:,} texts are waiting already; try again in {retry_after:,} "
            f"{'second' if retry_after == 1 else 'seconds'}"
        )


class ClosingError(TextgenError):
    """A server takes no more texts, since it is about to end."""

    def __init__(self) -> None:
        super().__init__("the server is about to end and takes no more texts; start it again")


class ThresholdError(TextgenError):
    """A text fits a run worse than was allowed; both are in bits per character."""

    def __init__(self, measured: float, allowed: float) -> None:
        self.measured, self.allowed = measured, allowed
        super().__init__(
            f"the text has {measured:.4f} bits per character; at most {allowed:g} are allowed "
            "(--fail-above)"
        )


class CopiedError(TextgenError):
    """More of a text stands in the training text than was allowed; both are shares in [0, 1]."""

    def __init__(self, measured: float, allowed: float) -> None:
        self.measured, self.allowed = measured, allowed
        super().__init__(
            f"{measured:.1%} of the text stands in the training text; at most {allowed:.1%} is "
            "allowed (--fail-above)"
        )


# What to say of the errors that a system reports.
REASONS = {
    errno.ENOENT: "there is no such file or folder",
    errno.EACCES: "no permission; change the permissions, or choose another path",
    errno.EPERM: "no permission; change the permissions, or choose another path",
    errno.EISDIR: "it is a folder, not a file",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ELOOP: "it is a link that leads to no file",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.ENOSPC: "no space left on the disk; free some space and try again",
    errno.EDQUOT: "no space left on the disk; free some space and try again",
    errno.EFBIG: "the file is larger than the disk or `ulimit -f` permits",
    errno.EIO: "the disk reports an error; check the disk and try again",
    errno.EMFILE: "too many files are open; raise the limit with `ulimit -n`",
    errno.ENFILE: "too many files are open; end other programs and try again",
    errno.ENXIO: "it is a socket or a device, not a file",
    errno.ESTALE: "the file server no longer has it; connect the drive again",
}


def reason(error: OSError) -> str:
    """Return why the system could not read or write a file, and what to do about it.

    >>> reason(IsADirectoryError(errno.EISDIR, "Is a directory"))
    'it is a folder, not a file'
    """
    if error.errno in REASONS:
        return REASONS[error.errno]
    return f"the system says: {error.strerror or error}"


@contextmanager
def read_as(what: str) -> Iterator[None]:
    """Let every CorpusError say what its text is to the command, such as a prompt."""
    try:
        yield
    except CorpusError as error:
        error.what = what
        raise


@contextmanager
def reading_errors(path: Path) -> Iterator[None]:
    """Turn the OSError of a failed read into an UnreadableError.

    Args:
        path: the file or folder of a run that the message names.

    Raises:
        UnreadableError: in place of every OSError.
    """
    try:
        yield
    except OSError as error:
        raise UnreadableError(path, error) from error


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the OSError of a failed write into a StorageError.

    Args:
        path: the file or folder that the message names.

    Raises:
        StorageError: in place of every OSError except FileExistsError.
    """
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StorageError(path, reason(error), is_full=is_full) from error
