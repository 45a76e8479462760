"""The session as whole transcripts, with a model whose words are queued or one that is random."""

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from textgen.data.vocabulary import Vocabulary
from textgen.errors import RunNotFoundError, UsageError
from textgen.generation import next_words as next_words_module
from textgen.generation.engine import Standing, Written
from textgen.generation.filters import Draws, softmax
from textgen.generation.generator import Generator
from textgen.generation.numpy_engine import NumpyEngine
from textgen.generation.sampler import Sampler
from textgen.network.parameters import parameter_shapes
from textgen.runs.files import encode_json
from textgen.session import prefill
from textgen.session.commands import COMMANDS, HELP, Session
from textgen.session.controls import NAMES, format_control, parse_control
from textgen.session.conversation import Conversation, Scored
from textgen.session.messages import Message, Typed
from textgen.session.session_file import read_session
from textgen.settings import MAX_SEED, ModelSettings, OnUnknown, SamplingSettings
from textgen.terminal.display.surprise import format_surprise
from textgen.terminal.repl.status_line import status_line

VOCABULARY = Vocabulary("\n abcdefghijklmnopqrstuvwxyz/.")


class QueuedEngine:
    """Writes what it is given, two characters at a time; its state is the text it has read."""

    settings: Any = None
    piece = 2

    def __init__(self, *texts: str) -> None:
        self.texts, self.is_new = list(texts), True
        self.seen: list[tuple[str, int, float]] = []

    def zero_states(self) -> tuple[str, ...]:
        return ("",)

    def read(self, tokens: NDArray[np.int32], states: tuple[Any, ...]) -> tuple[Any, ...]:
        return (states[0] + VOCABULARY.decode(tokens),)

    def write(
        self,
        standings: Sequence[Standing],
        uniforms: NDArray[np.float32],
        temperatures: NDArray[np.float32],
        sampler: Sampler,
        *,
        is_scored: bool,
    ) -> Written:
        (((read,), control),), count = standings, len(temperatures)
        if self.is_new:
            first, samples = uniforms[0, 0], range(50)
            sample = next(n for n in samples if first in [Draws(s, n).take(1)[0] for s in (3, 9)])
            self.seen.append((read, sample, round(float(temperatures[0]), 6)))
        piece, self.texts[0] = self.texts[0][:count], self.texts[0][count:]
        self.is_new = not self.texts[0]
        if self.is_new:
            self.texts.pop(0)
        tokens = VOCABULARY.encode(piece)[None]
        nats = np.full(tokens.shape, np.log(2), np.float32)
        return Written(tokens, nats, [Standing((read + piece,), control)])


@dataclass
class QueuedModel:
    engine: Any
    name: str = "queue"
    step: int = 7
    weights: str = "00"

    def generator(self, *, seed: int) -> Generator:
        return Generator(self.engine, VOCABULARY, "\n", seed=seed)

    def training_tokens(self) -> NDArray[np.int32] | None:
        return VOCABULARY.encode("the cat sat on the mat")


class RandomModel:
    """A network that nobody has trained."""

    def __init__(self, number: int, characters: str = VOCABULARY.characters) -> None:
        self.name, self.step = f"random-{number}", number
        self.vocabulary = Vocabulary(characters)
        settings = ModelSettings(
            vocab_size=len(self.vocabulary),
            embedding_size=4,
            hidden_size=8,
            num_layers=2,
            dropout_rate=0.0,
        )
        random = np.random.default_rng(number)
        parameters = {
            name: random.normal(0, 1, shape).astype(np.float32)
            for name, shape in parameter_shapes(settings).items()
        }
        self.reader = NumpyEngine(settings, parameters)
        self.sha256 = f"{number:064}"

    def generator(self, *, seed: int) -> Generator:
        return Generator(self.reader, self.vocabulary, self.vocabulary.characters[0], seed=seed)

    def training_tokens(self) -> None:
        return None


MODELS = {f"random-{n}": RandomModel(n) for n in range(2)} | {"few": RandomModel(2, " abcd.")}


def load(name: str) -> RandomModel:
    if name not in MODELS:
        raise RunNotFoundError(name, Path("checkpoints"), list(MODELS))
    return MODELS[name]


def queued(*texts: str, length: int = 4) -> tuple[Session, QueuedEngine]:
    engine = QueuedEngine(*texts)
    return Session(
        Conversation(QueuedModel(engine), SamplingSettings(), seed=3, length=length)
    ), engine


def random_session(name: str = "random-0", length: int = 12, **more: Any) -> Session:
    conversation = Conversation(MODELS[name], SamplingSettings(), seed=5, length=length)
    return Session(conversation, load=load, run_names=lambda: list(MODELS), **more)


def shown(reply: Iterator[Any]) -> Iterator[str]:
    for part in reply:
        if isinstance(part, Message):
            yield f"[{part.text}]\n"
        elif isinstance(part, Scored):
            yield f"{{{part.text}}}\n"
        elif isinstance(part, Typed):
            yield "" if part.is_seen else f"({part.text})"
        else:
            yield part


def transcript(session: Session, *lines: str) -> str:
    """Hold a conversation and return it as it would stand on a screen."""
    text = ""
    for line in lines:
        text += f"> {line}\n" + "".join(shown(session.respond(line)))
        text += "" if text.endswith("\n") else "\n"
    return text


def text_of(session: Session) -> str:
    return "".join(turn.text for turn in session.conversation.tree.current.path())


