"""The pages: bash runs all of their commands, and the names and links in them exist."""

import inspect
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tests.fork_server import fork_server, write_client
from textgen.session.commands import COMMANDS as SESSION_COMMANDS
from textgen.terminal.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GROUP = typer.main.get_command(app)
COMMANDS = GROUP.commands  # type: ignore[attr-defined]
BENCHMARK_OPTIONS = {
    option
    for program in (ROOT / "benchmarks").glob("*.py")
    for option in re.findall(r'"(--[a-z-]+)"', program.read_text(encoding="utf-8"))
}

FENCED = re.compile(r"^```\w*\n.*?^```$", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAVED = re.compile(r"[Ss]ave it as\s`([\w.]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)\s]*)\)")
# Commands that set up a machine; the first test does not run them, and others look at them.
SETTING_UP = ("make ", "pip ")
# What commands find on their standard input: text for a session, or to be scored.
TYPED = "The fox\n"


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks_of(page: Path) -> list[str]:
    return BLOCK.findall(text_of(page))


def spans_of(page: Path) -> list[str]:
    """Return what a page sets as code within its prose and tables."""
    spans = SPAN.findall(FENCED.sub("", text_of(page)))
    return [" ".join(span.split()) for span in spans]


def set_up_lines(page: Path) -> list[str]:
    lines = [line for block in blocks_of(page) for line in block.splitlines()]
    return [line for line in lines if line.startswith(SETTING_UP)]


def commands_of(page: Path) -> Iterator[list[str]]:
    """Yield the words of each textgen command in a page's blocks, without `textgen` itself."""
    for block in blocks_of(page):
        for line in block.splitlines():
            if "textgen " not in line:
                continue
            lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
            lexer.whitespace_split = True
            words = [*lexer]
            while "textgen" in words:
                words = words[words.index("textgen") + 1 :]
                count = next((n for n, word in enumerate(words) if set(word) <= set("|&;<>")), None)
                yield words[:count]


def quick(arguments: list[str]) -> list[str]:
    """Return the arguments of a command with a few steps of a tiny network in place of minutes."""
    tiny = {
        "--minutes": "",
        "--steps": "20",
        "--hidden-size": "16",
        "--num-layers": "1",
        "--batch-size": "4",
        "--sequence-length": "16",
        "--embedding-size": "8",
        "--eval-every": "10",
        "--checkpoint-every": "10",
        "--devices": "1",
    }
    short = {
        "train": tiny,
        "gradient": {"--reach": "20", "--places": "1"},
        "bench": {"--seconds": "0.1"},
    }
    command = arguments[0]
    options = short.get(command, {})
    kept, left = [], list(arguments)
    while left:
        word = left.pop(0)
        if word in options:
            left.pop(0)
        elif word == "--stop-after":
            kept += [word, "10"]
            left.pop(0)
        else:
            kept.append(word)
    if "--resume" in arguments:
        is_further = "--steps" in arguments or "--minutes" in arguments
        return [*kept, "--steps", "4"] if is_further else kept
    for name, value in options.items():
        kept += [name, value] if value else []
    return kept


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run textgen from a process that has imported it, with the arguments of `quick`."""
    address = tmp_path_factory.mktemp("server") / "socket"
    prepare = f"{inspect.getsource(quick)}\nprepare = quick"
    with fork_server(address, prepare):
        yield address


def run_page(page: Path, folder: Path, server: Path) -> subprocess.CompletedProcess[str]:
    """Have bash run the blocks of a page one after the other, in a folder with only `corpora`."""
    programs, work = folder / "programs", folder / "work"
    programs.mkdir()
    work.mkdir()
    (work / "corpora").symlink_to(ROOT / "corpora")
    write_client(programs / "textgen", server)
    for name, content in SAVED.findall(text_of(page)):
        (work / name).write_text(content, encoding="utf-8")
    typed, script = folder / "typed.txt", folder / "page.sh"
    typed.write_text(TYPED, encoding="utf-8")
    parts = ["trap 'echo \"failed: $BASH_COMMAND\" >&2' ERR"]
    # A server in the background ends with its page, also where a command of the page fails.
    parts.append("trap 'jobs -p | xargs -r kill 2> /dev/null || true' EXIT")
    for block in blocks_of(page):
        lines = [line for line in block.splitlines() if not line.startswith(SETTING_UP)]
        parts += ["{", "true", *lines, f"}} < {shlex.quote(str(typed))}"]
    script.write_text("\n".join(parts) + "\n", encoding="utf-8")
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    # With the expansion of `!` that an interactive bash has and a script has not.
    options = ["--norc", "-eo", "pipefail", "-o", "history", "-o", "histexpand"]
    return subprocess.run(
        ["bash", *options, str(script)],
        cwd=work,
        env=os.environ | {"PATH": path, "COLUMNS": "100", "HISTFILE": ""},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks_of(page)], ids=name_of)
def test_bash_runs_every_command_of_a_page(page: Path, own_folder: Path, server: Path) -> None:
    done = run_page(page, own_folder, server)
    assert done.returncode == 0, done.stderr
    assert "event not found" not in done.stderr, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_command_of_a_page_has_the_options_that_it_is_given(page: Path) -> None:
    for name, *arguments in commands_of(page):
        COMMANDS[name].make_context(name, arguments)


def options_of(command: str) -> set[str]:
    found = {"-h", "--help"}
    for option in COMMANDS[command].params:
        found |= {*option.opts, *option.secondary_opts}
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_only_commands_and_options_that_exist(page: Path) -> None:
    common = {name for option in GROUP.params for name in option.opts}
    everywhere = common.union(BENCHMARK_OPTIONS, *map(options_of, COMMANDS))
    for span in spans_of(page):
        named = re.findall(r"(?<!\S)--[a-z][a-z-]*", span)
        program, _, rest = span.partition(" ")
        command = rest.partition(" ")[0]
        if program == "textgen" and command.islower():
            assert command in COMMANDS, span
            assert {*named} <= options_of(command), span
        elif program.startswith("--"):
            assert {*named} <= everywhere, span
        elif re.fullmatch("/[a-z]+", program):
            assert program in SESSION_COMMANDS, span


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_a_command_is_on_a_page(name: str) -> None:
    named = {word for page in PAGES for word in re.findall(r"--[a-z][a-z-]*", text_of(page))}
    for option in COMMANDS[name].params:
        forms = {form for form in (*option.opts, *option.secondary_opts) if form.startswith("--")}
        assert forms & named or option.param_type_name == "argument", option.name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_files_of_the_repository_that_a_page_names_exist(page: Path) -> None:
    for span in spans_of(page):
        for word in span.split():
            if re.match("(textgen|benchmarks|docs|tests|corpora)/", word):
                assert (ROOT / word).exists(), span


def headings_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as they are made on GitHub."""
    titles = re.findall("^#+ (.*)$", FENCED.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for link in LINK.findall(text_of(page)):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file() or (target.is_dir() and not anchor), link
        assert not anchor or anchor in headings_of(target), link


def test_pages_set_up_a_machine_with_targets_and_extras_that_exist() -> None:
    lines = {line for page in PAGES for line in set_up_lines(page)}
    spans = {span for page in PAGES for span in spans_of(page) if span.startswith(SETTING_UP)}
    # The tests themselves are run by `make test`, after an installation by pip.
    assert lines >= {"make demo", "make test", "pip install ."}
    locked = set(re.findall("^[^=]+", text_of(ROOT / "constraints.txt"), re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in lines | spans:
        program, *words = shlex.split(line)
        if program == "make":
            done = subprocess.run(["make", "--dry-run", *words], cwd=ROOT, capture_output=True)
            assert done.returncode == 0, done.stderr
        else:
            if words[0] == "uninstall":
                assert {*words[1:]} <= locked, line
                continue
            assert words[0] == "install"
            extras = re.fullmatch(r"\.(?:\[([\w,]+)\])?", words[1])
            assert extras, line
            assert {*(extras[1] or "plot").split(",")} <= {*project["optional-dependencies"]}, line


def test_the_readme_is_short_and_lists_every_package() -> None:
    readme = text_of(ROOT / "README.md")
    assert len(readme.splitlines()) <= 170
    rows = re.findall(r"^\| ((?:`[\w.]+/?`(?:, )?)+) \|", readme, re.MULTILINE)
    listed = [name.rstrip("/") for row in rows for name in SPAN.findall(row)]
    packages = [path.parent.name for path in (ROOT / "textgen").glob("*/__init__.py")]
    assert {*packages} <= {*listed}
    assert all((ROOT / "textgen" / name).exists() for name in listed)


def test_the_readme_shows_every_command() -> None:
    named = {name for name, *_ in commands_of(ROOT / "README.md")}
    named |= {span.split()[1] for span in spans_of(ROOT / "README.md") if " " in span}
    assert {*COMMANDS} <= named


def test_the_page_of_the_session_has_all_of_its_commands() -> None:
    rows = re.findall(r"^\| (`/.*?) \|", text_of(ROOT / "docs" / "session.md"), re.MULTILINE)
    named = {span.split()[0] for row in rows for span in SPAN.findall(row)}
    assert named == {*SESSION_COMMANDS}


def test_a_quick_command_trains_for_a_few_steps_and_is_otherwise_the_same() -> None:
    given = "train fables --run mine --minutes 2 --hidden-size 512 --cell gru --keep 5"
    tiny = (
        "train fables --run mine --cell gru --keep 5 --steps 20 --hidden-size 16 --num-layers 1 "
        "--batch-size 4 --sequence-length 16 --embedding-size 8 --eval-every 10 "
        "--checkpoint-every 10 --devices 1"
    )
    assert quick(given.split()) == tiny.split()
    assert quick(["train", "--resume", "mine", "--minutes", "3"])[3:] == ["--steps", "4"]
    for unchanged in ("train --resume mine", "sample mine --length 7", "runs"):
        assert quick(unchanged.split()) == unchanged.split()
