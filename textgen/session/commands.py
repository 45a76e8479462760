"""The interactive session: what a line does. It neither reads the terminal nor prints."""

from collections.abc import Callable, Iterator
from collections.abc import Generator as Replies
from contextlib import closing

from textgen.errors import RunError, TextgenError, UsageError
from textgen.readable import cut, one_line
from textgen.session.arguments import count_turns, did_you_mean, file_path, whole_number
from textgen.session.controls import NAMES, RULES, change_control, show_control, takes_text
from textgen.session.conversation import Conversation, LoadedModel
from textgen.session.messages import HELP, Message, Reply, Typed
from textgen.session.session_file import read_session, write_session
from textgen.session.turn_tree import Turn, draw_tree, shown_name

ALTERNATIVES = range(2, 10)
MAX_WORDS = 50
# Beyond this, a line is announced before it is read.
LONG_TEXT = 20_000
# Of what is wrong with a line of a million characters no more is shown.
LONG_MESSAGE = 1000
# Commands that stand alone.
ALONE = ("/more", "/regen", "/edit", "/undo", "/redo", "/tree", "/clear", "/show", "/help", "/bye")

Command = Callable[[str], Iterator[Reply]]


def _no_runs(name: str) -> LoadedModel:
    raise RunError(f"there is no run {name!r} here")


def no_editor(text: str) -> str:
    """Refuse to have a text edited.

    Raises:
        UsageError: always.
    """
    del text
    raise UsageError("/edit needs a terminal")


class Session:
    """What a typed line does."""

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
            conversation: the text, and the model.
            load: reads a run by its name.
            run_names: lists the runs.
            edit: has the user edit a text, and returns it.
        """
        self.conversation = conversation
        self.running = True
        # Of the terminal.
        self.columns = 80
        self._load_model, self._run_names, self._edit_text = load, run_names, edit
        self._commands: dict[str, Command] = {
            "/more": self._more,
            "/regen": self._regen,
            "/again": self._again,
            "/pick": self._pick,
            "/edit": self._edit,
            "/undo": self._undo,
            "/redo": self._redo,
            "/branch": self._branch,
            "/goto": self._goto,
            "/tree": self._tree,
            "/clear": self._clear,
            "/words": self._words,
            "/score": self._score,
            "/set": self._set,
            "/seed": self._seed,
            "/show": self._show,
            "/model": self._model,
            "/save": self._save,
            "/load": self._load,
            "/help": self._help,
            "/bye": self._bye,
        }

    @property
    def commands(self) -> list[str]:
        """The names of the commands."""
        return list(self._commands)

    def respond(self, line: str, *, is_text: bool = False) -> Replies[Reply, None, None]:
        """Do what a line asks for.

        Args:
            line: as typed, without its newline.
            is_text: whether it is text to be continued, whatever it begins with.

        Yields:
            Pieces of text as they are written, and what else there is to show. Closing the iterator
            stops the writing, and what was written stays; or the reading, of which nothing stays.
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
        command = self._commands.get(name)
        if command is None:
            hint = did_you_mean(name, self.commands)
            yield Message(f"there is no command {name[:40]}{hint}; /help lists them")
        elif name in ALONE and rest.strip():
            yield Message(f"{name} takes nothing after it, got {rest.strip()[:40]!r}")
        else:
            yield from command(rest)

    def completions(self, line: str) -> list[str]:
        """Return the lines that a begun command may become."""
        options: dict[str, list[str]] = {
            "/set": NAMES,
            "/set on_unknown": list(RULES),
            # A name that cannot be shown as it is cannot be typed either.
            "/goto": [name for name in self.conversation.tree.names if name == shown_name(name)],
            "/model": [],
            "/score": ["all"],
        }
        if line.startswith("/model "):
            options["/model"] = self._run_names()
        lines = [*self._commands]
        lines += (f"{begun} {option}" for begun, known in options.items() for option in known)
        return [
            whole for whole in lines if whole.startswith(line) and " " not in whole[len(line) :]
        ]

    def _continue(self, text: str, *, is_seen: bool) -> Iterator[Reply]:
        if len(text) > LONG_TEXT:
            yield Message(f"reading {len(text):,} characters; Ctrl-C stops it")
        with closing(self.conversation.continue_text(text)) as written:
            first = next(written, "")  # a text that is refused is not shown
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
            yield Message("there is nothing to write again yet")
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
        yield Message(f"/pick 1 to {count} takes one")

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
            yield Message("there is nothing to take back")
            return
        self.conversation.go(parent)
        yield Message(f"took the last turn back; {count_turns(len(parent.path()))} left")

    def _redo(self, rest: str) -> Iterator[Reply]:
        following = self.conversation.tree.next()
        if following is None:
            yield Message("there is nothing to go forward to")
            return
        self.conversation.go(following)
        yield Message(self._place())

    def _place(self) -> str:
        turn = self.conversation.tree.current
        if turn.parent is None:
            return "at the beginning, before any text"
        ending = one_line(turn.ending(60))
        return f"at turn {turn.number}, which ends: {cut(ending[-50:], self.columns)}"

    def _branch(self, rest: str) -> Iterator[Reply]:
        name, tree = rest.strip(), self.conversation.tree
        if not name or len(name.split()) > 1 or name.isdecimal() or len(name) > 40:
            yield Message("/branch takes a name without spaces, not a number, as in /branch rain")
            return
        before = tree.names.get(name)
        tree.names[name] = tree.current.number
        moved = before not in (None, tree.current.number)
        was = f"; it was turn {before}" if moved else ""
        yield Message(f"turn {tree.current.number} is now {name}{was}")

    def _goto(self, rest: str) -> Iterator[Reply]:
        name, tree = rest.strip(), self.conversation.tree
        turn = tree.find(name)
        if turn is None:
            known = [*map(shown_name, tree.names)]
            hint = did_you_mean(name, known) if known else "; /branch names one, /tree shows all"
            yield Message(
                f"there is no point {name[:40]!r}{hint}" if name else "/goto takes a name"
            )
            return
        self.conversation.go(turn)
        yield Message(self._place())

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
            yield Message("/score takes nothing, or all")
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
            yield Message(f"{name} {show_control(self.conversation, name)}")

    def _show(self, rest: str) -> Iterator[Reply]:
        yield Message(
            "\n".join(f"{name} {show_control(self.conversation, name)}" for name in NAMES)
        )

    def _seed(self, rest: str) -> Iterator[Reply]:
        if rest.strip():
            change_control(self.conversation, "seed", rest)
        yield Message(f"seed {self.conversation.seed}")

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
                f"the session is of another model, {shown_name(saved.run)} at step {saved.step}: "
                f"{shown_name(model.name)} at step {model.step} has read its text"
            )
        yield Message(f"{count_turns(len(saved.turns))}; {self._place()}")

    def _help(self, rest: str) -> Iterator[Reply]:
        yield Message(HELP)

    def _bye(self, rest: str) -> Iterator[Reply]:
        self.running = False
        yield from ()


def typed_text(line: str) -> str | None:
    """Return the text that a line stands for; None if it is a command."""
    if line.startswith("//"):
        return line[1:]
    return None if line.startswith("/") else line
