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


@pytest.mark.slow
@pytest.mark.parametrize("columns", [20, 40, 60, 80, 100])
def test_no_help_breaks_a_word_or_leaves_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    page = help_of(capsys, monkeypatch, "", columns)
    assert max(map(width, page.split("\n"))) <= columns
    for name, command in COMMANDS.items():
        assert command.help.split("\n")[0] in " ".join(page.split())
        own_page = help_of(capsys, monkeypatch, name, columns)
        assert max(map(width, own_page.split("\n"))) <= columns, name
        # Of a list of choices, each choice counts as a word.
        words = {*own_page.replace("|", " ").split()}
        for parameter in command.params:
            assert {*parameter.help.replace("|", " ").split()} <= words, name
            shown = (parameter.metavar or "").replace("|", " ").split()
            assert {*parameter.opts} & words or (shown and {*shown} <= words), name


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


@pytest.mark.slow
def test_arguments_are_named_without_their_types(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in COMMANDS:
        page = help_of(capsys, monkeypatch, name, 100)
        assert "list[" not in page, name
        if "Arguments:" in page:
            assert "<" not in page[page.index("Arguments:") : page.index("Options:")], name
