"""What commands print about runs fits terminals of any width."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from textgen.readable import width
from textgen.runs.run import Run
from textgen.runs.summary import summarise
from textgen.terminal.cli import run_command
from textgen.terminal.display.run_tables import format_summary

COMMANDS = (
    "info --no-lines",
    "runs",
    "verify",
    "corpora",
    "score one.txt --no-show --model fox --model other",
    "score one.txt --lines --model fox --model other",
    "score fox one.txt --show",
    "classify a=fox b=other one.txt",
    "classify a=fox b=other one.txt --lines",
)
# Hashes and paths are wider than a narrow terminal, and so are broken.
LONG = re.compile(r"\S{18,}")


@pytest.mark.slow
@pytest.mark.parametrize("columns", [20, 40, 60, 100])
def test_no_table_leaves_the_terminal_and_no_number_or_word_is_broken(
    tiny_run: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    shutil.copytree(tiny_run, tiny_run.with_name("other"))
    Path("one.txt").write_text("the quick dog jumps over the fox\nand sleeps\n", encoding="utf-8")

    def shown(command: str, *, on_terminal: bool) -> str:
        with monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(columns))
            patch.setenv("NO_COLOR", "1")
            for stream in (sys.stdout, sys.stderr):
                patch.setattr(stream, "isatty", lambda: on_terminal)
            assert run_command(command.split()) == 0
        return capsys.readouterr().out

    for command in COMMANDS:
        whole, fitted = (shown(command, on_terminal=one) for one in (False, True))
        assert max(map(width, fitted.split("\n"))) <= columns, command
        if "--show" in command:
            continue  # the marks of surprise are between the lines
        kept = {*LONG.sub("", fitted).replace(":", " ").split()}
        # In a list, a number that is shown is one of the whole table.
        numbers = {word for word in kept if re.fullmatch(r"[0-9.,]*[0-9]", word)}
        assert numbers <= {*whole.replace(":", " ").split()}, command


def test_a_run_tells_its_optimizer(tiny_run: Path) -> None:
    summary = summarise(Run(tiny_run))
    assert "Muon, peak learning rate" in format_summary(summary)
    del summary["plan"]["optimizer"]  # absent where it is AdamW
    assert "AdamW, peak learning rate" in format_summary(summary)
