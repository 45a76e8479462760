from pathlib import Path

import pytest

from tests.terminal.terminals import start
from textgen.terminal.cli import run_command


def test_a_pipe_gets_roff_and_any_form_can_be_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    begins = {
        (): ".TH TEXTGEN 1 ",
        ("--form", "roff"): ".TH TEXTGEN 1 ",
        ("--form", "markdown"): "# textgen\n",
        ("--form", "text"): "Usage: textgen ",
    }
    for options, begin in begins.items():
        assert run_command(["man", *options]) == 0
        assert capsys.readouterr().out.startswith(begin)
    assert run_command(["man", "--form", "html"]) == 2


@pytest.mark.slow
def test_a_terminal_gets_text_in_a_pager(tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho paged; head -n 1; cat > rest\n")
    pager.chmod(0o755)
    child = start(["-m", "textgen", "man"], 80, PAGER=str(pager), MANPAGER=str(pager))
    child.expect(r"paged\r\nUsage: textgen ")
    child.expect_exact("\n")
    child.wait()
    assert "textgen verify" in Path("rest").read_text()
