"""The interactive session: what each typed line does. It does not know the terminal.

A command is a function, and an entry beside it in one of the modules `*_commands`.
"""

from collections.abc import Generator as Replies
from collections.abc import Iterator

from textgen.errors import TextgenError, UnknownCharacterError, UsageError
from textgen.session.arguments import did_you_mean
from textgen.session.command import Command, SessionState
from textgen.session.controls import NAMES, find_setting
from textgen.session.file_commands import FILE_COMMANDS
from textgen.session.help import TOPICS, explain, list_commands
from textgen.session.kept_commands import KEPT_COMMANDS
from textgen.session.label_commands import LABEL_COMMANDS
from textgen.session.learning_commands import LEARNING_COMMANDS
from textgen.session.messages import Message, Reply
from textgen.session.mix_commands import MIX_COMMANDS
from textgen.session.setting_commands import SETTING_COMMANDS
from textgen.session.trace_commands import TRACE_COMMANDS
from textgen.session.tree_commands import TREE_COMMANDS
from textgen.session.writing_commands import WRITING_COMMANDS, continue_text

# Longest error message shown for a typed line, in characters.
LONG_MESSAGE = 1000
# Lines that are text, but are often meant as a command, and what that command does.
OFTEN_MEANT = {
    **dict.fromkeys(("exit", "quit", "bye", "q", ":q", ":q!", ":wq"), "/bye ends the session;"),
    **dict.fromkeys(("help", "?", "h"), "/help shows the commands;"),
}


def help_(state: SessionState, rest: str) -> Iterator[Reply]:
    """Show all commands, or explain one of them or a setting."""
    commands, name = [*COMMANDS.values()], rest.strip()
    yield Message(
        explain(state, commands, name) if name else list_commands(commands, state.columns)
    )


def bye(state: SessionState, rest: str) -> Iterator[Reply]:
    """End the session."""
    state.running = False
    yield from ()


# All commands by name, in the order of the help.
COMMANDS: dict[str, Command] = {
    each.name: each
    for each in (
        *WRITING_COMMANDS,
        *TRACE_COMMANDS,
        *TREE_COMMANDS,
        *SETTING_COMMANDS,
        *LABEL_COMMANDS,
        *MIX_COMMANDS,
        *LEARNING_COMMANDS,
        *FILE_COMMANDS,
        *KEPT_COMMANDS,
        Command(
            "/help",
            "[NAME]",
            "show this help, or explain a command or a setting",
            help_,
            lambda state: [*(name.lstrip("/") for name in COMMANDS), *NAMES, *TOPICS],
            aliases=("/h", "/?"),
        ),
        Command("/bye", "", "end the session", bye, aliases=("/exit", "/quit", "/q")),
    )
}
BY_ANY_NAME = {name: each for each in COMMANDS.values() for name in (each.name, *each.aliases)}


class Session(SessionState):
    """A session, which answers typed lines."""

    @property
    def commands(self) -> list[str]:
        """The names of the commands."""
        return list(COMMANDS)

    def respond(self, line: str, *, is_text: bool = False) -> Replies[Reply, None, None]:
        """Do what a line asks for.

        Args:
            line: the line as typed, without its newline.
            is_text: whether the line is text even if it begins like a command.

        Yields:
            Pieces of text as they are written, and messages. Closing the iterator stops the
            writing, and the text written so far stays. If it is closed while a text is being read,
            nothing of that text stays.
        """
        try:
            text = line if is_text else typed_text(line)
            if text is None:
                name, _, rest = line.partition(" ")
                yield from self._command(name, rest)
            elif not is_text and (meant := self._meant(text)):
                yield Message(f"{meant} to continue {text!r} as text, type it again")
            else:
                yield from continue_text(self, text, is_seen=True)
        except UnknownCharacterError as error:
            self.failed += 1
            yield Message(error.advice("/set on_unknown"))
        except TextgenError as error:
            self.failed += 1
            problem = str(error)
            yield Message(
                problem if len(problem) <= LONG_MESSAGE else problem[:LONG_MESSAGE] + "\u2026"
            )

    def _meant(self, text: str) -> str:
        """Return which command a text is probably meant as, in words; empty if it is none.

        Each such text is asked about once.
        """
        line = " ".join(text.lower().split())
        if self.rows is None or line in self.told:
            return ""
        meant = OFTEN_MEANT.get(line, "")
        if not meant and (f"/{line}" in BY_ANY_NAME or _is_setting(line)):
            meant = f"did you mean /{' '.join(text.split())}?"
        if meant:
            self.told.add(line)
        return meant

    def _command(self, name: str, rest: str) -> Iterator[Reply]:
        command = BY_ANY_NAME.get(name.lower())
        if command is None:
            hint = did_you_mean(name.lower(), self.commands)
            raise UsageError(f"there is no command {name[:40]}{hint} (/help lists all)")
        if not command.arguments and rest.strip():
            raise UsageError(f"{command.name} takes no argument, got {rest.strip()[:40]!r}")
        yield from command.run(self, rest)

    def completions(self, line: str) -> list[str]:
        """Return the lines that complete a command, by one word."""
        lines = self.commands
        for each in COMMANDS.values():
            if line.startswith(each.name + " "):
                lines += (f"{each.name} {argument}" for argument in each.completions(self))
        return [
            whole for whole in lines if whole.startswith(line) and " " not in whole[len(line) :]
        ]

    def typed_file(self, line: str) -> str | None:
        """Return the beginning of the name of a file that ends a line; None if there is none."""
        for each in COMMANDS.values():
            before = f"{each.name} {each.before_file}"
            if each.before_file is not None and line.startswith(before):
                return line.removeprefix(before)
        return None


def _is_setting(line: str) -> bool:
    """Return whether a line reads `set NAME VALUE`, with the name of a setting."""
    word, _, rest = line.partition(" ")
    name, _, value = rest.replace("=", " ", 1).partition(" ")
    try:
        return word == "set" and bool(value) and bool(find_setting(name))
    except UsageError:
        return False


def typed_text(line: str) -> str | None:
    """Return the text that a line stands for; None if the line is a command."""
    if line.startswith("//"):
        return line[1:]
    return None if line.startswith("/") else line
