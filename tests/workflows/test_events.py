import pytest

from textgen.workflows.events import Working, reading_work


@pytest.mark.parametrize(
    ("share", "elapsed", "left"),
    # What is left takes as long for each share as what is done; at first the pace says little.
    [(0.25, 8.0, 24.0), (0.25, 0.5, None), (None, 8.0, None), (0.9, 8.0, None), (0.0, 8.0, None)],
)
def test_the_time_left_follows_from_the_pace(
    share: float | None, elapsed: float, left: float | None
) -> None:
    work = reading_work(12_345, share, elapsed)
    assert work.seconds == left
    assert work.text.startswith("reading the text: 12,345 characters")


def test_the_rate_is_told_after_a_second() -> None:
    assert reading_work(8_000_000, None, 4.0) == Working(
        "reading the text: 8,000,000 characters at 2,000,000 a second"
    )
    assert reading_work(800, None, 0.5) == Working("reading the text: 800 characters")
