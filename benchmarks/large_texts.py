"""Measure large texts: reading them, resuming a run on them, and alphabets of thousands.

    python benchmarks/large_texts.py table --corpus FILE ... [--megabytes 1000]
    python benchmarks/large_texts.py reading --corpus FILE [--megabytes 1000] [--files 20000]
    python benchmarks/large_texts.py resume --corpus FILE [--megabytes 1000]
    python benchmarks/large_texts.py alphabet --corpus FILE ... [--minutes 2] [--hidden-size 256]

Each measurement is a process of its own, of which time and memory are measured from outside.
`--package FOLDER` measures the textgen in another folder beside this one, such as an older version.

- `table`: everything that takes long with a large text, in one table: reading it, the indexes for
  `--max-copy` and for `sample --json`, a long prompt, `evaluate`, `info` and a session of many
  turns. Indexes are measured on 100 MB, and on as many megabytes as are named, if these are more.
- `reading`: a text of this many megabytes in one file, and a tenth of it in many files, from the
  command to the ids on the disk. The text is the corpus again and again.
- `resume`: a run with as many megabytes is stopped after two steps. From the command to the first
  step of `--resume`, and to the end of `info` and of `sample`.
- `alphabet`: a language of about 6,000 characters, in which each frequent word of English texts is
  one ideograph and any other word is spelled by ideographs of two letters. The validation loss by
  the minute, the speed, the memory, and the time from the command to the end of five steps.
"""

import argparse
import os
import platform
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from large_measures import (
    READ,
    SMALL,
    Measured,
    head,
    row,
    run_python,
    run_textgen,
    write_large,
    write_many,
)

# Characters of the language that stand for pieces of two letters, and marks that stay as they are.
PIECES, MARKS = 690, 60
ALPHABET = 6000


def measure_reading(package: Path | None, corpus: bytes, megabytes: int, files: int) -> None:
    """Print how long it takes until the ids of large texts are on the disk."""
    write_large(corpus, Path("large.txt"), megabytes)
    write_many(corpus, Path("many"), megabytes // 10, files)
    head("text", "seconds", "MB/s", "of the processor: seconds", "MB/s", "peak MB")
    for name, path, size in (
        (f"{megabytes:,} MB in one file", "large.txt", megabytes),
        (f"{megabytes // 10:,} MB in {files:,} files", "many", megabytes // 10),
    ):
        found = run_python(package, "-c", READ, path, "tokens")
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


def measure_table(package: Path | None, corpora: Sequence[bytes], megabytes: int) -> None:
    """Print how long everything takes that takes long with a large text."""
    corpus = b"\n\n".join(corpora)
    head("what", "goal, s", "seconds", "of the processor", "peak MB")

    def tell(what: str, goal: object, found: Measured) -> None:
        seconds = f"{found.seconds:.1f}", f"{found.processor:.1f}"
        row(what, goal, *seconds, f"{found.megabytes:.0f}")

    write_many(corpus, Path("many"), 100, 20_000)
    tell("read 20,000 files, 100 MB", 6, run_python(package, "-c", READ, "many", "tokens"))
    for size in sorted({min(100, megabytes), megabytes}):
        write_large(corpus, Path("large.txt"), size)
        found = run_python(package, "-c", READ, "large.txt", "tokens")
        tell(f"read {size:,} MB", f"{size / 60:.0f}", found)
        run = f"of-{size}"
        train = ["train", "large.txt", "--run", run, "--steps", "400", "--stop-after", "2"]
        run_textgen(package, *train, *SMALL)
        for option, what in ((["--max-copy", "20"], "--max-copy 20"), (["--json"], "--json")):
            for goal, times in ((3 if size <= 100 else 30, "first"), (1, "again")):
                found = run_textgen(package, "sample", run, *option, "--length", "20")
                tell(f"`sample {what}` on {size:,} MB, {times}", goal, found)
    _measure_reading_and_info(package, corpora, tell)
    _measure_session(package, tell)


def _measure_reading_and_info(
    package: Path | None, corpora: Sequence[bytes], tell: Callable[[str, object, Measured], None]
) -> None:
    """Measure a long prompt, an evaluation and `info`, each with a run of its own."""
    corpus = b"\n\n".join(corpora)
    write_large(corpus, Path("ten.txt"), 10)
    write_large(corpus, Path("prompt.txt"), 1)
    quick = ["--steps", "2", "--eval-every", "1000", "--quiet", "--num-layers", "2"]
    run_textgen(package, "train", "ten.txt", "--run", "ten", *quick, "--hidden-size", "256")
    prompt = ["--prompt-file", "prompt.txt", "--length", "20", "--no-echo"]
    found = run_textgen(package, "sample", "ten", *prompt)
    tell("`sample` after a prompt of 1 MB, 2x256", "", found)
    run_textgen(package, "train", "ten.txt", "--run", "small", *SMALL, "--steps", "2")
    found = run_textgen(package, "evaluate", "small")
    tell("`evaluate` of a run on 10 MB, 1x64", 60, found)
    written = in_ideographs(corpus.decode())
    Path("ideographs.txt").write_text(written, encoding="utf-8")
    run_textgen(package, "train", "ideographs.txt", "--run", "wide", *quick, "--hidden-size", "512")
    what = f"`info`, 2x512 with {len(set(written)):,} characters"
    tell(what, 5, run_textgen(package, "info", "wide"))


def _measure_session(package: Path | None, tell: Callable[[str, object, Measured], None]) -> None:
    """Measure how long a session of 20,000 turns in one chain takes to load."""
    program = (
        "from dataclasses import replace\n"
        "from pathlib import Path\n"
        "from textgen.session.conversation import Conversation\n"
        "from textgen.session.session_file import write_session\n"
        "from textgen.settings import SamplingSettings\n"
        "from textgen.workflows.load import load_model\n"
        "made = Conversation(load_model('small'), SamplingSettings(), seed=1, length=20)\n"
        "list(made.continue_text('the '))\n"
        "saved = made.saved()\n"
        "turns = tuple(replace(saved.turns[0], parent=n) for n in range(20_000))\n"
        "write_session(Path('s.json'), replace(saved, turns=turns, current=20_000))\n"
    )
    run_python(package, "-c", program)
    found = run_textgen(package, "repl", "small", "--quiet", lines="/load s.json\n")
    tell("a session of 20,000 turns, 1x64", 10, found)


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
    parser.add_argument("what", choices=["table", "reading", "resume", "alphabet"])
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
        if arguments.what == "table":
            measure_table(package, [path.read_bytes() for path in corpora], arguments.megabytes)
        elif arguments.what == "reading":
            megabytes, files = arguments.megabytes, arguments.files
            measure_reading(package, corpora[0].read_bytes(), megabytes, files)
        elif arguments.what == "resume":
            measure_resume(package, corpora[0].read_bytes(), arguments.megabytes)
        else:
            measure_alphabet(package, corpora, arguments.minutes, options)


if __name__ == "__main__":
    main()
