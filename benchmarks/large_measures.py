"""What the measurements of large texts share: they write such texts and measure processes."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

# The plan of runs whose network does not matter.
SMALL = ["--hidden-size", "64", "--num-layers", "1", "--eval-every", "1000", "--quiet"]
# Reads a text and writes its ids, as training does before anything else.
READ = (
    "import sys\n"
    "from pathlib import Path\n"
    "from textgen.data.prepare import prepare_text\n"
    "from textgen.data.text_rules import TextRules\n"
    "prepare_text([Path(sys.argv[1])], TextRules(), Path(sys.argv[2]))\n"
)


class Measured(NamedTuple):
    """What a command took.

    Attributes:
        seconds: from its start to its end.
        first: from its start to the first line of progress that it printed.
        processor: seconds of all cores, which other work on the machine hardly changes.
        megabytes: largest memory that it held, without files that are mapped into memory.
        events: what it printed, each event with the seconds since its start.
    """

    seconds: float
    first: float
    processor: float
    megabytes: float
    events: list[tuple[float, dict[str, Any]]]


def run_textgen(package: Path | None, *arguments: str, lines: str = "") -> Measured:
    """Run a command of textgen and measure it; `lines` are its standard input."""
    return run_python(package, "-m", "textgen", *arguments, lines=lines)


def run_python(package: Path | None, *arguments: str, lines: str = "") -> Measured:
    """Run Python and measure it; `lines` are its standard input."""
    environment = os.environ | ({"PYTHONPATH": str(package)} if package else {})
    begun, events = time.perf_counter(), []
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdin
    process.stdin.write(lines)
    process.stdin.close()
    assert process.stdout
    memory = [0.0]
    watch = threading.Thread(target=_watch_memory, args=(process.pid, memory))
    watch.start()
    for line in process.stdout:
        if line.startswith("{"):
            events.append((time.perf_counter() - begun, json.loads(line)))
    watch.join()  # it ends with the process
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} failed")
    told = (at for at, event in events if event["type"] in ("progress", "evaluation"))
    return Measured(
        time.perf_counter() - begun,
        next(told, 0.0),
        usage.ru_utime + usage.ru_stime,
        max(memory),
        events,
    )


def _watch_memory(process: int, memory: list[float]) -> None:
    """Note the anonymous memory of a process in MB every few milliseconds, until it ends."""
    status = Path(f"/proc/{process}/status")
    while found := re.search(r"RssAnon:\s+(\d+) kB", status.read_text()):
        memory.append(int(found[1]) / 1024)
        time.sleep(0.02)


def row(*cells: object) -> None:
    """Print a line of a Markdown table."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def head(*cells: str) -> None:
    """Print the first lines of a Markdown table."""
    row(*cells)
    row(*["---"] * len(cells))


def write_large(corpus: bytes, path: Path, megabytes: int) -> None:
    """Write a text of some megabytes: the corpus again and again, each time without its start."""
    left, number = megabytes * 10**6, 0
    with path.open("wb") as file:
        while left > 0:
            piece = corpus[number * 997 % (len(corpus) // 2) :][:left]
            file.write(piece)
            left, number = left - len(piece), number + 1


def write_many(corpus: bytes, folder: Path, megabytes: int, files: int) -> None:
    """Write a number of files of the same size, each a stretch of the corpus."""
    folder.mkdir()
    size = megabytes * 10**6 // files
    for number in range(files):
        start = number * 5003 % (len(corpus) - size)
        (folder / f"{number:06}.txt").write_bytes(corpus[start : start + size])
