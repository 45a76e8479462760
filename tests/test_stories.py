"""The nine stories: their page, their program, and what they count."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer

import textgen
from textgen.data.vocabulary import END, Vocabulary
from textgen.evaluation.baselines import ngram_probabilities
from textgen.settings import SamplingSettings
from textgen.terminal.cli import app
from textgen.workflows.load import load_model

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "stories.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.fixture
def measures() -> ModuleType:
    import story_measures

    return story_measures


def commands_of_the_page() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line.split(" | ")[-1] for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("textgen ")]


def test_every_command_of_the_page_is_one_and_reads_a_run_trained_before_it() -> None:
    trained: set[str] = set()
    seen = set()
    for name, *arguments in commands_of_the_page():
        given = COMMANDS[name].make_context(name, list(arguments)).params
        seen.add(name)
        if name == "train":
            (corpus,) = given["corpus"]
            trained.add(given["run"] or str(corpus))
        else:
            named = given["arguments"] if "arguments" in given else given.get("runs")
            runs = [*(named or [given.get("run")]), *(given.get("model") or [])]
            assert any(run and run.split("=")[-1] in trained for run in runs), arguments
    assert seen >= {"train", "sample", "repl"}


def test_the_page_has_the_stories_that_the_program_tells() -> None:
    import stories

    told = re.findall(r"^\| (\w+) \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)
    assert list(dict.fromkeys(told)) == list(stories.STORIES)
    assert len(re.findall(r"^## \d\. ", PAGE, re.MULTILINE)) == len(stories.STORIES)
    done = subprocess.run(
        ["make", "--dry-run", "stories"], cwd=ROOT, capture_output=True, text=True
    )
    assert "python benchmarks/stories.py" in done.stdout


@pytest.mark.slow
def test_a_story_is_trained_measured_and_printed_as_a_table(own_folder: Path) -> None:
    runs = own_folder / "runs"
    script = [sys.executable, str(ROOT / "benchmarks" / "stories.py"), "--quick", "--runs"]
    done = subprocess.run(
        [*script, str(runs), "--stories", "names"], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    told, table = done.stdout.split("|---|---|---|\n")
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    assert ["names", "network", "1x8, 2 steps, best at step 2"] in rows
    assert all(f"{name}: {what}: {value}\n" in told for name, what, value in rows)
    assert (runs / "names" / "run.json").is_file()


def held_out(text: str, split: int) -> Any:
    """What the measures read of a model: its text, and where it is divided."""
    vocabulary = Vocabulary("".join(sorted({*text})))
    tokens = vocabulary.encode(text)
    settings = SimpleNamespace(vocab_size=len(vocabulary))
    return SimpleNamespace(
        training_tokens=lambda: tokens[:split],
        validation_tokens=lambda: tokens[split:],
        config=SimpleNamespace(vocabulary=vocabulary, settings=settings),
    )


def test_lines_held_out_are_whole_and_not_among_those_trained_on(measures: ModuleType) -> None:
    text = "ann\nbob\ncarla\nbob\ndan\n"
    model = held_out(text, split=text.index("rla"))
    assert measures.texts_of(model) == ("ann\nbob\nca", "rla\nbob\ndan\n")
    assert measures.lines_of(model) == (["ann", "bob"], ["dan"])


@pytest.mark.parametrize("order", [1, 3])
def test_lines_among_others_are_as_surprising_as_by_themselves(
    measures: ModuleType, order: int
) -> None:
    known, lines = ["anna", "nana", "ann", "banana"], ["nan", "b", "anna"]
    model = held_out("\n".join(known), split=5)
    gap, encode = "\n" * order, model.config.vocabulary.encode
    counted = encode(gap + "".join(line + gap for line in known))
    expected = []
    for line in lines:
        read = encode(gap + line + "\n")
        *_, (found, _) = ngram_probabilities(counted, read, len(model.config.vocabulary), order)
        expected.append(-np.log2(found[order - 1 :]).mean())
    assert measures.ngram_bits(model, order, known, lines) == pytest.approx(expected)


def test_random_strings_have_the_lengths_and_letters_of_words(measures: ModuleType) -> None:
    words = ["Ab", "Cddd"]
    drawn = measures.random_strings(words, 200, np.random.default_rng(0))
    assert {len(word) for word in drawn} == {2, 4}
    assert {word[0] for word in drawn} == {"A", "C"}
    assert {*"".join(word[1:] for word in drawn)} == {"b", "d"}
    # Three of four letters that are no capitals are d: off by 0.12 once in a million times.
    rest = "".join(word[1:] for word in drawn)
    assert abs(rest.count("d") / len(rest) - 0.75) < 0.12


def test_tunes_are_measured_by_their_notes_and_not_by_their_headers(measures: ModuleType) -> None:
    head = "X:1\nT:A tune\nM:{}\nL:1/8\nK:{}\n"
    scale = "CDEF GABc|c4 B4|CDEF GABc|B4 c4|]"
    known = head.format("4/4", "C") + "G8|" + scale
    tunes = [
        (head.format("4/4", "C") + scale, "4/4", "C"),
        (head.format("6/8", "C") + scale, "4/4", "C"),  # the header errs
        (head.format("4/4", "C") + scale, "6/8", "C"),
        (head.format("4/4", "C") + scale, "4/4", "Gmix"),
        (head.format("4/4", "C") + scale.replace("B4 c4", "B4 g4"), "4/4", "C"),  # G mixolydian
        (known.replace("X:1", "X:7"), "4/4", "C"),  # only the number is new
        (head.format("4/4", "C") + "nonsense", "4/4", "C"),
    ]
    written = [measures.Written(*tune, longest_copy=place) for place, tune in enumerate(tunes)]
    assert dict(measures.tune_figures(written, f"{END}{known}{END}")) == {
        "tunes that parse": "85.7 % (6 of 7)",
        "each repeat that begins also ends": "85.7 % (6 of 7)",
        "every bar adds up to the meter asked for": "71.4 % (5 of 7)",
        "single bars that do, but for the first and the last": "84.6 % (11 of 13)",
        "the notes are in the key asked for": "57.1 % (4 of 7)",
        "the notes are in one of the 1 other keys": "28.6 % (2 of 7)",
        "both the meter and the key asked for": "42.9 % (3 of 7)",
        "the header names both": "57.1 % (4 of 7)",
        "the second line begins as the first does": "0.0 % (0 of 7)",
        "tunes whose notes are new": "85.7 % (6 of 7)",
        "lines of notes that are new": "85.7 % (6 of 7)",
        "longest run copied: median and most": "3 and 6 characters",
    }


def test_a_line_answers_that_begins_with_the_bar_of_another(measures: ModuleType) -> None:
    assert measures.music_of("X:1\nK:C\nA|\nB|]") == "A|\nB|]"
    for music, is_answered in {
        "a|b|c|d|\na|b|e|f|\ng|h|i|j|\na|b|e|f|]": True,
        "p|a|b|c|d|\na|b|e|f|\ng|h|i|j|\na|b|e|f|]": True,  # after a pickup
        "|:a|b|c|d|\na|b|e|f:|\n|:g|h|i|j|\na|b|e|f:|": True,
        "a|b|c|d|\nb|b|e|f|\na|h|i|j|\na|b|e|f|]": False,
        "a|b|c|d|\na|b|e|f|]": False,
        "": False,
    }.items():
        assert measures.answers(music) == is_answered, music


def test_an_answer_is_right_to_the_letter(tiny_run: Path, measures: ModuleType) -> None:
    generator = textgen.load()
    generator.feed("\nthe ")
    answer = generator.generate(measures.LONGEST_ANSWER, SamplingSettings(temperature=0)).text
    answer = answer.split("\n")[0]
    pairs = [("the ", answer), ("the ", f"{answer}x"), ("the ", answer[:-1])]
    assert measures.right_answers(load_model(None), pairs) == 1


def test_a_word_that_is_offered_costs_one_keystroke(measures: ModuleType) -> None:
    read: list[str] = []
    reader = SimpleNamespace(feed=read.append)

    def count(text: str, before: str = "", **words: str) -> int:
        read.clear()
        found = measures.keystrokes(reader, before, text, lambda _, stem: [words.get(stem, "?")])
        assert "".join(read) == text
        return int(found)

    assert count("the fox ran.") == 12
    assert count("the fox ran.", r="ran") == 11  # r, and the rest of it
    assert count("the fox ran.", ra="ran") == 12  # n is typed as quickly as it is taken
    assert count("the fox ran.", th="then", f="fo") == 12  # other words, or parts, are none
    assert count("'tis I-", **{"'": "'tis"}) == 5
    assert count("x ran", before="fo", fo="fox") == 5  # a character was missing: typed
    assert count("xes ran", before="fo", fo="foxes") == 5