def test_a_conversation() -> None:
    session, engine = queued("at. ", "ats.", "end.", "new.", "ago.", "mor.")
    assert transcript(
        session,
        "the c",
        "",
        "/undo",
        "a dog",
        "/regen",
        "/set temperature 0.5",
        "/undo",
        "/undo",
        "/undo",
        "/clear",
        "long",
        "/more",
        "/bye",
    ) == (
        "> the c\n"
        "at. \n"
        "> \n"
        "ats.\n"
        "> /undo\n"
        "[undid the last turn; 1 turn left]\n"
        "> a dog\n"
        "end.\n"
        "> /regen\n"
        "new.\n"
        "> /set temperature 0.5\n"
        "[temperature: 0.5]\n"
        "> /undo\n"
        "[undid the last turn; 1 turn left]\n"
        "> /undo\n"
        "[undid the last turn; 0 turns left]\n"
        "> /undo\n"
        "[there is no turn to undo]\n"
        "> /clear\n"
        "[forgot all text]\n"
        "> long\n"
        "ago.\n"
        "> /more\n"
        "mor.\n"
        "> /bye\n"
    )
    # What the model had read each time, which of the seed's samples it drew, how daringly.
    assert engine.seen == [
        ("the c", 0, 0.8),
        ("the cat. ", 1, 0.8),
        ("the cat. \na dog", 2, 0.8),
        ("the cat. \na dog", 3, 0.8),
        ("long", 4, 0.5),
        ("longago.", 5, 0.5),
    ]
    assert not session.running


def test_what_is_typed_begins_on_a_new_line() -> None:
    session, engine = queued("aaa\n", "bbb.", "ccc.", "ddd.")
    transcript(session, "one", "two", "", "three")
    assert [read for read, _, _ in engine.seen] == [
        "one",
        "oneaaa\ntwo",
        "oneaaa\ntwobbb.",
        "oneaaa\ntwobbb.ccc.\nthree",
    ]


def test_nothing_that_was_written_is_lost() -> None:
    session, engine = queued("aaa.", "bbb.", "ccc.", "ddd.", "eee.")
    assert transcript(
        session,
        "/redo",
        "one",
        "/branch first",
        "two",
        "/regen",
        "/undo",
        "/redo",
        "/goto 2",
        "/undo",
        "/redo",
        "/branch old",
        "three",
        "/goto first",
        "/branch old",
        "four",
        "/tree",
        "/goto frist",
        "/goto 9",
        "/goto 0",
        "/branch 7",
        "/branch a b",
        "/redo",
    ) == (
        "> /redo\n[there is no turn to redo]\n"
        "> one\naaa.\n"
        "> /branch first\n[named turn 1 'first']\n"
        "> two\nbbb.\n"
        "> /regen\nccc.\n"
        "> /undo\n[undid the last turn; 1 turn left]\n"
        "> /redo\n[at turn 3, which ends with: oneaaa. twoccc.]\n"
        "> /goto 2\n[at turn 2, which ends with: oneaaa. twobbb.]\n"
        "> /undo\n[undid the last turn; 1 turn left]\n"
        "> /redo\n[at turn 2, which ends with: oneaaa. twobbb.]\n"
        "> /branch old\n[named turn 2 'old']\n"
        "> three\nddd.\n"
        "> /goto first\n[at turn 1, which ends with: oneaaa.]\n"
        "> /branch old\n[named turn 1 'old'; before, turn 2 had this name]\n"
        "> four\neee.\n"
        "> /tree\n"
        "[  0 (beginning)\n"
        "  1 [first] [old] one | aaa.\n"
        "  \u251c 2 two | bbb.\n"
        "  \u2502 4 three | ddd.\n"
        "  \u251c 3 two | ccc.\n"
        "* \u2514 5 four | eee.]\n"
        "> /goto frist\n[there is no turn 'frist'; did you mean first? (/tree shows all turns)]\n"
        "> /goto 9\n[there is no turn '9'; choose one of first, old (/tree shows all turns)]\n"
        "> /goto 0\n[at the beginning, before any text]\n"
        "> /branch 7\n"
        "[/branch takes a name without spaces that is not a number, as in /branch rain]\n"
        "> /branch a b\n"
        "[/branch takes a name without spaces that is not a number, as in /branch rain]\n"
        "> /redo\n[at turn 1, which ends with: oneaaa.]\n"
    )
    assert [read for read, _, _ in engine.seen] == [
        "one",
        "oneaaa.\ntwo",
        "oneaaa.\ntwo",
        "oneaaa.\ntwobbb.\nthree",
        "oneaaa.\nfour",
    ]


def test_a_tree_fits_narrow_terminals() -> None:
    session, _ = queued("aaa.", "bbb.", "ccc.")
    transcript(session, "one two three four five six", "/regen", "/undo", "seven")
    session.columns = 20
    (message,) = session.respond("/tree")
    assert isinstance(message, Message)
    assert message.text.splitlines() == [
        "  0 (beginning)",
        "  \u251c 1 one two three\u2026",
        "  \u251c 2 one two three\u2026",
        "* \u2514 3 seven | ccc.",
    ]


