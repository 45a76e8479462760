"""The interactive session: what you type is continued, and the state goes on from turn to turn."""

import difflib
import signal
import sys
from collections.abc import Callable, Iterator
from collections.abc import Generator as Replies
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Any, get_args

from textgen.data.vocabulary import OnUnknown
from textgen.errors import SettingError, TextgenError
from textgen.generation.generator import GenerationState, Generator
from textgen.settings import MAX_SEED, SamplingSettings, check_number
from textgen.terminal.output import emit, say

HELP = """\
Type text and it is continued, each turn on a new line; an empty line goes on where the text ends.
Ctrl-C stops the text, Ctrl-D leaves. Text that begins with / is typed with //.
  /set NAME VALUE   change temperature, top_k, top_p, min_p, length, seed or on_unknown
  /show             show these settings
  /regen            write the last turn again, differently
  /undo             take the last turn back
  /clear            forget all text
  /help             show this
  /bye              leave"""

# Characters of a long line that are read between two looks at Ctrl-C.
READ_AT_ONCE = 500

NUMBERS: dict[str, Callable[[str], float]] = {
    "temperature": float,
    "top_k": int,
    "top_p": float,
    "min_p": float,
    "length": int,
    "seed": int,
}
NAMES = [*NUMBERS, "on_unknown"]


@dataclass(frozen=True)
class Message:
    """A line for the user, not part of the text."""

    text: str


@dataclass(frozen=True)
class Turn:
    """Where the session stood, to go back to.

    Attributes:
        before: before the turn.
        prompted: after reading what was typed, before writing.
        line_open: whether the text before the turn ended inside a line.
        prompted_open: the same after reading.
    """

    before: GenerationState
    prompted: GenerationState
    line_open: bool
    prompted_open: bool


