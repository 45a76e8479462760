import pytest
import typer

from textgen.readable import width
from textgen.terminal.cli import app, run_command
from textgen.terminal.display.help import HelpFormatter

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def help_of(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, columns: int
) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert run_command([*command.split(), "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_help_of_no_command_breaks_a_word_or_leaves_the_terminal(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    columns: int,
) -> None:
    page = help_of(capsys, monkeypatch, command, columns)
    assert max(map(width, page.split("\n"))) <= columns
    if not command:
        assert all(
            COMMANDS[name].help.split("\n")[0] in " ".join(page.split()) for name in COMMANDS
        )
        return
    # Of a list of choices, each choice counts as a word.
    words = page.replace("|", " ").split()
    for parameter in COMMANDS[command].params:
        assert {*parameter.help.replace("|", " ").split()} <= {*words}
        assert {*parameter.opts} & {*words} or parameter.metavar in words


def test_options_stand_beside_their_text_or_above_it() -> None:
    rows = [("--seed <int>", "Seed of the draws."), ("--on <error|nearest|replace>", "one-and-two")]
    wide, narrow = HelpFormatter(80), HelpFormatter(20)
    for page in (wide, narrow):
        with page.section("Options"):
            page.write_dl(rows)
    assert wide.getvalue().split("\n") == [
        "Options:",
        "  --seed <int>                  Seed of the draws.",
        "  --on <error|nearest|replace>  one-and-two",
        "",
    ]
    assert narrow.getvalue().split("\n") == [
        "Options:",
        "--seed <int>",
        "  Seed of the draws.",
        "--on <error|",
        "nearest|replace>",
        "  one-and-two",
        "",
    ]
