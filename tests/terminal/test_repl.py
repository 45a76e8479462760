"""The session as whole transcripts, with a model whose words are queued; then on a terminal."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pexpect
import pytest
from numpy.typing import NDArray

from tests.conftest import textgen
from textgen.data.vocabulary import Vocabulary
from textgen.generation.engines import Standing, Written
from textgen.generation.generator import Generator
from textgen.generation.sampler import Sampler
from textgen.generation.sampling import Draws
from textgen.settings import SamplingSettings
from textgen.terminal.repl import HELP, Message, Session

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


def session_of(*texts: str, length: int = 4) -> tuple[Session, QueuedEngine]:
    engine: Any = QueuedEngine(*texts)
    generator = Generator(engine, VOCABULARY, "\n", seed=3)
    return Session(generator, SamplingSettings(), length=length), engine


def transcript(session: Session, *lines: str) -> str:
    """Hold a conversation and return it as it would stand on a screen."""
    shown = []
    for line in lines:
        shown.append(f"> {line}\n")
        for piece in session.respond(line):
            shown.append(f"[{piece.text}]\n" if isinstance(piece, Message) else piece)
        if not shown[-1].endswith("\n"):
            shown.append("\n")
    return "".join(shown)


def test_a_conversation() -> None:
    session, engine = session_of("at. ", "ats.", "end.", "new.", "ago.")
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
        "/bye",
    ) == (
        "> the c\n"
        "at. \n"
        "> \n"
        "ats.\n"
        "> /undo\n"
        "[took the last turn back; 1 turn left]\n"
        "> a dog\n"
        "end.\n"
        "> /regen\n"
        "new.\n"
        "> /set temperature 0.5\n"
        "[temperature 0.5]\n"
        "> /undo\n"
        "[took the last turn back; 1 turn left]\n"
        "> /undo\n"
        "[took the last turn back; 0 turns left]\n"
        "> /undo\n"
        "[there is nothing to take back]\n"
        "> /clear\n"
        "[forgot all text]\n"
        "> long\n"
        "ago.\n"
        "> /bye\n"
    )
    # What the model had read each time, which of the seed's samples it drew, how daringly.
    assert engine.seen == [
        ("the c", 0, 0.8),
        ("the cat. ", 1, 0.8),
        ("the cat. \na dog", 2, 0.8),
        ("the cat. \na dog", 3, 0.8),
        ("long", 4, 0.5),
    ]
    assert not session.running


def test_settings_are_changed_shown_and_guarded() -> None:
    session, _ = session_of()
    assert transcript(
        session,
        "/set top_k 5",
        "/set top_p 1.5",
        "/set top_p x",
        "/set top_k 1.5",
        "/set tempratur 1",
        "/set length 0",
        "/set length 9",
        "/set seed 77",
        "/set on_unknown skip",
        "/set on_unknown maybe",
        "/set top_k",
        "/show",
    ) == (
        "> /set top_k 5\n[top_k 5]\n"
        "> /set top_p 1.5\n[top_p must be a number in (0, 1], got 1.5]\n"
        "> /set top_p x\n[top_p must be a number, got 'x']\n"
        "> /set top_k 1.5\n[top_k must be a whole number, got '1.5']\n"
        "> /set tempratur 1\n[there is no setting 'tempratur'; did you mean temperature?]\n"
        "> /set length 0\n[length must be a whole number of at least 1, got 0]\n"
        "> /set length 9\n[length 9]\n"
        "> /set seed 77\n[seed 77]\n"
        "> /set on_unknown skip\n[on_unknown skip]\n"
        "> /set on_unknown maybe\n[on_unknown must be error, skip or replace, got 'maybe']\n"
        "> /set top_k\n[/set takes a name and a value, as in /set temperature 0.8]\n"
        "> /show\n[temperature 0.8\ntop_k 5\ntop_p 1.0\nmin_p 0.0\n"
        "length 9\nseed 77\non_unknown skip]\n"
    )


def test_commands_begin_with_a_slash_and_nothing_else_does() -> None:
    session, engine = session_of("one.", "two.")
    shown = transcript(session, "help", "/hepl", "/help", "//etc", "/regne", "/")
    assert "[there is no command /hepl; did you mean /help?; /help lists them]" in shown
    assert f"[{HELP}]" in shown
    assert "[there is no command /regne; did you mean /regen?" in shown
    assert [text for text, _, _ in engine.seen] == ["help", "helpone.\n/etc"]


def test_every_command_stands_in_the_help() -> None:
    session, _ = session_of()
    for name in session.commands:
        assert f"  {name} " in HELP


def test_an_unknown_character_is_explained_and_the_session_goes_on() -> None:
    session, engine = session_of("one.", "two.")
    shown = transcript(session, "a\u017cb", "ab", "a\u017cb", "/set on_unknown replace", "\u017c")
    assert (
        shown.count("[the model does not know the character '\u017c' (U+017C) at position 2") == 2
    )
    assert [text for text, _, _ in engine.seen] == ["ab", "abone.\n\ufffd"]


def test_stopped_text_stays_and_the_next_turn_follows_it() -> None:
    session, engine = session_of("abcdefgh", "two.", length=8)
    reply = session.respond("x")
    assert [next(reply), next(reply)] == ["ab", "cd"]
    reply.close()
    assert session.generator.state.recurrent == ("xabcd",)
    engine.texts.pop(0)
    engine.is_new = True
    session.length = 4
    transcript(session, "y")
    assert engine.seen[-1][0] == "xabcd\ny"
    transcript(session, "/undo", "/undo")
    assert session.generator.state.recurrent == ("",)


def test_a_long_line_can_be_stopped_while_it_is_read_and_then_leaves_no_trace() -> None:
    session, engine = session_of("end.", "end.")
    reply = session.respond("ab" * 600)
    assert [next(reply), next(reply)] == ["", ""]
    assert len(session.generator.state.recurrent[0]) == 1000
    reply.close()
    assert session.generator.state.recurrent == ("",)
    transcript(session, "ab" * 600)
    assert engine.seen == [("ab" * 600, 0, 0.8)]


def test_without_a_terminal_lines_are_read_and_plain_text_is_written(tiny_run: Path) -> None:
    lines = "the quick\n/set temperature 0\nthe\n/oops\nZ\n"
    done = textgen("repl", "fox", "--seed", "1", "--length", "12", input=lines)
    assert done.returncode == 0
    first, *rest = done.stdout.splitlines()
    assert first.startswith("the quick")
    assert len(first) + len("\n".join(rest)) >= len("the quickthe") + 24
    assert "\x1b" not in done.stdout + done.stderr
    assert "temperature 0\n" in done.stderr
    assert "there is no command /oops" in done.stderr
    assert "does not know the character 'Z'" in done.stderr
    assert "Z" not in done.stdout
    again = textgen("repl", "fox", "--seed", "1", "--length", "12", "-q", input=lines)
    # Only the greeting is left out: errors and answers are what one asked for.
    assert (again.stdout, again.stderr) == (done.stdout, done.stderr.split("\n", 1)[1])


def test_on_a_terminal_ctrl_c_stops_the_text_and_ctrl_d_leaves(tiny_run: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "textgen", "repl", "fox", "--length", "10000000", "--seed", "1"],
        encoding="utf-8",
        timeout=30,
        dimensions=(24, 80),
        env=os.environ | {"PROMPT_TOOLKIT_NO_CPR": "1"},  # nobody answers where the cursor is
    )
    child.expect("/help for help")
    child.expect(">")
    child.send("the dog\r")
    child.expect(r"\w+ \w+ \w+")
    child.sendintr()
    child.expect(">")
    child.send("/set length 5\r")
    child.expect("length 5")
    child.expect(">")
    child.send("/undo\r")
    child.expect("0 turns left")
    child.expect(">")
    child.sendintr()
    child.expect("Ctrl-D leaves")
    child.expect(">")
    child.send("\x04")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.parametrize("run", ["nope"])
def test_an_unknown_run_ends_with_code_4(tiny_run: Path, run: str) -> None:
    done = textgen("repl", run, input="")
    assert done.returncode == 4
    assert "no run named 'nope'" in done.stderr
