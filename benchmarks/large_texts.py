"""Measure large texts: reading them, resuming a run on them, and alphabets of thousands.

    python benchmarks/large_texts.py reading --corpus FILE [--megabytes 1000] [--files 20000]
    python benchmarks/large_texts.py resume --corpus FILE [--megabytes 1000]
    python benchmarks/large_texts.py alphabet --corpus FILE ... [--minutes 2] [--hidden-size 256]

Each measurement is a process of its own, of which time and memory are measured from outside.
`--package FOLDER` measures the textgen in another folder beside this one, such as an older version.

- `reading`: a text of this many megabytes in one file, and a tenth of it in many files, from the
  command to the ids on the disk. The text is the corpus again and again.
- `resume`: a run with as many megabytes is stopped after two steps. From the command to the first
  step of `--resume`, and to the end of `info` and of `sample`.
- `alphabet`: a language of about 6,000 characters, in which each frequent word of English texts is
  one ideograph and any other word is spelled by ideographs of two letters. The validation loss by
  the minute, the speed, the memory, and the time from the command to the end of five steps.
"""

import argparse
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

# Characters of the language that stand for pieces of two letters, and marks that stay as they are.
PIECES, MARKS = 690, 60
ALPHABET = 6000
# The plan for `reading` and `resume`: the network does not matter.
SMALL = ["--hidden-size", "64", "--num-layers", "1", "--eval-every", "1000", "--quiet"]


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


def run_textgen(package: Path | None, *arguments: str) -> Measured:
    """Run a command of textgen and measure it."""
    return run_python(package, "-m", "textgen", *arguments)


def run_python(package: Path | None, *arguments: str) -> Measured:
    """Run Python and measure it."""
    environment = os.environ | ({"PYTHONPATH": str(package)} if package else {})
    begun, events = time.perf_counter(), []
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env=environment
    )
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


def measure_reading(package: Path | None, corpus: bytes, megabytes: int, files: int) -> None:
    """Print how long it takes until the ids of large texts are on the disk."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from textgen.data.prepare import prepare_text\n"
        "from textgen.data.text_rules import TextRules\n"
        "prepare_text([Path(sys.argv[1])], TextRules(), Path(sys.argv[2]))\n"
    )
    write_large(corpus, Path("large.txt"), megabytes)
    write_many(corpus, Path("many"), megabytes // 10, files)
    head("text", "seconds", "MB/s", "of the processor: seconds", "MB/s", "peak MB")
    for name, path, size in (
        (f"{megabytes:,} MB in one file", "large.txt", megabytes),
        (f"{megabytes // 10:,} MB in {files:,} files", "many", megabytes // 10),
    ):
        found = run_python(package, "-c", program, path, "tokens")
        pairs = (found.seconds, found.processor)
        speeds = [cell for taken in pairs for cell in (f"{taken:.1f}", f"{size / taken:.0f}")]
        row(name, *speeds, f"{found.megabytes:.0f}")


def measure_resume(package: Path | None, corpus: bytes, megabytes: int) -> None:
    """Print how long a run on a large text takes to go on, to be described and to write."""
    write_large(corpus, Path("large.txt"), megabytes)
    train = ["train", "large.txt", "--run", "r", "--steps", "400", "--stop-after", "2", *SMALL]
    run_textgen(package, *train)
    Path("large.txt").unlink()
    head("command", "seconds", "seconds of the processor", "peak MB")
    for number in range(3):
        stop = str(40 * (number + 1))
        found = run_textgen(package, "train", "--resume", "r", "--stop-after", stop, "--json")
        row("`train --resume`, to the first step", f"{found.first:.1f}", "", "")
    for command in (["info", "r"], ["sample", "r", "--length", "20"]):
        found = run_textgen(package, *command)
        taken = f"{found.seconds:.1f}", f"{found.processor:.1f}"
        row(f"`{command[0]}`", *taken, f"{found.megabytes:.0f}")


def in_ideographs(text: str) -> str:
    """Write an English text in a language of about 6,000 characters."""
    words = re.findall(r"[a-z']+|[^\sa-z']|\n", text.lower())
    counts = Counter(word for word in words if word[0].isalpha() or word[0] == "'")
    marks = Counter(word for word in words if word not in counts)
    frequent = [word for word, _ in counts.most_common(ALPHABET - PIECES - MARKS)]
    pieces = Counter[str]()
    for word in counts.keys() - set(frequent):
        pieces.update(_spelled(word))
    units = sorted([*frequent, *(piece for piece, _ in pieces.most_common(PIECES))])
    points = random.Random(0).sample(range(0x4E00, 0x9FA5), len(units))
    table = dict(zip(units, map(chr, points), strict=True))
    table |= {mark: mark for mark, _ in marks.most_common(MARKS)}

    def write() -> Iterator[str]:
        for word in words:
            parts = [word] if word in table else _spelled(word)
            yield from (table[part] for part in parts if part in table)

    return "".join(write())


def _spelled(word: str) -> list[str]:
    """Return the pieces of two letters of a word; the hyphen tells them from words."""
    return [f"-{word[start : start + 2]}" for start in range(0, len(word), 2)]


def measure_alphabet(
    package: Path | None, corpora: Sequence[Path], minutes: float, options: Sequence[str]
) -> None:
    """Print the validation loss by the minute of a text of 6,000 characters."""
    text = "\n\n".join(path.read_text(encoding="utf-8") for path in corpora)
    written = in_ideographs(text)
    Path("ideographs.txt").write_text(written, encoding="utf-8")
    print(f"{len(written):,} characters, {len(set(written)):,} different ones")
    start = run_textgen(
        package, "train", "ideographs.txt", "--steps", "5", "--run", "start", "--quiet", *options
    )
    found = run_textgen(
        package,
        *("train", "ideographs.txt", "--minutes", str(minutes), "--run", "r", "--json"),
        *options,
    )
    shown = [(at, event) for at, event in found.events if event["type"] == "evaluation"]
    step = max(len(shown) // 8, 1)
    head("seconds", *(f"{at:.0f}" for at, _ in shown[::-step][::-1]))
    losses = [event["validation_bits_per_character"] for _, event in shown[::-step][::-1]]
    row("validation, bits per character", *(f"{loss:.3f}" for loss in losses))
    speeds = sorted(event["characters_per_second"] for _, event in shown)
    head(
        "options",
        "characters/s",
        "steps",
        "peak MB",
        "seconds to the end of five steps",
        "of the processor",
    )
    row(
        " ".join(options) or "none",
        f"{speeds[len(speeds) // 2]:,.0f}",
        f"{shown[-1][1]['step']:,}",
        f"{found.megabytes:.0f}",
        f"{start.seconds:.1f}",
        f"{start.processor:.1f}",
    )


def main() -> None:
    """Run one of the measurements and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["reading", "resume", "alphabet"])
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help="English texts")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--package", type=Path, help="folder with another textgen to measure")
    arguments, options = parser.parse_known_args()
    package = arguments.package and arguments.package.resolve()
    corpora = [path.resolve() for path in arguments.corpus]
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, jax {version('jax')}, numpy {version('numpy')}")
    print(f"command: {' '.join(['python', *sys.argv])}\n")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if arguments.what == "reading":
            megabytes, files = arguments.megabytes, arguments.files
            measure_reading(package, corpora[0].read_bytes(), megabytes, files)
        elif arguments.what == "resume":
            measure_resume(package, corpora[0].read_bytes(), arguments.megabytes)
        else:
            measure_alphabet(package, corpora, arguments.minutes, options)


if __name__ == "__main__":
    main()
