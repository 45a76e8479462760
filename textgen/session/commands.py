"""The interactive session: what each typed line does. It does not know the terminal.

A command is a method of `Session` and an entry of `COMMANDS`.
"""

from collections.abc import Callable, Iterable, Iterator
from collections.abc import Generator as Replies
from contextlib import closing
from typing import NamedTuple

from textgen.errors import RunError, TextgenError, UsageError
from textgen.readable import cut, one_line
from textgen.session.arguments import count_turns, did_you_mean, file_path, whole_number
from textgen.session.controls import NAMES, RULES, change_control, show_control, takes_text
from textgen.session.conversation import Conversation, LoadedModel
from textgen.session.messages import Message, Reply, Typed
from textgen.session.session_file import read_session, write_session
from textgen.session.turn_tree import Turn, draw_tree, shown_name

# How many alternatives /again can write.
ALTERNATIVES = range(2, 10)
# Largest number of words that /words shows.
MAX_WORDS = 50
# Characters of a line from which on a message says that it is being read.
LONG_TEXT = 20_000
# Longest error message shown for a typed line, in characters.
LONG_MESSAGE = 1000

INTRODUCTION = '''\
Type text, and the model continues it. Each text begins on a new line; an
empty line continues the text where it ends. Ctrl-C stops the writing, Ctrl-D
ends the session. Type // to begin a text with /, and type a text of several
lines between """ and """. Tab completes words and commands, Ctrl-R searches
the lines that were typed before.
'''


def _no_runs(name: str) -> LoadedModel:
    raise RunError(f"there is no run {name!r} here")


def no_editor(text: str) -> str:
    """Stand in for an editor where there is none.

    Raises:
        UsageError: always.
    """
    del text
    raise UsageError("/edit needs a terminal")