def test_one_of_several_alternatives_becomes_the_turn() -> None:
    session, engine = queued("aaa.", "bbb.", "c\nc.", "ddd.", "eee.", "fff.", "ggg.")
    assert transcript(
        session, "/pick 1", "one", "/again 3", "/pick 4", "/pick 2", "go", "/undo", "/pick 3"
    ) == (
        "> /pick 1\n[there are no alternatives; /again writes some]\n"
        "> one\naaa.\n"
        "> /again 3\n[1  bbb.]\n[2  c c.]\n[3  ddd.]\n[choose one with /pick 1 to /pick 3]\n"
        "> /pick 4\n[/pick must be a whole number in [1, 3], got '4']\n"
        "> /pick 2\nc\nc.\n"
        "> go\neee.\n"
        "> /undo\n[undid the last turn; 1 turn left]\n"
        "> /pick 3\nddd.\n"
    )
    assert [(read, sample) for read, sample, _ in engine.seen] == [
        ("one", 0),
        ("one", 1),
        ("one", 2),
        ("one", 3),
        ("onec\nc.\ngo", 4),
    ]
    assert "does not know the character '2'" in transcript(session, "2")
    assert transcript(session, "/again 1", "/again x").count("whole number in [2, 9]") == 2
    assert text_of(session) == "oneddd."


def test_looking_at_alternatives_changes_nothing_and_before_any_turn_there_are_some_too() -> None:
    session = random_session()
    before = session.conversation.generator.settle()
    assert transcript(session, "/again").count("\n[") == 4
    assert session.conversation.generator.settle() is not before
    assert_same(session.conversation.generator.settle(), before)
    transcript(session, "/pick 1")
    assert len(text_of(session)) == 12


def test_stopped_alternatives_are_those_that_were_shown() -> None:
    session, _ = queued("aaa.", "bbb.", "ccc.")
    transcript(session, "one")
    reply = session.respond("/again 2")
    assert [next(reply) for _ in range(3)] == ["", "", Message("1  bbb.")]
    next(reply)
    reply.close()
    assert text_of(session) == "oneaaa."
    assert transcript(session, "/pick 2", "/pick 1") == (
        "> /pick 2\n[/pick must be a whole number in [1, 1], got '2']\n> /pick 1\nbbb.\n"
    )


def assert_same(state: Any, other: Any) -> None:
    """Compare two states bit for bit."""
    for field in fields(state):
        one, two = getattr(state, field.name), getattr(other, field.name)
        if field.name == "recurrent":
            for layer, twin in zip(one, two, strict=True):
                for member, same in zip(layer, twin, strict=True):
                    assert member.tobytes() == same.tobytes()
        elif field.name == "recent":
            assert one.dtype == two.dtype
            assert one.tolist() == two.tolist()
        else:
            assert one == two, field.name


STORY = (
    "the cat",
    "/set on_unknown skip",
    "UP and down",
    "/set seed 77",
    "/regen",
    "/branch here",
    "/set top_k 4",
    "/set stop \\n",
    "/set on_unknown replace",
    "Dogs " * 60,
    "",
    "/goto 1",
    "",
    "/goto here",
)


def test_a_loaded_session_stands_bit_for_bit_where_the_saved_one_stood() -> None:
    session, other = random_session(), random_session()
    transcript(session, *STORY)
    assert transcript(session, "/save s.json") == "> /save s.json\n[saved 6 turns to 's.json']\n"
    ending = transcript(other, "lost", "/load s.json")
    assert "[loaded 6 turns; now at turn 3, which ends with: " in ending
    assert "another model" not in ending
    assert_same(other.conversation.generator.settle(), session.conversation.generator.settle())
    turns = zip(session.conversation.tree.turns, other.conversation.tree.turns, strict=True)
    next(turns)  # the beginning, which has no draws of its own
    for mine, its in turns:
        assert (mine.text, mine.typed, mine.number) == (its.text, its.typed, its.number)
        assert_same(mine.after, its.after)
    going = ("/show", "/tree", "/redo", "more", "/undo", "/regen", "/goto here", "/redo", "/more")
    assert transcript(session, *going) == transcript(other, *going)
    assert_same(other.conversation.generator.settle(), session.conversation.generator.settle())


def test_a_session_that_begins_without_a_prompt_is_loaded_too() -> None:
    session, other = random_session(), random_session()
    transcript(session, "", "and", "/save s.json")
    transcript(other, "/load s.json")
    assert_same(other.conversation.generator.settle(), session.conversation.generator.settle())


def test_another_model_reads_a_saved_text_if_it_knows_its_characters() -> None:
    session, other = random_session(), random_session("random-1")
    transcript(session, "abc", "/save s.json")
    answer = transcript(other, "/load s.json")
    assert (
        "[the session was saved with another model, random-0 at step 0; "
        "the session continues with random-1 at step 1" in answer
    )
    assert text_of(other) == text_of(session)
    fresh = MODELS["random-1"].generator(seed=5)
    fresh.feed(text_of(session))
    assert_same(
        replace(other.conversation.generator.settle(), sample=0, position=0),
        replace(fresh.settle(), sample=0, position=0),
    )
    transcript(session, "/set starts e", "/clear", "/save s0.json")
    few = random_session("few", length=3)
    transcript(few, "abba", "/branch mine")
    before, tree = few.conversation.generator.settle(), few.conversation.tree
    assert "[the model does not know the character" in transcript(few, "/load s.json")
    assert "[starts must be left out" in transcript(few, "/load s0.json")
    assert few.conversation.generator.settle() is before
    assert few.conversation.tree is tree
    assert few.conversation.length == 3