class Session:
    """What a typed line does. It neither reads nor prints, so that it can be tested as it is."""

    def __init__(
        self,
        generator: Generator,
        settings: SamplingSettings,
        *,
        length: int,
        on_unknown: OnUnknown = "error",
    ) -> None:
        """Begin with a generator that has read nothing.

        Args:
            generator: reads and writes.
            settings: how characters are drawn.
            length: characters that each turn writes.
            on_unknown: what to do with typed characters that the model does not know.
        """
        self.generator, self.settings = generator, settings
        self.length, self.on_unknown = length, on_unknown
        self.running = True
        self._beginning = generator.state
        self._turns: list[Turn] = []
        self._line_open = False
        # Each writing draws with a sample of its own; undoing one does not bring its draws back.
        self._writings = 0
        self._commands: dict[str, Callable[[list[str]], Iterator[str | Message]]] = {
            "/help": self._help,
            "/set": self._set,
            "/show": self._show,
            "/regen": self._regen,
            "/undo": self._undo,
            "/clear": self._clear,
            "/bye": self._bye,
        }

    @property
    def commands(self) -> list[str]:
        """The names of the commands."""
        return list(self._commands)

    def respond(self, line: str) -> Replies[str | Message, None, None]:
        """Do what a line asks for.

        Args:
            line: as typed, without its newline.

        Yields:
            Pieces of text as they are written, and messages. Closing the iterator stops the
            writing, and what was written stays; or the reading, of which nothing stays.
        """
        try:
            text = typed_text(line)
            if text is None:
                name, *arguments = line.split()
                yield from self._commands.get(name, self._unknown_command(name))(arguments)
            else:
                yield from self._continue(text)
        except TextgenError as error:
            yield Message(str(error))

    def _continue(self, text: str) -> Iterator[str]:
        before, line_open = self.generator.state, self._line_open
        self.generator.vocabulary.encode(text, self.on_unknown)  # refuses before anything is read
        if text and line_open and "\n" in self.generator.vocabulary:
            text = "\n" + text
        try:
            for at in range(0, len(text), READ_AT_ONCE):
                if at:
                    yield ""  # a chance to be stopped
                self.generator.feed(text[at : at + READ_AT_ONCE], self.on_unknown)
        except GeneratorExit:
            self.generator.state = before
            raise
        self._line_open = line_open or bool(text)
        self._turns.append(Turn(before, self.generator.state, line_open, self._line_open))
        yield from self._write()

    def _write(self) -> Iterator[str]:
        state = self.generator.state
        self.generator.state = replace(state, sample=self._writings, position=0)
        self._writings += 1
        for piece in self.generator.stream(self.length, self.settings):
            self._line_open = not piece.endswith("\n")
            yield piece

    def _help(self, arguments: list[str]) -> Iterator[Message]:
        yield Message(HELP)

    def _show(self, arguments: list[str]) -> Iterator[Message]:
        values = vars(self.settings) | {
            "length": self.length,
            "seed": self.generator.state.seed,
            "on_unknown": self.on_unknown,
        }
        yield Message("\n".join(f"{name} {values[name]}" for name in NAMES))

    def _set(self, arguments: list[str]) -> Iterator[Message]:
        if not arguments:
            yield from self._show(arguments)
            return
        if len(arguments) != 2:
            yield Message("/set takes a name and a value, as in /set temperature 0.8")
            return
        name, text = arguments
        if name not in NAMES:
            yield Message(f"there is no setting {name!r}{_did_you_mean(name, NAMES)}")
            return
        self._change(name, text)
        yield Message(f"{name} {text}")

    def _change(self, name: str, text: str) -> None:
        if name == "on_unknown":
            choice = next((known for known in get_args(OnUnknown) if known == text), None)
            if choice is None:
                raise SettingError(name, text, "error, skip or replace")
            self.on_unknown = choice
            return
        try:
            value = NUMBERS[name](text)
        except ValueError:
            whole = "a whole number" if NUMBERS[name] is int else "a number"
            raise SettingError(name, text, whole) from None
        if name == "length":
            check_number(name, value, 1, whole=True)
            self.length = int(value)
        elif name == "seed":
            check_number(name, value, 0, MAX_SEED, whole=True)
            self._writings = 0
            self.generator.state = replace(self.generator.state, seed=int(value))
        else:
            values: dict[str, Any] = {name: value}
            self.settings = replace(self.settings, **values)

    def _regen(self, arguments: list[str]) -> Iterator[str | Message]:
        if not self._turns:
            yield Message("there is nothing to write again yet")
            return
        turn, seed = self._turns[-1], self.generator.state.seed
        self.generator.state = replace(turn.prompted, seed=seed)
        self._line_open = turn.prompted_open
        yield from self._write()

    def _undo(self, arguments: list[str]) -> Iterator[Message]:
        if not self._turns:
            yield Message("there is nothing to take back")
            return
        turn, seed = self._turns.pop(), self.generator.state.seed
        self.generator.state = replace(turn.before, seed=seed)
        self._line_open = turn.line_open
        left = len(self._turns)
        yield Message(f"took the last turn back; {left} {'turn' if left == 1 else 'turns'} left")

    def _clear(self, arguments: list[str]) -> Iterator[Message]:
        self.generator.state = replace(self._beginning, seed=self.generator.state.seed)
        self._turns, self._line_open = [], False
        yield Message("forgot all text")

    def _bye(self, arguments: list[str]) -> Iterator[Message]:
        self.running = False
        yield from ()

    def _unknown_command(self, name: str) -> Callable[[list[str]], Iterator[Message]]:
        def explain(arguments: list[str]) -> Iterator[Message]:
            hint = _did_you_mean(name, self.commands)
            yield Message(f"there is no command {name}{hint}; /help lists them")

        return explain


def typed_text(line: str) -> str | None:
    """Return the text that a line stands for; None if it is a command."""
    if line.startswith("//"):
        return line[1:]
    return None if line.startswith("/") else line


def _did_you_mean(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(known)}"


def run_repl(session: Session) -> None:
    """Read lines and show what they do, until /bye or the end of the input.

    On a terminal the lines are edited with prompt_toolkit; otherwise they are read from stdin, and
    stdout gets each line with its continuation.

    Args:
        session: what the lines do.
    """
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    for line in _typed_lines(session) if on_terminal else _piped_lines():
        written = False
        with _interrupts() as interrupted, closing(session.respond(line)) as reply:
            for piece in reply:
                if isinstance(piece, Message):
                    say(piece.text)
                else:
                    echo = "" if written or on_terminal else typed_text(line) or ""
                    emit(echo + piece)
                    written = True
                if interrupted():
                    break
        if written:
            emit("\n")
        if not session.running:
            return


def _typed_lines(session: Session) -> Iterator[str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.shortcuts import CompleteStyle

    words = [*session.commands, *(f"/set {name}" for name in NAMES)]
    # A menu of completions would reserve lines of the screen below every prompt.
    prompt = PromptSession[str](
        completer=WordCompleter(words, sentence=True),
        complete_style=CompleteStyle.READLINE_LIKE,
    )
    while True:
        try:
            yield prompt.prompt("> ")
        except KeyboardInterrupt:
            say("Ctrl-D leaves")
        except EOFError:
            return


def _piped_lines() -> Iterator[str]:
    for line in sys.stdin:
        yield line.removesuffix("\n").removesuffix("\r")


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Note Ctrl-C instead of acting on it, so that a piece is never half written."""
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, before)
