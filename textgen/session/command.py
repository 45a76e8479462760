"""A command of the session, and what all commands work on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import NamedTuple

from textgen.errors import RunError, UsageError
from textgen.generation.learning import Learnt
from textgen.readable import cut, one_line
from textgen.runs.run import Run
from textgen.session.conversation import Conversation
from textgen.session.kept_sessions import KeptSessions
from textgen.session.loaded_model import LoadedModel
from textgen.session.messages import Reply


def _no_runs(name: str) -> LoadedModel:
    raise RunError(f"there is no run {name!r} here")


def _no_mixing(model: LoadedModel, others: Sequence[str]) -> LoadedModel:
    raise UsageError("runs cannot be mixed here")


def _no_runs_to_keep(learnt: Learnt, name: str) -> Run:
    raise UsageError("what was learnt cannot be kept here")


def no_editor(text: str) -> str:
    """Stand in for an editor where there is none.

    Raises:
        UsageError: always.
    """
    del text
    raise UsageError("/edit needs a terminal")


@dataclass(eq=False)
class SessionState:
    """What the commands of a session work on.

    Attributes:
        conversation: the text and the model.
        load: loads a run by its name.
        mix: returns the mixture of a model and further runs, named as in `b:0.3`.
        run_names: returns the names of the runs.
        keep: writes what was learnt as a run of a name.
        edit: opens a text in an editor and returns the edited text.
        running: whether the session goes on; false after /bye.
        columns: width of the terminal in columns.
        rows: height of the terminal in lines; None if there is no terminal.
        wraps: whether text and messages are wrapped at words on a terminal.
        kept: the sessions that were saved by themselves; None if they cannot be reached.
        listed: the files that /sessions has listed, which are chosen by their numbers.
        failed: number of lines that could not be carried out.
        told: the lines and characters that a hint was given about. Each hint is given once.
    """

    conversation: Conversation
    _: KW_ONLY
    load: Callable[[str], LoadedModel] = _no_runs
    mix: Callable[[LoadedModel, Sequence[str]], LoadedModel] = _no_mixing
    run_names: Callable[[], list[str]] = list
    keep: Callable[[Learnt, str], Run] = _no_runs_to_keep
    edit: Callable[[str], str] = no_editor
    running: bool = True
    columns: int = 80
    rows: int | None = None
    wraps: bool = True
    kept: KeptSessions | None = None
    listed: list[Path] = field(default_factory=list)
    failed: int = 0
    told: set[str] = field(default_factory=set)

    def position(self) -> str:
        """Return in words where in the text the session is."""
        turn = self.conversation.tree.current
        if turn.parent is None:
            return "at the beginning, before any text"
        ending = one_line(turn.ending(60, is_original=True))
        what = "ends a document" if turn.finish == "end" else "ends"
        return f"at turn {turn.number}, which {what} with: {cut(ending[-50:], self.columns)}"


def _no_completions(state: SessionState) -> Iterable[str]:
    return ()


class Command(NamedTuple):
    """A command of the session.

    Attributes:
        name: its name, with the slash.
        arguments: its arguments as the help shows them; empty if it takes none.
        help: what it does, in a line of the help.
        run: the function that does it, which gets what was typed after the name.
        completions: returns all arguments that Tab can complete.
        before_file: what stands between the name and the name of a file, for Tab to complete it;
            None if the command takes no file.
        details: more about it, for `/help NAME`.
        aliases: other names.
    """

    name: str
    arguments: str
    help: str
    run: Callable[[SessionState, str], Iterator[Reply]]
    completions: Callable[[SessionState], Iterable[str]] = _no_completions
    before_file: str | None = None
    details: str = ""
    aliases: tuple[str, ...] = ()