def test_files_that_are_no_sessions_are_neither_loaded_nor_overwritten() -> None:
    session = random_session()
    transcript(session, "abc", "/save s.json")
    data = Path("s.json").read_bytes()
    Path("s.json").write_bytes(data.replace(b'"length": 12', b'"length": 13'))
    Path("notes").write_text("precious")
    before = session.conversation.tree.current
    answers = transcript(
        session, "/load s.json", "/load notes", "/load none", "/load", "/save s.json", "/save notes"
    )
    assert answers == (
        "> /load s.json\n['s.json' is damaged: its SHA-256 differs from the recorded one]\n"
        "> /load notes\n['notes' is damaged: it is not valid JSON]\n"
        "> /load none\n[there is no file 'none']\n"
        "> /load\n[/load takes the name of a file, as in /load notes.txt]\n"
        "> /save s.json\n['s.json' exists and is not a session; choose another name]\n"
        "> /save notes\n['notes' exists and is not a session; choose another name]\n"
    )
    assert transcript(session, "/save a\0b", "/load \ud800", "/save nowhere/s").count("[") == 3
    assert Path("notes").read_text() == "precious"
    assert session.conversation.tree.current is before
    Path("s.json").write_bytes(data)
    transcript(session, "more", "/save s.json")
    assert len(read_session(Path("s.json")).turns) == 2


def test_a_load_that_is_stopped_changes_nothing() -> None:
    session = random_session()
    transcript(session, "abc" * 200, "/save s.json", "/clear", "other")
    tree, state = session.conversation.tree, session.conversation.generator.settle()
    reply = session.respond("/load s.json")
    assert next(reply) == ""
    reply.close()
    assert session.conversation.tree is tree
    assert session.conversation.generator.settle() is state


def test_another_run_reads_all_text_again_and_goes_on() -> None:
    session = random_session()
    transcript(session, "abc", "def", "/branch here", "/undo", "ghi")
    text, count = text_of(session), len(session.conversation.tree.turns)
    assert transcript(session, "/model random-1", "/model") == (
        "> /model random-1\n[random-1, step 1]\n> /model\n[random-1, step 1]\n"
    )
    assert text_of(session) == text
    assert len(session.conversation.tree.turns) == count
    fresh = MODELS["random-1"].generator(seed=5)
    fresh.feed(text)
    for one, two in zip(
        session.conversation.generator.settle().recurrent, fresh.settle().recurrent, strict=True
    ):
        assert one.hidden.tobytes() == two.hidden.tobytes()
    assert "turn 2, which ends" in transcript(session, "/goto here")


def test_what_another_run_cannot_read_is_there_again_after_it() -> None:
    session = random_session()
    transcript(session, "xyz abc", "/more", "/set on_unknown skip")
    text, state = text_of(session), session.conversation.generator.settle()
    transcript(session, "/model few")
    assert set(text) - set(" abcd.") >= set("xyz")
    assert set(text_of(session)) <= set(" abcd.")
    transcript(session, "/save s.json", "/model random-0")
    for _ in range(2):
        assert text_of(session) == text
        for one, two in zip(
            session.conversation.generator.settle().recurrent, state.recurrent, strict=True
        ):
            assert one.hidden.tobytes() == two.hidden.tobytes()
        transcript(session, "/clear", "/load s.json", "/model random-0")


def test_a_run_that_cannot_go_on_leaves_the_old_one() -> None:
    session = random_session()
    transcript(session, "xyz", "/set starts e,f")
    state = session.conversation.generator.settle()
    answers = transcript(session, "/model few", "/set starts off", "/model few", "/model nope")
    assert answers == (
        "> /model few\n[starts must be left out: the model knows no newline, got ('e', 'f')]\n"
        "> /set starts off\n[starts: off]\n"
        "> /model few\n[the model does not know the character 'x' (U+0078) at position 1; leave it "
        "out, or choose --on-unknown nearest, skip or replace "
        "(in a session: /set on_unknown nearest)]\n"
        "> /model nope\n[no run named 'nope' in 'checkpoints'; known runs: "
        "random-0, random-1, few]\n"
    )
    assert session.conversation.model.name == "random-0"
    assert session.conversation.generator.settle() is state
    assert transcript(session, "/set on_unknown skip", "/model few").endswith(
        "[random-2, step 2]\n"
    )
    assert set(text_of(session)) <= set(" abcd.")
    transcript(session, "abba", "/save s.json")
    again = random_session("few")
    transcript(again, "/load s.json")
    assert_same(again.conversation.generator.settle(), session.conversation.generator.settle())


