import re
import shutil
import subprocess
from typing import Any

import pytest
import typer

from textgen import __version__
from textgen.terminal.cli import app
from textgen.terminal.display.manual import PageForm, format_page, roff

GROUP: Any = typer.main.get_command(app)
CONTEXT = typer.Context(GROUP, info_name="textgen")


@pytest.mark.parametrize("form", ["roff", "markdown", "text"])
def test_a_page_has_every_command_argument_and_option_with_its_help(form: PageForm) -> None:
    page = format_page(CONTEXT, form)
    read = " ".join(page.replace("\\", "").split())
    if form == "roff":
        read = read.replace("(aq", "'").replace("(dq", '"').replace("(ti", "~")
        read = read.replace("[u00E9]", "\u00e9").replace("fB", "").replace("fR", "")
    for name, command in GROUP.commands.items():
        assert f"textgen {name}" in read
        assert command.help.split("\n")[0] in read
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                if option.startswith("--"):
                    assert option in read, f"{name} {option}"
            words = [word for word in parameter.help.split() if word.isalpha()]
            assert words[0] in read


def test_what_roff_would_take_for_a_command_is_shown_to_the_letter() -> None:
    assert roff(".TH \\fB'x' --a \"b\"") == (r"\&.TH \efB\(aqx\(aq \-\-a \(dqb\(dq")
    if shutil.which("groff") is None:
        pytest.skip("this system has no groff")
    text = ".TH \\fB 'x' `y` ^ ~ --a \"b\" \u00e9 \\e 5 % %s .. 'single"
    command = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou"]
    given = f".TH A 1\n.PP\n{roff(text)}\n"
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert text in " ".join(done.stdout.split())


def test_groff_has_nothing_to_warn_of() -> None:
    if shutil.which("groff") is None:
        pytest.skip("this system has no groff")
    page = format_page(CONTEXT, "roff")
    command = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=78n"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert f"textgen {__version__}" in done.stdout
    shown = " ".join(done.stdout.split())
    for name, command_of in GROUP.commands.items():
        assert f"textgen {name}" in shown
        first = re.sub(r"\W+", " ", command_of.help.split("\n")[0]).split()[:4]
        assert " ".join(first) in re.sub(r"\W+", " ", shown)
