from textgen.readable import width
from textgen.terminal.display.training_samples import format_training_samples


def test_a_narrow_terminal_gets_wrapped_lines_that_fit() -> None:
    row = {"step": 1200, "sample": "the quick brown fox\njumps \u4e2d\u4e2d\u4e2d\u4e2d\u4e2d"}
    (shown,) = format_training_samples([row], columns=10, name="a-long-name")
    assert (
        shown == "a-long-na\u2026\nthe quick\nbrown fox\njumps \u4e2d\u4e2d\n\u4e2d\u4e2d\u4e2d\n\n"
    )
    assert max(map(width, shown.splitlines())) <= 10