def test_every_setting_is_changed_shown_and_guarded() -> None:
    Path("list.txt").write_text("ab cd\nab ef")
    session = random_session()
    assert transcript(
        session,
        "/set top_k 5",
        "/set top_p 1.5",
        "/set top_p x",
        "/set top_k 1.5",
        "/set top_k off",
        "/set tempratur 1",
        "/set temperature 0.4..1.1",
        "/set temperature hot",
        "/set length 0",
        "/set length 9",
        "/set seed 77",
        "/set on_unknown nearest",
        "/set on_unknown maybe",
        "/set top_k",
        "/set repetition_penalty 1.2",
        "/set stop end\\n\\u0020 ",
        "/set starts a,b\\\\",
        "/set starts a,\\u002fc",
        "/set forbid xyz",
        "/set forbid",
        "/set only Z",
        "/set only off",
        "/set words list.txt",
        "/set words none.txt",
        "/set words \0",
        "/set max_copy 5",
        "/set  lines   2",
    ) == (
        "> /set top_k 5\n[top_k: 5]\n"
        "> /set top_p 1.5\n[top_p must be a number in (0, 1], got 1.5]\n"
        "> /set top_p x\n[top_p must be a number, got 'x']\n"
        "> /set top_k 1.5\n[top_k must be a whole number, got '1.5']\n"
        "> /set top_k off\n[top_k: 0]\n"
        "> /set tempratur 1\n[there is no setting 'tempratur'; did you mean temperature?]\n"
        "> /set temperature 0.4..1.1\n[temperature: 0.4..1.1]\n"
        "> /set temperature hot\n[temperature must be a number in [0, 100], a ramp 0.4..1.1 or a "
        "cycle 1,0.5,0.2, got 'hot']\n"
        "> /set length 0\n[length must be a whole number in [1, 1000000000], got 0]\n"
        "> /set length 9\n[length: 9]\n"
        "> /set seed 77\n[seed: 77]\n"
        "> /set on_unknown nearest\n[on_unknown: nearest]\n"
        "> /set on_unknown maybe\n"
        "[on_unknown must be error, nearest, skip or replace, got 'maybe']\n"
        "> /set top_k\n[/set takes a name and a value, as in /set top_k 0]\n"
        "> /set repetition_penalty 1.2\n[repetition_penalty: 1.2]\n"
        "> /set stop end\\n\\u0020 \n[stop: end\\n  ]\n"
        "> /set starts a,b\\\\\n[starts must be a text without '\\\\', which the model does not "
        "know, got 'b\\\\']\n"
        "> /set starts a,\\u002fc\n[starts: a,/c]\n"
        "> /set forbid xyz\n[forbid: xyz]\n"
        "> /set forbid\n[forbid: off]\n"
        "> /set only Z\n[only must be a choice that leaves the model a character to write, "
        "got 'Z']\n"
        "> /set only off\n[only: off]\n"
        "> /set words list.txt\n[words: 3 words]\n"
        "> /set words none.txt\n[corpus 'none.txt': there is no such file or folder]\n"
        "> /set words \0\n[/set words takes the name of a file, as in /set words notes.txt]\n"
        "> /set max_copy 5\n[max-copy 5 needs the training text, which the run has not kept "
        "(it was trained with --no-keep-corpus); leave it out]\n"
        "> /set  lines   2\n[lines: 2]\n"
    )
    settings = session.conversation.settings
    assert settings.stop == ("end\n  ",)
    assert settings.starts == ("a", "/c")
    assert settings.words == ("ab", "cd", "ef")
    assert (settings.max_copy, settings.lines, settings.temperature) == (0, 2, "0.4..1.1")
    (table,) = session.respond("/show")
    assert isinstance(table, Message)
    names = [line.split(": ")[0] for line in table.text.splitlines()]
    assert names == [f.name for f in fields(SamplingSettings)] + ["length", "seed", "on_unknown"]
    assert "on_unknown: nearest" in table.text
    assert transcript(session, "/set") == f"> /set\n[{table.text}]\n"


def test_the_seed_decides_what_is_written() -> None:
    session = random_session()
    assert transcript(session, "/seed", "/seed 9", "/seed -1") == (
        "> /seed\n[seed: 5]\n> /seed 9\n[seed: 9]\n"
        "> /seed -1\n[seed must be a whole number in [0, 9223372036854775807], got -1]\n"
    )
    first = transcript(session, "abc")
    transcript(session, "/clear", "/seed 9")
    assert transcript(session, "abc") == first
    transcript(session, "/clear", "/seed 8")
    assert transcript(session, "abc") != first


def test_commands_begin_with_a_slash_and_nothing_else_does() -> None:
    session, engine = queued("one.", "two.", "tri.")
    text = transcript(session, "help", "/hepl", "/help", "//etc", "/regne", "/")
    assert "[there is no command /hepl; did you mean /help? (/help lists all)]" in text
    assert f"[{HELP}]" in text
    assert "[there is no command /regne; did you mean /regen?" in text
    assert "".join(shown(session.respond("/etc", is_text=True))) == "tri."
    assert [read for read, _, _ in engine.seen] == [
        "help",
        "helpone.\n/etc",
        "helpone.\n/etctwo.\n/etc",
    ]


def test_a_million_characters_that_are_no_command_are_not_repeated() -> None:
    session = random_session()
    million = "x" * 10**6
    for line in ("/", "/set ", "/set top_k ", "/goto ", "/branch ", "/load ", "/model ", "/words "):
        (message,) = session.respond(line + million)
        assert isinstance(message, Message)
        assert len(message.text) < 1100


def test_every_command_stands_in_the_help() -> None:
    session, _ = queued()
    assert session.commands == [*COMMANDS]
    for each in COMMANDS.values():
        assert f"  {each.name} {each.arguments}".ljust(20) + each.help + "\n" in HELP + "\n"
    assert max(map(len, HELP.splitlines())) <= 100


def test_an_unknown_character_is_explained_and_the_session_goes_on() -> None:
    session, engine = queued("one.", "two.")
    text = transcript(session, "a\u017cb", "ab", "a\u017cb", "/set on_unknown replace", "\u017c")
    assert text.count("[the model does not know the character '\u017c' (U+017C) at position 2") == 2
    assert [read for read, _, _ in engine.seen] == ["ab", "abone.\n\ufffd"]


def test_stopped_text_stays_and_the_next_turn_follows_it() -> None:
    session, engine = queued("abcdefgh", "two.", length=8)
    reply = session.respond("x")
    assert [next(reply), next(reply), next(reply)] == [Typed("x", True), "ab", "cd"]
    reply.close()
    assert session.conversation.generator.settle().recurrent == ("xabcd",)
    engine.texts.pop(0)
    engine.is_new = True
    session.conversation.length = 4
    transcript(session, "y")
    assert engine.seen[-1][0] == "xabcd\ny"
    transcript(session, "/undo", "/undo")
    assert session.conversation.generator.settle().recurrent == ("",)


