"""Lines of prose fit into 100 columns, RESULTS.md stays short, comments are whole sentences."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WIDTH = 100
NAMED = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "corpora/README.md")
PAGES = [
    *(ROOT / name for name in NAMED if (ROOT / name).exists()),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
    *sorted((ROOT / "benchmarks" / "notebook").glob("*.md")),
]
SOURCES = sorted((ROOT / "textgen").rglob("*.py"))

FENCE = re.compile(r"\s*(```+|~~~+)")
LIST_ITEM = re.compile(r"\s*([-*+]|\d+[.)])\s")
# An image, a link with its text, the definition of a link, or a bare address.
LINK = re.compile(r"!?\[[^\]]*\](?:\([^)\s]*\)|: \S+)|<?https?://\S+>?")
# First words of comments that continue another line or have no subject.
DANGLING = ("of ", "such as ", "and ", "nor ", "than ", "which ", "whose ")
ELLIPSES = ("...", "\N{HORIZONTAL ELLIPSIS}")
DIRECTIVES = ("noqa", "type:", "pragma:", "fmt:", "ruff:", "mypy:")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def is_link_alone(line: str) -> bool:
    """Return whether a line holds links and punctuation only."""
    rest, links = LINK.subn("", line)
    return links > 0 and not re.search(r"\w", rest)


def prose_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each line that is not code, a table or a link alone."""
    fence, in_list, in_code, is_after_blank = "", False, False, True
    for number, line in enumerate(text.splitlines(), 1):
        opening = FENCE.match(line)
        if fence:
            if opening and opening[1].startswith(fence) and line.strip() == opening[1]:
                fence = ""
        elif opening:
            fence = opening[1]
        elif line.startswith("    ") and not in_list and (in_code or is_after_blank):
            in_code = True
            continue
        elif not line.lstrip().startswith("|") and not is_link_alone(line):
            if LIST_ITEM.match(line):
                in_list = True
            elif line.strip() and not line[0].isspace() and is_after_blank:
                in_list = False
            yield number, line
        in_code, is_after_blank = False, not line.strip()


def too_wide(text: str) -> list[str]:
    wide = [(number, line) for number, line in prose_lines(text) if len(line) > WIDTH]
    return [f"line {number}, {len(line)} columns: {line[:50]}" for number, line in wide]


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the first line and the text of each comment; adjacent lines are one comment."""
    begun, parts, last = 0, list[str](), (0, -1)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        row, column = token.start
        alone = not token.line[:column].strip()
        if parts and not (alone and last == (row - 1, column)):
            yield begun, " ".join(parts)
            parts = []
        if not parts:
            begun = row
        parts.append(token.string.lstrip("#!").strip())
        last = (row, column) if alone else (0, -1)
    if parts:
        yield begun, " ".join(parts)


def dangling(source: str) -> list[str]:
    return [
        f"line {number}: {comment[:70]}"
        for number, comment in comments(source)
        if not comment.startswith(DIRECTIVES)
        and (comment.lower().startswith(DANGLING + ELLIPSES) or comment.rstrip().endswith(ELLIPSES))
    ]


def test_results_have_at_most_480_lines() -> None:
    text = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 480


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_of_prose_fit_into_100_columns(page: Path) -> None:
    assert too_wide(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_a_comment_stands_alone(source: Path) -> None:
    assert dangling(source.read_text(encoding="utf-8")) == []


LONG = "word " * 21 + "end"


@pytest.mark.parametrize(
    "page",
    [
        f"{LONG}\n",
        f"# {LONG}\n",
        f"- one\n\n    {LONG}\n",
        f"- one\n  {LONG}\n",
        f"one\n    {LONG}\n",
        f"```\ncode\n```\n{LONG}\n",
        f"- one\n\n    ```\n    code\n    ```\n    {LONG}\n",
        f"    code\n\n{LONG}\n",
        f"- one\n\ntwo\n\n    code\n\n{LONG}\n",
        f"See [this]({'x' * 100}) and that.\n",
    ],
)
def test_a_wide_line_of_prose_is_found(page: str) -> None:
    assert len(too_wide(page)) == 1


@pytest.mark.parametrize(
    "page",
    [
        "x" * 100,
        f"```sh\n{LONG}\n```\n",
        f"````\n```\n{LONG}\n````\n",
        f"~~~\n{LONG}\n```\n{LONG}\n~~~\n",
        f"one\n\n    {LONG}\n    {LONG}\n\n    {LONG}\n",
        f"- one\n\ntwo\n\n    {LONG}\n",
        f"| {LONG} |\n|---|\n",
        f"![{LONG}](picture.png)\n",
        f"- [{LONG}](page.md).\n",
        f"[page]: https://example.org/{'x' * 100}\n",
        f"<https://example.org/{'x' * 100}>.\n",
    ],
)
def test_code_tables_and_links_alone_may_be_wide(page: str) -> None:
    assert too_wide(page) == []


@pytest.mark.parametrize(
    "source",
    [
        "# Of a text that is held in memory.\nA = 1\n",
        "A = 1  # of every draw\n",
        "A = 1\n# ... and so much for each layer.\nB = 2\n",
        "# So much for each character; ...\nA = 1\n",
        "# One thing \N{HORIZONTAL ELLIPSIS}\nA = 1\n",
        "A = 1  # a year\n# And twice that.\nB = 2\n",
    ],
)
def test_a_dangling_comment_is_found(source: str) -> None:
    assert len(dangling(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "# The share of the text\n# of which a character is known.\nA = 1\n",
        "# Often there is none.\nA = 1\n",
        'A = "# Of a string"\n',
        "A = 1  # noqa: S101\n",
    ],
)
def test_a_comment_of_whole_sentences_stands(source: str) -> None:
    assert dangling(source) == []
