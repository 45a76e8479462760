"""The line editor: history, completion of commands and words, and the status line."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import FloatContainer, walk
from prompt_toolkit.layout.processors import TabsProcessor
from prompt_toolkit.shortcuts import CompleteStyle

from textgen.errors import TextgenError
from textgen.generation.next_words import unfinished_word
from textgen.readable import cut
from textgen.session.commands import Session
from textgen.terminal.repl.input_blocks import LineCancelledError
from textgen.terminal.repl.status_line import status_line

# Number of words proposed to complete the word being typed.
CANDIDATES = 8
# Longest line in which words are completed, in characters. Each Tab reads the whole line.
MAX_COMPLETED = 1000
# Width of a tab on the line, in columns.
TAB_COLUMNS = 8
# Longest line that is kept in the history, in characters.
MAX_KEPT = 100_000


class LineEditor:
    """Reads lines from a terminal."""

    def __init__(self, session: Session, history: Path | None) -> None:
        """Prepare to read.

        Args:
            session: session whose commands and text complete the line.
            history: file of the lines typed in earlier sessions; None to keep lines only as long as
                this session lasts.
        """
        self._session, self._is_text = session, False
        self._prompt = PromptSession[str](
            completer=_LineCompleter(session, self._completes_words),
            complete_while_typing=False,
            # A menu of completions would reserve lines of the screen below each prompt.
            complete_style=CompleteStyle.READLINE_LIKE,
            history=_FileHistory(str(history)) if history else InMemoryHistory(),
            key_bindings=self._bindings(),
            bottom_toolbar=self._toolbar,
            enable_suspend=True,
            input_processors=[TabsProcessor(tabstop=TAB_COLUMNS, char1=" ", char2=" ")],
        )
        # A terminal that does not tell where the cursor is gets no status line, and no warning,
        # which would stand in the middle of the text.
        self._prompt.app.renderer.cpr_not_supported_callback = None
        # The status line shows the candidates; prompt_toolkit would list them a second time.
        for container in walk(self._prompt.layout.container):
            if isinstance(container, FloatContainer):
                container.floats.clear()

    def read_line(self, prompt: str, *, is_text: bool) -> str:
        """Read a line, or a text of several lines if it was pasted.

        Args:
            prompt: text shown before the line.
            is_text: whether the line is part of a text, and so cannot be a command.

        Raises:
            EOFError: at Ctrl-D.
            LineCancelledError: at Ctrl-C.
        """
        self._is_text = is_text
        self._look_for_copies()
        try:
            # Ctrl-C is a key here. If prompt_toolkit handled the signal too, it would install
            # Python's handler for a moment at the end of each line, which ends the session.
            return self._prompt.prompt(prompt, handle_sigint=False)
        except KeyboardInterrupt as error:
            raise LineCancelledError from error

    def _completes_words(self, line: str) -> bool:
        return self._is_text or not line.startswith("/")

    def _bindings(self) -> KeyBindings:
        bindings = KeyBindings()

        @bindings.add("tab")
        def _complete(event: KeyPressEvent) -> None:
            buffer, in_words = (
                event.current_buffer,
                self._completes_words(event.current_buffer.text),
            )
            begun = buffer.document.char_before_cursor.strip()
            # Keys that come all at once were pasted by a terminal that does not mark it.
            if in_words and (not begun or event.key_processor.input_queue):
                buffer.insert_text("\t")
            elif buffer.complete_state:
                buffer.complete_next()
            else:
                buffer.start_completion(select_first=in_words, insert_common_part=not in_words)

        return bindings

    def _toolbar(self) -> StyleAndTextTuples:
        app = get_app()
        columns, state = app.output.get_size().columns, app.current_buffer.complete_state
        line = status_line(self._session.conversation, columns)
        if state and state.completions:
            # The chosen candidate comes first, so that a narrow terminal shows it too.
            chosen = state.complete_index or 0
            shown = [*state.completions[chosen:], *state.completions[:chosen]]
            line = cut("  ".join(candidate.display_text for candidate in shown), columns)
        return [("", line)]

    def _look_for_copies(self) -> None:
        """Find in the background the longest copy in the last turn, and then show its length."""
        conversation = self._session.conversation
        turn = conversation.tree.current
        if not turn.written or conversation.copies.known(turn) is not None:
            return

        def look() -> None:
            if conversation.copies.longest(turn) is not None:
                self._prompt.app.invalidate()

        threading.Thread(target=look, daemon=True).start()


class _LineCompleter(Completer):
    def __init__(self, session: Session, completes_words: Callable[[str], bool]) -> None:
        self._session, self._completes_words = session, completes_words
        self._paths = PathCompleter(expanduser=True)

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        before = document.text_before_cursor
        if self._completes_words(document.text):
            yield from self._words(before)
            return
        name = self._session.typed_file(before)
        if name is not None:
            yield from self._paths.get_completions(Document(name), complete_event)
            return
        for line in self._session.completions(before):
            yield Completion(line, start_position=-len(before), display=line.split(" ")[-1])

    def _words(self, before: str) -> Iterator[Completion]:
        if len(before) > MAX_COMPLETED:
            return
        stem = unfinished_word(before)
        with suppress(TextgenError):  # the model cannot continue from a character of the line
            for word in self._session.conversation.complete_word(before, CANDIDATES):
                if word.text != stem:
                    display = f"{word.text} {100 * word.probability:.0f}%"
                    yield Completion(word.text[len(stem) :], display=display)


class _FileHistory(FileHistory):
    """A history in a file. An error of the file never loses a line or ends the session."""

    def store_string(self, string: str) -> None:
        if len(string) <= MAX_KEPT:
            # The disk may be full, or the line may hold bytes that are not UTF-8.
            with suppress(OSError, UnicodeError):
                super().store_string(string)

    def load_history_strings(self) -> Iterable[str]:
        try:
            yield from super().load_history_strings()
        except OSError:
            return
