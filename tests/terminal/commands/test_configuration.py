from pathlib import Path
from typing import Any

import pytest
import typer

from textgen.errors import UsageError
from textgen.terminal.cli import app
from textgen.terminal.commands.configuration import SWITCHES, TEXTS, Option, defaults, options_of
from textgen.terminal.commands.configuration_file import Table

GROUP: Any = typer.main.get_command(app)
COMMANDS = {
    name: options_of(command.callback, command.params) for name, command in GROUP.commands.items()
}


def table(command: str = "", *, is_local: bool = True, **values: Any) -> Table:
    named = {name.replace("_", "-"): value for name, value in values.items()}
    lines = dict.fromkeys(named, 7) | {"": 6}
    return Table(Path("textgen.toml"), is_local, command, named, lines)


def found(command: str, *tables: Table, given: tuple[str, ...] = ()) -> dict[str, Any]:
    taken = defaults(tables, COMMANDS, command, {*given})
    return {name: one.value for name, one in taken.items()}


def test_the_later_table_wins_and_the_command_line_over_all() -> None:
    tables = table(length=1), table("sample", length=2), table(length=3)
    assert [found("sample", *tables[:n]) for n in (1, 2, 3)] == [
        {"length": 1}, {"length": 2}, {"length": 3}
    ]  # fmt: skip
    assert found("repl", *tables[:2]) == {"length": 1}
    assert found("sample", *tables, given=("length",)) == {}


def test_what_holds_for_all_goes_to_the_commands_that_have_it() -> None:
    common = table(minutes=5, quiet=True, progress="none")
    assert found("train", common) == {"minutes": 5.0, "quiet": True, "progress": "none"}
    assert found("runs", common) == {"quiet": True, "progress": "none"}
    assert found("corpora", common) == {"quiet": True}


def test_values_become_what_the_command_takes() -> None:
    values = table(
        "sample", temperature=0.5, seed=3, stop="END", echo=False, engine="jax", top_p=1, only="05"
    )
    assert found("sample", values) == {
        "temperature": "0.5",
        "seed": 3,
        "stop": ["END"],
        "echo": False,
        "engine": "jax",
        "top_p": 1.0,
        "only": "05",
    }
    assert found("sample", table("sample", label=["a=b", "c=d"])) == {"label": ["a=b", "c=d"]}
    assert found("classify", table("classify", label="a")) == {"label": ["a"]}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (table("tarin", minutes=5), "line 6: there is no command 'tarin'; did you mean train?"),
        (table("train", minuts=5), "line 7: textgen train has no option 'minuts'; did you mean"),
        (table(minuts=5), "line 7: there is no option 'minuts'; did you mean minutes?"),
        (table("sample", name="x"), "textgen sample has no option 'name'"),
        (table("train", steps="5"), "line 7: steps must be a whole number, got '5'"),
        (table("train", steps=5.0), "steps must be a whole number, got 5.0"),
        (table("train", steps=True), "steps must be a whole number, got true"),
        (table("train", minutes="x"), "minutes must be a number, got 'x'"),
        (table("train", cell="lstn"), "cell must be one of lstm, gru, rnn, got 'lstn'"),
        (table("train", cell=["gru"]), "cell must be one of lstm, gru, rnn, got ['gru']"),
        (table("sample", prompt=True), "prompt must be text, got true"),
        (table("sample", stop=[1, {}]), "stop must be text, got {}"),
        (table("sample", echo="no"), "echo must be true or false, got 'no'"),
        (table(quiet=1), "quiet must be true or false, got 1"),
    ],
)
@pytest.mark.parametrize("command", ["train", "runs"])
def test_what_is_wrong_is_told_whichever_command_runs(
    wrong: Table, message: str, command: str
) -> None:
    with pytest.raises(UsageError) as caught:
        found(command, wrong)
    assert str(caught.value).startswith("textgen.toml, line ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "dangerous",
    [
        table("runs", delete=True),
        table("export", force=True),
        table("plot", output="/home/x/.bashrc"),
        table("proofread", fix="x"),
        table("train", run="/tmp/x"),
        table("train", resume="x"),
        table("train", validation="/etc/passwd"),
        table("sample", model="x"),
        table("sample", words="/etc/passwd"),
        table("sample", learn_from="/etc/passwd"),
    ],
)
def test_a_file_of_the_folder_chooses_no_files_and_deletes_nothing(dangerous: Table) -> None:
    with pytest.raises(UsageError, match="line 7: a file of the current folder cannot set"):
        found("info", dangerous)
    trusted = Table(dangerous.path, False, dangerous.command, dangerous.values, dangerous.lines)
    assert len(found(dangerous.command, trusted)) == 1


def test_no_file_answers_a_question() -> None:
    for is_local in (True, False):
        with pytest.raises(UsageError, match="textgen runs has no option 'yes'"):
            found("runs", table("runs", is_local=is_local, yes=True))


def test_the_names_that_a_file_of_the_folder_may_or_may_not_set_exist() -> None:
    known = {one.name for options in COMMANDS.values() for one in options.values()}
    # Commands that are added may bring the rest.
    assert known >= TEXTS
    assert known >= SWITCHES - {"no_key"}


def test_the_command_line_leaves_out_what_contradicts_it() -> None:
    values = table("train", minutes=5, hidden_size=8, keep=2, seed=4, batch_size=16)
    assert found("train", values, given=("steps",)) == {
        "hidden_size": 8, "keep": 2, "seed": 4, "batch_size": 16
    }  # fmt: skip
    assert found("train", values, given=("resume",)) == {"keep": 2}
    assert found("train", values, given=("from_run",)) == {
        "minutes": 5.0, "keep": 2, "seed": 4, "batch_size": 16
    }  # fmt: skip
    assert found("train", table("train", steps=9), table("train", minutes=1)) == {"minutes": 1.0}


def test_a_value_is_shown_on_one_short_line() -> None:
    taken = defaults([table("sample", prompt="a\nb" + "c" * 99, echo=False)], COMMANDS, "sample")
    shown = [one.shown() for one in taken.values()]
    assert shown[0].startswith("prompt a")
    assert "\n" not in shown[0]
    assert len(shown[0]) <= len("prompt ") + 30
    assert shown[1] == "echo false"


def test_arguments_are_no_options() -> None:
    assert "name" not in COMMANDS["sample"]
    assert COMMANDS["train"]["dropout"] == Option(
        "dropout_rate", COMMANDS["train"]["dropout"].annotation, False
    )
