"""The live display on a pseudo-terminal."""

import os
import re
import sys
from pathlib import Path

import pexpect
import pytest

from tests.conftest import TEXT, TINY


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 20])
def test_a_training_is_shown_as_it_goes(corpus: Path, columns: int) -> None:
    # A text whose every line holds an escape sequence, which the sampled line would show, and as
    # many different characters as that of the tiny run, so that the same network is trained.
    line = "the \x1b[2J fox abcdgijklmnpqrsuvw\n"
    assert len({*line}) == len({*TEXT})
    corpus.write_text(line * 100, encoding="utf-8")
    options = [*TINY, "--steps", "600", "--eval-every", "100", "--learning-rate", "0.02"]
    child = pexpect.spawn(
        sys.executable,
        ["-m", "textgen", "train", "fox.txt", *options],
        encoding="utf-8",
        timeout=120,
        dimensions=(24, columns),
        env=os.environ | {"TERM": "xterm-256color"},
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    shown = child.before
    # Between two pictures the cursor goes up and the lines are erased: live, not line by line.
    assert "\x1b[1A" in shown
    assert "\x1b[2J" not in shown
    # In a narrow terminal the bar makes room for the numbers.
    assert re.search(r"step \d+/600", shown)
    at = shown.find(chr(0x2501))
    assert at < 0 or columns == 80, repr(shown[max(at - 300, 0) : at + 120])
    if columns == 80:
        assert re.search(r"train \d\.\d{3}  validation \d\.\d{3} bits/char  [\d,]+ chars/s", shown)
        assert "left" in shown
        assert "\u241b[2J fox" in shown
    assert "finished at step 600" in shown.replace("\r\n", " ")