class Session:
    """A session, which answers typed lines.

    Attributes:
        conversation: the text and the model.
        running: whether the session goes on; false after /bye.
        columns: width of the terminal in columns.
    """

    def __init__(
        self,
        conversation: Conversation,
        *,
        load: Callable[[str], LoadedModel] = _no_runs,
        run_names: Callable[[], list[str]] = list,
        edit: Callable[[str], str] = no_editor,
    ) -> None:
        """Begin a session.

        Args:
            conversation: the text and the model.
            load: loads a run by its name.
            run_names: returns the names of the runs.
            edit: opens a text in an editor and returns the edited text.
        """
        self.conversation = conversation
        self.running = True
        self.columns = 80
        self._load_model, self._run_names, self._edit_text = load, run_names, edit

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
            else:
                yield from self._continue(text, is_seen=True)
        except TextgenError as error:
            problem = str(error)
            yield Message(
                problem if len(problem) <= LONG_MESSAGE else problem[:LONG_MESSAGE] + "\u2026"
            )

    def _command(self, name: str, rest: str) -> Iterator[Reply]:
        command = COMMANDS.get(name)
        if command is None:
            hint = did_you_mean(name, self.commands)
            yield Message(f"there is no command {name[:40]}{hint} (/help lists all)")
        elif not command.arguments and rest.strip():
            yield Message(f"{name} takes no argument, got {rest.strip()[:40]!r}")
        else:
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

    def _continue(self, text: str, *, is_seen: bool) -> Iterator[Reply]:
        if len(text) > LONG_TEXT:
            yield Message(f"reading {len(text):,} characters; Ctrl-C stops it")
        with closing(self.conversation.continue_text(text)) as written:
            first = next(written, "")  # before the text is shown, since this may raise an error
            yield Typed(text, is_seen)
            yield first
            yield from written
        yield from self._reason()

    def _reason(self) -> Iterator[Reply]:
        if self.conversation.tree.current.finish == "stuck":
            yield Message("the text ends here: the settings permit no further character")

    def _more(self, rest: str) -> Iterator[Reply]:
        yield from self._continue("", is_seen=True)

    def _regen(self, rest: str) -> Iterator[Reply]:
        if self.conversation.tree.current.parent is None:
            yield Message("there is no turn to regenerate yet")
            return
        yield from self.conversation.regenerate()
        yield from self._reason()

    def _again(self, rest: str) -> Iterator[Reply]:
        count = whole_number("/again", rest, ALTERNATIVES, default=3)
        number = 0
        for turn in self.conversation.write_alternatives(count):
            if turn is None:
                yield ""
            else:
                number += 1
                yield Message(f"{number}  {one_line(turn.written)}")
        yield Message(f"choose one with /pick 1 to /pick {count}")

    def _pick(self, rest: str) -> Iterator[Reply]:
        found = self.conversation.alternatives
        if not found:
            yield Message("there are no alternatives; /again writes some")
            return
        turn = found[whole_number("/pick", rest, range(1, len(found) + 1)) - 1]
        self.conversation.pick(turn)
        yield turn.written

    def _edit(self, rest: str) -> Iterator[Reply]:
        turn: Turn | None = self.conversation.tree.current
        while turn and not turn.typed:
            turn = turn.parent
        text = self._edit_text(turn.typed if turn else "")
        if text:
            yield from self._continue(text, is_seen=False)
        else:
            yield Message("there is no text to continue")

    def _undo(self, rest: str) -> Iterator[Reply]:
        parent = self.conversation.tree.current.parent
        if parent is None:
            yield Message("there is no turn to undo")
            return
        self.conversation.go(parent)
        yield Message(f"undid the last turn; {count_turns(len(parent.path()))} left")

    def _redo(self, rest: str) -> Iterator[Reply]:
        following = self.conversation.tree.next()
        if following is None:
            yield Message("there is no turn to redo")
            return
        self.conversation.go(following)
        yield Message(self._where())

    def _where(self) -> str:
        turn = self.conversation.tree.current
        if turn.parent is None:
            return "at the beginning, before any text"
        ending = one_line(turn.ending(60))
        return f"at turn {turn.number}, which ends with: {cut(ending[-50:], self.columns)}"

    def _branch(self, rest: str) -> Iterator[Reply]:
        name, tree = rest.strip(), self.conversation.tree
        if not name or len(name.split()) > 1 or name.isdecimal() or len(name) > 40:
            yield Message(
                "/branch takes a name without spaces that is not a number, as in /branch rain"
            )
            return
        before = tree.names.get(name)
        tree.names[name] = tree.current.number
        moved = before not in (None, tree.current.number)
        other = f"; before, turn {before} had this name" if moved else ""
        yield Message(f"named turn {tree.current.number} {name!r}{other}")

    def _goto(self, rest: str) -> Iterator[Reply]:
        name, tree = rest.strip(), self.conversation.tree
        turn = tree.find(name)
        if turn is None:
            known = [*map(shown_name, tree.names)]
            hint = did_you_mean(name, known) if known else ""
            hint += " (/tree shows all turns)"
            yield Message(
                f"there is no turn {name[:40]!r}{hint}"
                if name
                else "/goto takes the name or the number of a turn, as in /goto 2"
            )
            return
        self.conversation.go(turn)
        yield Message(self._where())

    def _tree(self, rest: str) -> Iterator[Reply]:
        yield Message("\n".join(draw_tree(self.conversation.tree, self.columns)))

    def _clear(self, rest: str) -> Iterator[Reply]:
        self.conversation.clear()
        yield Message("forgot all text")

    def _words(self, rest: str) -> Iterator[Reply]:
        count = whole_number("/words", rest, range(1, MAX_WORDS + 1), default=10)
        words = self.conversation.next_words(count)
        lines = [f"{100 * word.probability:5.1f} %  {word.text}" for word in words]
        yield Message("\n".join(lines) or "no word is likely here")

    def _score(self, rest: str) -> Iterator[Reply]:
        path = self.conversation.tree.current.path()
        if rest.strip() not in ("", "all"):
            yield Message("/score takes no argument or the word all")
        elif not path:
            yield Message("there is no text yet")
        else:
            yield (yield from self.conversation.score(path if rest.strip() else path[-1:]))

    def _set(self, rest: str) -> Iterator[Reply]:
        name, _, value = rest.lstrip().partition(" ")
        if not name:
            yield from self._show("")
        elif name not in NAMES:
            yield Message(f"there is no setting {name[:40]!r}{did_you_mean(name, NAMES)}")
        elif not value and not takes_text(name):
            example = f"/set {name} {show_control(self.conversation, name)}"
            yield Message(f"/set takes a name and a value, as in {example}")
        else:
            change_control(self.conversation, name, value)
            yield Message(f"{name}: {show_control(self.conversation, name)}")

    def _show(self, rest: str) -> Iterator[Reply]:
        yield Message(
            "\n".join(f"{name}: {show_control(self.conversation, name)}" for name in NAMES)
        )

    def _seed(self, rest: str) -> Iterator[Reply]:
        if rest.strip():
            change_control(self.conversation, "seed", rest)
        yield Message(f"seed: {self.conversation.seed}")

    def _model(self, rest: str) -> Iterator[Reply]:
        conversation, name = self.conversation, rest.strip()
        if name:
            yield from conversation.switch(self._load_model(name))
        yield Message(f"{shown_name(conversation.model.name)}, step {conversation.model.step}")

    def _save(self, rest: str) -> Iterator[Reply]:
        path = file_path("/save", rest)
        write_session(path, self.conversation.saved())
        yield Message(
            f"saved {count_turns(len(self.conversation.tree.turns) - 1)} to {str(path)!r}"
        )

    def _load(self, rest: str) -> Iterator[Reply]:
        conversation, saved = self.conversation, read_session(file_path("/load", rest))
        yield from conversation.restore(saved)
        model = conversation.model
        if saved.weights != model.sha256:
            yield Message(
                "the session was saved with another model, "
                f"{shown_name(saved.run)} at step {saved.step}; "
                f"the session continues with {shown_name(model.name)} at step {model.step}"
            )
        yield Message(f"loaded {count_turns(len(saved.turns))}; now {self._where()}")

    def _help(self, rest: str) -> Iterator[Reply]:
        yield Message(HELP)

    def _bye(self, rest: str) -> Iterator[Reply]:
        self.running = False
        yield from ()

    def _point_names(self) -> list[str]:
        # A name that cannot be shown as it is cannot be typed either.
        return [name for name in self.conversation.tree.names if name == shown_name(name)]