def test_a_long_line_can_be_stopped_while_it_is_read_and_then_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prefill, "perf_counter", lambda: 0.0)
    session, engine = queued("end.", "end.")
    reply = session.respond("ab" * 600)
    assert [next(reply), next(reply)] == [Typed("ab" * 600, True), ""]
    read = [len(session.conversation.generator.settle().recurrent[0])]
    assert next(reply) == ""
    read.append(len(session.conversation.generator.settle().recurrent[0]))
    assert read == [16, 48]
    reply.close()
    assert session.conversation.generator.settle().recurrent == ("",)
    assert session.conversation.tree.current.number == 0
    transcript(session, "ab" * 600)
    assert engine.seen == [("ab" * 600, 0, 0.8)]
    assert "reading 30,000 characters" in transcript(session, "a" * 30_000)


def test_a_text_that_may_not_go_on_says_so() -> None:
    session = random_session()
    Path("list.txt").write_text("b")
    assert transcript(session, "/set words list.txt", "/set starts a", "", "/regen") == (
        "> /set words list.txt\n[words: 1 word]\n> /set starts a\n[starts: a]\n"
        "> \n[the text ends here: the settings permit no further character]\n"
        "> /regen\n[the text ends here: the settings permit no further character]\n"
    )


def test_surprise_is_measured_without_a_trace_and_by_the_chain_rule() -> None:
    session = random_session()
    assert transcript(session, "/score") == "> /score\n[there is no text yet]\n"
    transcript(session, "the cat", "sat" * 50)
    state, count = session.conversation.generator.settle(), len(session.conversation.tree.turns)
    (*_, last), (*_, whole) = session.respond("/score"), session.respond("/score all")
    assert isinstance(last, Scored)
    assert isinstance(whole, Scored)
    assert session.conversation.generator.settle() is state
    assert len(session.conversation.tree.turns) == count
    assert whole.text == text_of(session)
    assert last.text == session.conversation.tree.current.text
    np.testing.assert_array_equal(whole.bits[-len(last.bits) :], last.bits)
    # Each character by hand; the first after the start that comes before any text.
    generator = MODELS["random-0"].generator(seed=0)
    tokens = generator.vocabulary.encode(whole.text)
    for place, token in enumerate(tokens):
        states = generator.reader.zero_states()
        states = generator.reader.read(tokens[:place] if place else tokens[:0] + 1, states)
        if not place:
            states = generator.reader.read(np.array([1], np.int32), states)
        chance = softmax(generator.reader.logits(states))[token]
        assert whole.bits[place] == pytest.approx(-math.log2(chance), abs=1e-4)
    turn = session.conversation.tree.current
    assert turn.nats is not None
    written = last.bits[-len(turn.written) :].sum()
    assert written == pytest.approx(turn.nats / math.log(2), rel=1e-4)
    assert (
        transcript(session, "/score some")
        == "> /score some\n[/score takes no argument or the word all]\n"
    )


def test_the_text_ends_inside_a_word_that_began_turns_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(next_words_module, "perf_counter", lambda: 0.0)
    session = random_session(length=1)
    session.conversation.settings = SamplingSettings(only="b")
    transcript(session, ". aa", "", "")
    assert text_of(session) == ". aabbb"
    state = session.conversation.generator.settle()
    words = session.conversation.next_words(50)
    # However slow the machine is, they are the same.
    monkeypatch.setattr(next_words_module, "perf_counter", itertools.count(0, 60).__next__)
    assert words == session.conversation.next_words(50)
    assert session.conversation.generator.settle() is state
    assert all(word.text.startswith("aabbb") for word in words)
    (message,) = session.respond("/words 3")
    assert isinstance(message, Message)
    assert [line.split()[-1] for line in message.text.splitlines()] == [w.text for w in words[:3]]
    assert message.text.startswith(f"{100 * words[0].probability:5.1f} %  aabbb")
    assert "[1, 50]" in transcript(session, "/words 0")


def test_a_word_being_typed_is_completed_from_the_text_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(next_words_module, "perf_counter", lambda: 0.0)
    session = random_session()
    transcript(session, "abc")
    state = session.conversation.generator.settle()
    words = session.conversation.complete_word("the ca", 4)
    assert session.conversation.generator.settle() is state
    twin = session.conversation.generator.fork()
    twin.feed("\nthe ca")
    from textgen.generation.next_words import next_words

    assert words == next_words(twin, 4, "ca")
    assert session.conversation.complete_word("\u017c ca", 1)[0].text.startswith("ca")


def test_an_edited_text_is_continued() -> None:
    texts, asked = ["", "new\ntext"], list[str]()

    def edit(text: str) -> str:
        asked.append(text)
        return texts.pop(0)

    session, engine = queued("one.", "two.", "tri.")
    assert transcript(session, "/edit") == "> /edit\n[/edit needs a terminal]\n"
    session = Session(session.conversation, edit=edit)
    transcript(session, "typed", "")
    assert transcript(session, "/edit", "/edit") == (
        "> /edit\n[there is no text to continue]\n> /edit\n(new\ntext)tri.\n"
    )
    assert asked == ["typed", "typed"]
    assert engine.seen[-1][0] == "typedone.two.\nnew\ntext"

    def fail(text: str) -> str:
        raise UsageError("no editor")

    session = Session(session.conversation, edit=fail)
    assert transcript(session, "/edit") == "> /edit\n[no editor]\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/un", ["/undo"]),
        ("/s", ["/score", "/set", "/seed", "/show", "/save"]),
        ("/set top_", ["/set top_k", "/set top_p"]),
        ("/set on_unknown s", ["/set on_unknown skip"]),
        ("/goto r", ["/goto rain", "/goto rose"]),
        ("/model f", ["/model few"]),
        ("/model ", ["/model random-0", "/model random-1", "/model few"]),
        ("/score ", ["/score all"]),
        ("text", []),
    ],
)
def test_commands_settings_names_and_runs_are_completed(line: str, expected: list[str]) -> None:
    session = random_session()
    transcript(session, "/branch rain", "/branch rose")
    assert session.completions(line) == expected


