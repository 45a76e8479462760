"""Measure the commands that write: start, choice of engine, memory, and texts that diverge.

    python benchmarks/sampling_commands.py RUN [--tables start engines memory parting]

RUN is a trained run. The networks of the table `engines`, which are only timed, are trained for two
steps. Commands take turns. Figures are medians, with the lowest and the highest in brackets.
Nothing else should run on the machine.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version

from textgen.runs.library import find_run
from textgen.runs.names import VARIABLE
from textgen.settings import SamplingSettings
from textgen.workflows.load import load_model
from textgen.workflows.sample import Order, engine_of, write_samples

TEXTGEN = [sys.executable, "-m", "textgen"]
SHAPES = {"2x128": 128, "2x256": 256, "2x512": 512}
ALONE = 16
LENGTHS = ((500, 1), (5_000, 1), (10_000, 1), (20_000, 1), (40_000, 1), (500, 8), (500, 64))


def spread(values: list[float], form: str) -> str:
    """Format a median with the lowest and the highest value."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} ({low:{form}}-{high:{form}})"


def seconds_of(arguments: list[str]) -> float:
    """Return the seconds that a command takes."""
    begun = time.perf_counter()
    subprocess.run([*TEXTGEN, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def seconds_to_first_character(arguments: list[str]) -> float:
    """Return the seconds until a command prints its first character."""
    begun = time.perf_counter()
    with subprocess.Popen([*TEXTGEN, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.read(1)
        seconds = time.perf_counter() - begun
        process.kill()
    return seconds


def start(run: str, rounds: int) -> None:
    """Print how long commands take until they print something."""
    print("\n| command | seconds |\n|---|---|")
    sample = ["sample", run, "--length", "2000", "--seed", "1", "--quiet"]
    for name, arguments in (
        ("textgen --help, to its end", ["--help"]),
        ("textgen sample, to the first character", sample),
        ("the same with --engine jax", [*sample, "--engine", "jax"]),
    ):
        timed = seconds_of if arguments == ["--help"] else seconds_to_first_character
        timed(arguments)
        print(
            f"| {name} | {spread([timed(arguments) for _ in range(rounds)], '.3f')} |", flush=True
        )


def engines(rounds: int) -> None:
    """Print how much slower the chosen engine is than the faster of the two."""
    print("\n| network | length x samples | numpy, s | jax, s | auto takes | slower by, % |")
    print("|---" * 6 + "|")
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = folder
        for title, hidden_size in SHAPES.items():
            size = [f"--hidden-size={hidden_size}", "--num-layers=2", "--steps=2"]
            train = [*TEXTGEN, "train", "--run", title, "--quiet", *size]
            subprocess.run(train, check=True)
            model = load_model(title)
            for length, samples in LENGTHS:
                given = ["sample", title, "--quiet", "--seed=1", f"--length={length}"]
                given.append(f"--num-samples={samples}")
                seconds: dict[str, list[float]] = {"numpy": [], "jax": []}
                for number in range(rounds + 1):
                    for name, values in seconds.items():
                        values.append(seconds_of([*given, "--engine", name]))
                        if number == 0:  # fills the compile cache; not counted
                            values.clear()
                order = Order(settings=SamplingSettings(), length=length, num_samples=samples)
                chosen = engine_of(model, order)
                medians = {name: statistics.median(values) for name, values in seconds.items()}
                loss = 100 * (medians[chosen] / min(medians.values()) - 1)
                columns = (spread(seconds[name], ".2f") for name in ("numpy", "jax"))
                print(
                    f"| {title} | {length:,} x {samples} | {' | '.join(columns)} | {chosen} "
                    f"| {loss:.0f} |",
                    flush=True,
                )


def memory(run: str) -> None:
    """Print the peak memory of commands that write short and long texts."""
    print("\n| characters | engine | most memory, MB | characters/s, with the start |")
    print("|---" * 4 + "|")
    for engine, lengths in (("numpy", (1_000, 100_000)), ("jax", (1_000, 100_000, 10_000_000))):
        for length in lengths:
            given = ["sample", run, "--quiet", f"--length={length}", f"--engine={engine}"]
            begun = time.perf_counter()
            child = subprocess.Popen([*TEXTGEN, *given], stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - begun
            assert status == 0
            most = usage.ru_maxrss / 1024
            speed = length / seconds
            print(f"| {length:,} | {engine} | {most:.0f} | {speed:,.0f} |", flush=True)


def parting(run: str, samples: int, length: int) -> None:
    """Print how often texts of the same seed diverge between engines and batch sizes."""
    model = load_model(run)
    order = Order(settings=SamplingSettings(), length=length, num_samples=samples)

    def texts(**changes: object) -> list[str]:
        found = [""] * samples
        for number, piece in write_samples(model, Order(**(vars(order) | changes))):
            found[number] += piece.text
        return found

    together = texts(engine="jax")
    engine = model.jax_engine()
    alone = [
        model.generator(seed=0, sample=number, engine=engine).generate(length, order.settings).text
        for number in range(min(samples, ALONE))
    ]
    pairs = {
        "NumPy and JAX": (texts(engine="numpy"), together),
        f"JAX alone and {samples} together": (alone, together[:ALONE]),
    }
    print("\n| texts | characters until they part, or all | parted | rate per character |")
    print("|---" * 4 + "|")
    for name, (first, second) in pairs.items():
        same = [common(a, b) for a, b in zip(first, second, strict=True)]
        parted = sum(a != b for a, b in zip(first, second, strict=True))
        print(f"| {name} | {sum(same):,} | {parted} | {parted / sum(same):.1e} |", flush=True)


def common(first: str, second: str) -> int:
    """Return the length of the longest common prefix of two texts."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(first), len(second)))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tables = ["start", "engines", "memory", "parting"]
    parser.add_argument("run", help="name or path of a trained run")
    parser.add_argument("--tables", nargs="+", choices=tables, default=tables)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=64, help="number of texts to compare")
    parser.add_argument("--length", type=int, default=20_000, help="characters of each text")
    arguments = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("jax", "numpy"))
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, {versions}")
    run = str(find_run(arguments.run).path.resolve())
    shape = load_model(run).config.settings
    print(f"a run of {shape.num_layers}x{shape.hidden_size}, {shape.vocab_size} characters")
    if "start" in arguments.tables:
        start(run, arguments.rounds)
    if "memory" in arguments.tables:
        memory(run)
    if "parting" in arguments.tables:
        parting(run, arguments.samples, arguments.length)
    if "engines" in arguments.tables:
        engines(arguments.rounds)


if __name__ == "__main__":
    main()
