import os
import sys

import pytest

from tests.conftest import textgen
from textgen.runtime.sizes import MOST_COLUMNS, MOST_LINES, bound_sizes
from textgen.terminal.output import terminal_height, terminal_width


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("1", "1"),
        ("80", "80"),
        ("1000", "1000"),
        ("0080", "0080"),
        ("1001", "1000"),
        ("1000000000", "1000"),
        ("9" * 5000, "1000"),
        ("\u00b2", None),
        ("nonsense", None),
        ("-5", None),
        ("", None),
    ],
)
def test_a_size_in_the_environment_is_bounded(given: str, kept: str | None) -> None:
    for name in ("COLUMNS", "LINES"):
        environment = {name: given, "OTHER": given}
        bound_sizes(environment)
        assert environment.get(name) == kept
        assert environment["OTHER"] == given


def test_what_a_terminal_says_of_itself_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for name in ("COLUMNS", "LINES"):
        monkeypatch.setenv(name, "1000000000")
    assert terminal_width() == MOST_COLUMNS
    assert terminal_height() == MOST_LINES


@pytest.mark.slow
def test_a_picture_of_a_billion_columns_is_not_drawn(tiny_run: object) -> None:
    huge = os.environ | {"COLUMNS": "1000000000", "LINES": "1000000000"}
    done = textgen("plot", "--no-baselines", env=huge, timeout=60)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= MOST_COLUMNS