def test_the_status_line_tells_of_the_last_turn_and_fits() -> None:
    session, _ = queued("at sat o", length=8)
    conversation = session.conversation
    assert status_line(conversation, 80) == "temperature 0.8 | seed 3"
    transcript(session, "the c")
    turn = replace(conversation.tree.current, seconds=0.004)
    conversation.tree.turns[1] = turn
    conversation.go(turn)
    assert conversation.known_copy(turn) is None
    assert conversation.longest_copy(turn) == 8
    whole = "temperature 0.8 | seed 3 | 2,000 characters/s | 1.00 bits/character | copied 8"
    assert status_line(conversation, 80) == whole
    assert status_line(conversation, 40) == "T0.8 seed 3 2000/s 1.00b c8"
    assert status_line(conversation, 20) == "T0.8 seed 3 2000/s \u2026"


def test_copies_are_not_looked_for_without_a_training_text_or_in_one_too_large() -> None:
    session = random_session()
    transcript(session, "abc")
    assert session.conversation.longest_copy(session.conversation.tree.current) is None
    session, _ = queued("at s")
    transcript(session, "the c")
    from textgen.session import conversation

    large = np.zeros(conversation.MAX_TRAINING_BYTES + 1, np.uint8)
    session.conversation.model.training_tokens = lambda: large  # type: ignore[method-assign]
    assert session.conversation.longest_copy(session.conversation.tree.current) is None


def test_surprise_is_shown_in_marks_or_colours_and_drives_no_terminal() -> None:
    text, bits = "ab\u754c\tc\n\x1bd", [0.5, 1.5, 3.0, 5.0, 9.0, 12.0, 0.0, 2.0]
    assert format_surprise(text, bits, 80, colours=False) == (
        "ab\u754c\u2409c\u21b5\n.13 59+\n\u241bd\n.2\n"
        "below each character: its surprise in bits (. is less than 1, + is 10 or more)\n"
        "4.125 bits per character, 8 characters"
    )
    narrow = format_surprise("abcdef", [1.0] * 6, 4, colours=False)
    assert narrow.startswith("abcd\n1111\nef\n11\n")
    coloured = format_surprise(text, bits, 80, colours=True)
    assert coloured.startswith(
        "a\x1b[30;46mb\x1b[0m\x1b[30;42m\u754c\x1b[0m\x1b[30;43m\u2409\x1b[0m"
        "\x1b[37;41mc\u21b5\x1b[0m\n\u241b\x1b[30;42md\x1b[0m\nsurprise in bits:"
    )
    assert "0-1" in coloured
    assert "7 or more" in coloured
    assert json.dumps(coloured).count("\\u001b[") == coloured.count("\x1b[")


def test_the_parts_of_a_long_work_grow_and_shrink_with_the_time_that_they_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(prefill, "perf_counter", lambda: now)
    sizes = []
    for part in prefill.parts_of(1000):
        sizes.append(min(part.stop, 1000) - part.start)
        now += 0.001 * (part.stop - part.start) if part.start < 100 else 0.03
    assert sizes[:3] == [16, 32, 32]
    assert sum(sizes) == 1000
    now, slow = 0.0, []
    for part in prefill.parts_of(40):
        slow.append(part.stop - part.start)
        now += 0.01 * slow[-1]  # 16 take four times as long as they should
    assert slow[:4] == [16, 8, 4, 4]
    assert [*prefill.parts_of(0)] == []


@pytest.mark.parametrize("before", range(12, 18))
def test_characters_that_are_read_with_their_neighbours_are_not_cut_apart(before: int) -> None:
    # A vowel with its mark, and a line's end of two characters, at the end of the first part.
    for rule, text in (("nearest", "e\u0301 x"), ("nearest", "\r\nx"), ("skip", "\u017cx")):
        session, twin = random_session(), MODELS["random-0"].generator(seed=5)
        transcript(session, f"/set on_unknown {rule}")
        typed = "a" * before + text
        turn = (transcript(session, typed), session.conversation.tree.current)[1]
        chosen: OnUnknown = "nearest" if rule == "nearest" else "skip"
        twin.feed(typed, chosen)
        assert turn.read == VOCABULARY.decode(VOCABULARY.encode(typed, chosen))
        for layer, other in zip(turn.prompted.recurrent, twin.settle().recurrent, strict=True):
            assert layer.hidden.tobytes() == other.hidden.tobytes()


