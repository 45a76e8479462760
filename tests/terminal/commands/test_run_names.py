"""Which run a command uses, and which of its arguments are texts."""

import re
from pathlib import Path

import pytest

from textgen.errors import CorpusError, RunNotFoundError, UsageError
from textgen.terminal.cli import run_command
from textgen.terminal.commands.run_names import one_run, runs_and_sources, several_runs


def test_a_run_is_named_by_argument_or_option_but_once() -> None:
    assert one_run(None, None) is None
    assert one_run("a", []) == one_run(None, ["a"]) == "a"
    for run, model in (("a", ["b"]), (None, ["a", "b"])):
        with pytest.raises(UsageError, match="is for one run, got 2: a, b"):
            one_run(run, model)


def test_several_runs_are_named_by_arguments_options_or_both() -> None:
    assert several_runs(None, None) == [None]
    assert several_runs(["a"], ["b", "c"]) == ["a", "b", "c"]
    assert several_runs(None, ["b"]) == ["b"]
    with pytest.raises(UsageError, match="at most 2 runs, got 3"):
        several_runs(["a"], ["b", "c"], most=2)


@pytest.fixture
def some_runs_and_texts(own_folder: Path) -> None:
    for name in ("fox", "poems", "fables"):
        run = own_folder / "checkpoints" / name
        run.mkdir(parents=True)
        (run / "run.json").write_text("{}")
    (own_folder / "poems").mkdir()
    (own_folder / "a.txt").write_text("a")


@pytest.mark.usefixtures("some_runs_and_texts")
@pytest.mark.parametrize(
    ("arguments", "model", "runs", "sources"),
    [
        ([], [], [None], []),
        (["fox"], [], ["fox"], []),
        (["fox", "a.txt", "-"], [], ["fox"], ["a.txt", "-"]),
        (["checkpoints/fox", "a.txt"], [], ["checkpoints/fox"], ["a.txt"]),
        (["a.txt", "fox"], [], [None], ["a.txt", "fox"]),
        (["-"], [], [None], ["-"]),
        (["poems"], ["fox"], ["fox"], ["poems"]),
        (["./poems"], [], [None], ["poems"]),
        (["fox"], ["poems", "fox"], ["poems", "fox"], ["fox"]),
        (["names"], [], [None], ["names"]),
        (["fables"], [], ["fables"], []),
        (["poems", "a.txt"], [], ["poems"], ["a.txt"]),
        (["poems", "-"], [], ["poems"], ["-"]),
    ],
)
def test_the_first_argument_is_a_run_if_it_names_one_and_no_text(
    arguments: list[str], model: list[str], runs: list[str | None], sources: list[str]
) -> None:
    assert runs_and_sources(*arguments[:1] or [None], arguments[1:], model) == (
        runs,
        [*map(Path, sources)],
    )


@pytest.mark.usefixtures("some_runs_and_texts")
def test_a_first_argument_that_is_both_or_neither_is_refused() -> None:
    with pytest.raises(UsageError, match="'poems' is a run and a text; name the run with --model"):
        runs_and_sources("poems", None, None)
    with pytest.raises(RunNotFoundError, match="no run named 'fax'"):
        runs_and_sources("fax", None, None)
    with pytest.raises(CorpusError, match=r"^text 'b.txt': there is no such file, folder or run"):
        runs_and_sources("b.txt", None, None)


@pytest.mark.usefixtures("some_runs_and_texts")
def test_a_second_run_in_place_of_a_text_is_refused_with_what_to_type() -> None:
    (Path("checkpoints") / "my run").mkdir()
    (Path("checkpoints") / "my run" / "run.json").write_text("{}")
    with pytest.raises(UsageError, match=r"'my run' is a run, .* --model fox --model 'my run' "):
        runs_and_sources("fox", ["my run", "a.txt"], None)
    assert runs_and_sources("fox", ["poems"], None) == (["fox"], [Path("poems")])


@pytest.mark.parametrize(
    "command",
    [
        "check",
        "train",
        "train fox.txt --validation",
        "train fox.txt --from",
        "train --resume",
        "score",
        "score fox",
        "evaluate fox",
        "classify a=fox b=fox",
        "sample",
        "sample --model",
        "sample --prompt-file",
        "sample --words",
        "plot fox -o",
        "inspect fox text -o",
        "repl",
        "info",
    ],
)
def test_an_empty_name_is_not_the_current_folder_or_the_newest_run(
    tiny_run: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert run_command([*command.split(), ""]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert re.fullmatch(r"textgen: the name of a (run|file or folder) is empty; .*\n", told.err)
