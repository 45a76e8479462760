"""Record docs/session.svg: a session in a real terminal, typed by tmux and drawn by rich.

tmux must be installed, and the current folder must hold the run that writes:

    textgen train fables --run mine --minutes 2
    python docs/session.py
"""

import io
import re
import subprocess
import time
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

COLUMNS, ROWS = 90, 40
COMMAND = "textgen repl mine --length 150 --temperature 0.5 --seed 9 --no-history"
# What is typed, and how many seconds later the answer is complete.
LINES = (
    ("PS1='$ '; clear", 1),
    (COMMAND, 4),
    ('"Who moved the lantern?" asked the hare.', 2),
    ("/words 3", 2),
    ("/again 3", 3),
    ("/pick 1", 1),
    ("/score", 4),
)
# Rich's own format loads a font from the network.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def tmux(*arguments: str) -> str:
    """Run a command of a tmux server of our own, and return what it prints."""
    command = ["tmux", "-L", "textgen-docs", "-f", "/dev/null", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def record() -> str:
    """Type the lines in a terminal, and return its screen with the escapes of its colours."""
    size = ["-x", str(COLUMNS), "-y", str(ROWS)]
    tmux("new-session", "-d", *size, "bash --norc --noprofile")
    try:
        for line, seconds in LINES:
            tmux("send-keys", "-l", line)
            tmux("send-keys", "Enter")
            time.sleep(seconds)
        return tmux("capture-pane", "-e", "-p", "-N")
    finally:
        tmux("kill-server")


def draw(screen: str) -> str:
    """Draw a screen as an SVG."""
    console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(screen.rstrip("\n")), soft_wrap=True)
    drawn = console.export_svg(title=COMMAND, code_format=FORMAT, unique_id="session")
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(draw(record()), encoding="utf-8")