def test_what_could_not_be_loaded_is_not_saved() -> None:
    session = random_session()
    answer = transcript(session, "abc", "/set length 99999999999999999999")
    assert "[length must be a whole number in [1, 1000000000], got 99999" in answer
    session.conversation.length = 2**63
    assert "[length must be a whole number" in transcript(session, "/save s.json")
    assert not Path("s.json").exists()
    session.conversation.length = 5
    conversation = session.conversation
    list(conversation.restore(replace(conversation.saved(), writings=MAX_SEED)))
    transcript(session, "", "/save s.json")
    assert "[loaded 2 turns; " in transcript(random_session(), "/load s.json")
    assert conversation.saved().writings == 0


# What a session from anywhere may hold in the place of anything.
WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 1e308, MAX_SEED, "", "x", "\n\x1b[2J", [], [1], [[0, 1]], [["a"]], {},
    {"a": 1}, json.loads("[" * 300 + "]" * 300),
)  # fmt: skip


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in inner:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


@pytest.mark.slow
def test_a_session_with_anything_in_any_place_gives_a_message() -> None:
    session = random_session(length=3)
    transcript(session, "abc", "/branch here", "", "/undo", "/set stop xy,z", "/save s.json")
    content = json.loads(Path("s.json").read_text())
    refused = 0
    for path in places(content):
        for wrong in WRONG:
            changed = json.loads(json.dumps(content))
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = wrong
            Path("t.json").write_bytes(encode_json(changed))
            *_, message = random_session(length=3).respond("/load t.json")
            assert isinstance(message, Message)
            assert len(message.text) < 1100
            assert "\n" not in message.text
            assert "\x1b" not in message.text
            refused += "is damaged" in message.text
    assert refused > 300


def test_names_of_a_session_from_anywhere_are_shown_on_one_line() -> None:
    session = random_session(length=3)
    transcript(session, "abc", "/save s.json")
    content = json.loads(Path("s.json").read_text())
    content["names"] = {"two\nlines\x1b": 1, "long" * 1000: 0, "fine": 1}
    content["model"] |= {"run": "run\nof\x1b" + "x" * 5000, "weights": "other"}
    Path("s.json").write_bytes(encode_json(content))
    about, _ = [part for part in session.respond("/load s.json") if isinstance(part, Message)]
    assert "another model, run of\u241bxxx" in about.text
    assert len(about.text) < 300
    session.columns = 1000
    tree, *rest = [*session.respond("/tree"), *session.respond("/goto nowhere")]
    assert isinstance(tree, Message)
    assert len(tree.text.splitlines()) == 2
    assert "[fine] [two lines\u241b]" in tree.text
    assert len(tree.text) < 300
    assert isinstance(rest[0], Message)
    assert "\n" not in rest[0].text
    assert len(rest[0].text) < 300
    assert session.completions("/goto ") == ["/goto fine"]


def test_the_indents_of_a_deep_tree_leave_room_for_its_turns() -> None:
    session = random_session(length=1)
    for _ in range(60):
        transcript(session, "deep", "/regen")
    (message,) = session.respond("/tree")
    assert isinstance(message, Message)
    lines = message.text.splitlines()
    assert len(lines) == 121
    assert all("deep" in line for line in lines[1:])
    assert lines[-1].startswith("* \u2026 ")
    assert max(map(len, lines)) <= 80


def test_what_a_command_does_not_take_is_not_passed_over() -> None:
    session, _ = queued("one.", "two.")
    transcript(session, "text", "")
    alone = [each.name for each in COMMANDS.values() if not each.arguments]
    assert len(alone) == 10
    for name in alone:
        assert transcript(session, f"{name} 3") == (
            f"> {name} 3\n[{name} takes no argument, got '3']\n"
        )
    assert session.running
    assert session.conversation.tree.current.number == 2
    assert transcript(session, "/undo ") == "> /undo \n[undid the last turn; 1 turn left]\n"


def test_several_texts_end_a_text_and_a_comma_may_be_one_of_them() -> None:
    session = random_session()
    answer = transcript(session, "/set stop a,b", "/set stop a\\,b,\\u002c,\\\\,c")
    assert answer.startswith("> /set stop a,b\n[stop: a,b]\n")
    assert answer.endswith("[stop: a\\,b,\\,,\\\\,c]\n")
    assert session.conversation.settings.stop == ("a,b", ",", "\\", "c")


@pytest.mark.parametrize(
    "text",
    [
        "off",
        " off ",
        "a,b",
        "\\",
        "\\n",
        "\n",
        "\t\r",
        " ",
        ",",
        "\\,",
        "\u00a0\u2028\x1b",
        "\\u002c",
    ],
)
def test_what_is_shown_of_a_setting_can_be_typed_again(text: str) -> None:
    settings = SamplingSettings(
        temperature="1,0.5,0.2",
        top_k=3,
        top_p=0.3,
        min_p=1e-7,
        max_copy=9,
        forbid=text,
        only=text,
        starts=(text.replace("\n", "n"), "x"),
        stop=(text,),
    )
    for each in (settings, SamplingSettings(), SamplingSettings(stop=(text, "off"))):
        for name in NAMES:
            if hasattr(each, name) and name != "words":
                value = getattr(each, name)
                shown = format_control(name, value)
                assert replace(each, **{name: parse_control(name, shown)}) == each
                assert "\n" not in shown
                assert "\r" not in shown


def test_another_run_may_come_while_copies_are_looked_for() -> None:
    session, _ = queued("at s")
    transcript(session, "the c")
    conversation = session.conversation

    def tokens() -> NDArray[np.int32]:
        list(conversation.switch(conversation.model))
        return VOCABULARY.encode("the cat sat on the mat")

    conversation.model.training_tokens = tokens  # type: ignore[method-assign]
    assert conversation.longest_copy(conversation.tree.current) == 4