def _no_completions(session: Session) -> Iterable[str]:
    return ()


class Command(NamedTuple):
    """A command of the session.

    Attributes:
        name: its name, with the slash.
        arguments: its arguments as the help shows them; empty if it takes none.
        help: what it does, in a line of the help.
        run: the method that does it, which gets what was typed after the name.
        completions: returns all arguments that Tab can complete.
    """

    name: str
    arguments: str
    help: str
    run: Callable[[Session, str], Iterator[Reply]]
    completions: Callable[[Session], Iterable[str]] = _no_completions


# All commands by name, in the order of the help.
COMMANDS = {
    each.name: each
    for each in (
        Command("/more", "", "continue the text, as an empty line does", Session._more),
        Command("/regen", "", "write another text in place of the last turn", Session._regen),
        Command(
            "/again", "[N]", "write N short alternatives to the last turn, 2 to 9", Session._again
        ),
        Command("/pick", "K", "make alternative K the last turn", Session._pick),
        Command(
            "/edit",
            "",
            "edit and continue the last typed text ($VISUAL or $EDITOR)",
            Session._edit,
        ),
        Command("/undo", "", "go back to the point before the last turn", Session._undo),
        Command("/redo", "", "go forward to the turn that was undone", Session._redo),
        Command("/branch", "NAME", "give the last turn a name", Session._branch),
        Command(
            "/goto",
            "NAME",
            "go to the turn of this name or number",
            Session._goto,
            Session._point_names,
        ),
        Command("/tree", "", "show all turns and their names", Session._tree),
        Command("/clear", "", "forget all text", Session._clear),
        Command("/words", "[N]", "show the N likeliest next words, 1 to 50", Session._words),
        Command(
            "/score",
            "[all]",
            "show how well the model predicts the last turn, or all text",
            Session._score,
            lambda session: ["all"],
        ),
        Command(
            "/set",
            "NAME VALUE",
            "change a setting; the value off turns it off",
            Session._set,
            lambda session: [*NAMES, *(f"on_unknown {rule}" for rule in RULES)],
        ),
        Command("/seed", "[N]", "show the seed, or change it", Session._seed),
        Command("/show", "", "show all settings", Session._show),
        Command(
            "/model",
            "[RUN]",
            "show the run, or change to another one",
            Session._model,
            lambda session: session._run_names(),
        ),
        Command("/save", "FILE", "save the session", Session._save),
        Command("/load", "FILE", "continue a saved session", Session._load),
        Command("/help", "", "show this help", Session._help),
        Command("/bye", "", "end the session", Session._bye),
    )
}


# The answer to /help.
HELP = INTRODUCTION + "\n".join(
    f"  {f'{each.name} {each.arguments}':18}{each.help}" for each in COMMANDS.values()
)


def typed_text(line: str) -> str | None:
    """Return the text that a line stands for; None if the line is a command."""
    if line.startswith("//"):
        return line[1:]
    return None if line.startswith("/") else line
