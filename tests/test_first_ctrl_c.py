"""The first Ctrl-C is heard in any work that takes long, and such work tells what it does."""

from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

from tests.conftest import TEXT, TINY
from tests.terminal.terminals import start
from textgen.session.conversation import Conversation
from textgen.session.session_file import write_session
from textgen.settings import SamplingSettings
from textgen.workflows.load import load_model

# A call outside of Python that takes minutes, and one that waits as long between two pieces.
HOOKS = """
import hashlib, sys, time
from textgen.terminal.cli import run_process

def computes(*_, **__):
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)

def waits(*_, **__):
    time.sleep(600)
"""
# Each piece of a text takes a twentieth of a second to read.
SLOW_READING = """
from textgen.generation.generator import Generator
feed = Generator.feed_tokens
Generator.feed_tokens = lambda *given: (time.sleep(0.05), feed(*given))[1]
"""
WORKS = {
    "reading": (
        "from textgen.data import gather; gather._Writer._flush = waits",
        ["train", "fox.txt", "--run", "r", *TINY],
        "reading the text, [0-9]+ s",
    ),
    "writing tokens": (
        "from textgen.data import token_writer; token_writer.TokenWriter._flush = waits",
        ["train", "fox.txt", "--run", "r", *TINY],
        "reading the text: 2,720 characters[a-z0-9, ]*, [0-9]+ s",
    ),
    "reading for evaluate": (
        "from textgen.terminal.commands import evaluate, text_input\n"
        "evaluate.text_chunks = lambda *_, **__: (waits() or 'a' for _ in range(9))",
        ["evaluate", "fox", "fox.txt"],
        "reading the text, [0-9]+ s",
    ),
    "looking up": (
        "from textgen.data.vocabulary import Vocabulary; Vocabulary.count_unknown = computes",
        ["evaluate", "fox", "fox.txt"],
        "looking up 2,720 characters, [0-9]+ s",
    ),
    "indexing for max-copy": (
        "from textgen.generation import copies; copies._hashes = waits",
        ["sample", "fox", "--max-copy", "5"],
        "indexing the training text for max-copy, once: 0%, [0-9]+ s",
    ),
    "indexing for a report": (
        "from textgen.workflows import sample\n"
        "sample.LEAST_KEPT = 0\n"
        "sample.open_index = lambda *_: (waits() for _ in range(1))",
        ["sample", "fox", "--json", "--length", "20"],
        "writing sample 1 of 1, [0-9]+ s",
    ),
    "evaluating": (
        "from textgen.evaluation.protocols import Evaluator; Evaluator.window = waits",
        ["evaluate", "fox"],
        "measuring LSTM 1x16, window",
    ),
    "counting n-grams": (
        "from textgen.workflows import evaluate; from textgen.evaluation import baselines\n"
        "evaluate.measure_network = lambda *_: iter(()); baselines._number = waits",
        ["evaluate", "fox"],
        "measuring n-gram models",
    ),
    "reading a prompt": (
        SLOW_READING,
        ["sample", "fox", "--engine", "numpy", "--prompt-file", "long.txt"],
        "reading the prompt, [0-9,]+ of 67,999 characters, [0-9]+ s",
    ),
    "starting JAX for a prompt": (
        "from textgen.generation import model; model._start_reader = waits",
        ["sample", "fox", "--engine", "jax", "--prompt-file", "long.txt"],
        "reading the prompt, 0 of 67,999 characters, [0-9]+ s",
    ),
    "compiling": (
        "from textgen.generation.model import Model; Model.jax_engine = waits",
        ["sample", "fox", "--engine", "jax"],
        "starting JAX and compiling the network, [0-9]+ s",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("work", WORKS)
def test_the_first_ctrl_c_ends_long_work_at_once(work: str, tiny_run: Path) -> None:
    hook, arguments, told = WORKS[work]
    Path("fox.txt").write_text(TEXT)
    Path("long.txt").write_text(TEXT * 25)
    code = f"{HOOKS}{hook}\nsys.argv = ['textgen', *{arguments!r}]\n"
    child = start(["-c", f"{code}from textgen.__main__ import main\nmain()\n"], 100)
    try:
        child.expect(told)
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()
    finally:
        child.close(force=True)
    assert child.exitstatus == 130
    assert not Path("checkpoints/r").exists()


def saved_session(written: str) -> None:
    """Save a session with a turn that somebody has written with the tiny run."""
    conversation = Conversation(load_model("fox"), SamplingSettings(), seed=1, length=5)
    for _ in conversation.continue_text("the"):
        pass
    saved = conversation.saved()
    turns = tuple(replace(one, written=written) for one in saved.turns)
    write_session(Path("s.json"), replace(saved, turns=turns))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hook", "times", "total"),
    [
        (SLOW_READING, 2, "5,443"),
        ("from textgen.generation import model; model._start_reader = waits", 10, "27,203"),
    ],
)
def test_a_session_tells_how_far_it_reads_and_hears_the_first_ctrl_c(
    hook: str, times: int, total: str, tiny_run: Path
) -> None:
    saved_session(TEXT * times)
    code = (
        f"{HOOKS}{hook}\nfrom textgen.terminal.display import progress_line\n"
        "progress_line.PROGRESS_SECONDS = 0.5\n"
        "sys.argv = ['textgen', 'repl', 'fox', '--length', '5', '--no-history']\n"
        "from textgen.__main__ import main\nmain()\n"
    )
    child = start(["-c", code], 100, TERM="dumb")
    try:
        child.expect("> ")
        child.send("/load s.json\r")
        child.expect(f"read [0-9,]+ of {total} characters")
        child.sendintr()
        child.expect("> ")
        child.send("/branch x\r")
        child.expect("named turn 0 .x.")
        child.send("/bye\r")
        child.expect(pexpect.EOF)
        child.close()
    finally:
        child.close(force=True)
    assert child.exitstatus == 0
