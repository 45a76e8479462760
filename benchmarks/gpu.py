"""Measure all that is to be known of a GPU in six minutes: its tests, training, writing, a plan.

    python benchmarks/gpu.py TEXT [--json FILE] [--rehearse]

Tests: those of the layers, on the GPU. Training: the whole step, in turns with PyTorch, whose
nn.LSTM runs on cuDNN, at each precision; the share of the peak counts the operations of textgen's
own step, and the peak is a product of matrices [8192, 8192]. Writing: 2x512, 1 to 4,096 texts side
by side. Plan: `textgen train TEXT --minutes 2` with nothing else said, and the loss of its best
checkpoint in windows of 256 characters; it comes first. The contestants of a network compile at
once and train one at a time.

`--rehearse` does the same with tiny networks in seconds, on a CPU too. What fails is reported in
its place, and the rest goes on. PyTorch is left out where it is not installed.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import Any

HERE = Path(__file__).parent
CONTESTANTS = HERE / "contestants"
TESTS = ("tests/network/test_cudnn.py", "tests/network/test_unrolled_recurrence.py")
OURS = ("bfloat16", "TF32", "float32", "TF32, cuDNN")
THEIRS = ("bfloat16", "TF32", "float32")
# For each network: num_layers, hidden_size, batch_size and sequence_length.
SHAPES = ((2, 512, 64, 128), (2, 512, 512, 64), (3, 1024, 512, 64), (2, 2048, 512, 64))
STREAMS = (1, 64, 4096)
# Seconds after which a contestant that does not answer, or the tests, are given up.
PATIENCE = 120.0


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        shapes: networks and batches that are trained.
        ours: what textgen trains with.
        theirs: what PyTorch trains with.
        streams: numbers of texts written side by side.
        turns: turns of each contestant that count.
        seconds: length of a turn.
        options: what is asked of `textgen train` besides the text.
    """

    shapes: tuple[tuple[int, int, int, int], ...] = SHAPES
    ours: tuple[str, ...] = OURS
    theirs: tuple[str, ...] = THEIRS
    streams: tuple[int, ...] = STREAMS
    turns: int = 2
    seconds: float = 0.7
    options: tuple[str, ...] = ("--minutes", "2")


REHEARSAL = Extent(
    shapes=((1, 8, 4, 8),),
    ours=("bfloat16", "TF32, cuDNN"),
    theirs=("TF32",),
    streams=(2,),
    turns=1,
    seconds=0.01,
    options=("--steps", "4", "--hidden-size", "8", "--num-layers", "1"),
)


@dataclass
class Contestant:
    """A process that trains or writes when asked; see `contestants/turns.py`.

    Attributes:
        title: what it does.
        shape: num_layers, hidden_size, batch_size and sequence_length.
        speeds: characters per second of each turn.
        seconds_to_compile: time to compile.
        error: why there are no speeds; empty if there are.
    """

    title: str
    shape: tuple[int, int, int, int]
    process: "subprocess.Popen[str]"
    log: Path
    speeds: list[float] = field(default_factory=list)
    seconds_to_compile: float = 0.0
    error: str = ""

    def wait(self) -> None:
        """Wait until it has compiled."""
        answer = self._read()
        self.seconds_to_compile = round(answer.get("compile", 0.0), 2)

    def take_turns(self, turns: int, seconds: float) -> None:
        """Train or write: a turn to warm up, and those that count."""
        for number in range(turns + 1):
            if self.error:
                return
            assert self.process.stdin
            with suppress(BrokenPipeError):
                print(seconds if number else seconds / 3, file=self.process.stdin, flush=True)
            answer = self._read()
            if number and not self.error:
                self.speeds.append(answer["characters"] / answer["seconds"])

    def leave(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()

    def _read(self) -> dict[str, float]:
        assert self.process.stdout
        giving_up = Timer(PATIENCE, self.process.kill)
        giving_up.start()
        line = self.process.stdout.readline()
        has_given_up = giving_up.finished.is_set()
        giving_up.cancel()
        if line:
            return dict(json.loads(line))
        if has_given_up:
            self.error = f"it took longer than {PATIENCE:g} s"
            return {}
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        self.error = next((line[:200] for line in reversed(lines) if "Error" in line), "it ended")
        return {}

    def row(self) -> dict[str, Any]:
        """Return what was measured."""
        names = ("num_layers", "hidden_size", "batch_size", "sequence_length")
        row: dict[str, Any] = {
            "contestant": self.title,
            **dict(zip(names, self.shape, strict=True)),
        }
        if self.error:
            return row | {"error": self.error}
        best = max(self.speeds)
        return row | {
            "characters_per_second": round(best),
            "turns": [round(speed) for speed in self.speeds],
            "seconds_to_compile": self.seconds_to_compile,
        }


def enter(
    title: str, script: str, shape: tuple[int, int, int, int], folder: Path, *more: str
) -> Contestant:
    """Start a contestant, which compiles from now on."""
    layers, hidden, batch, length = shape
    sizes = {
        "num_layers": layers,
        "hidden_size": hidden,
        "embedding_size": hidden,
        "batch_size": batch,
        "sequence_length": length,
    }
    log = folder / f"{len([*folder.iterdir()])}.log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, CONTESTANTS / script, json.dumps(sizes), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            encoding="utf-8",
            env=environment(),
        )
    return Contestant(title, shape, process, log)


def environment() -> dict[str, str]:
    """Return the environment of the processes, which share the memory of one GPU."""
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def run(command: list[str], seconds: float) -> tuple[str, str]:
    """Run a command; return what it printed, and why it failed, or nothing if it did not."""
    try:
        done = subprocess.run(
            [sys.executable, *command],
            capture_output=True,
            encoding="utf-8",
            timeout=seconds,
            env=environment(),
        )
    except subprocess.TimeoutExpired:
        return "", f"it took longer than {seconds:g} s"
    lines = (done.stderr or done.stdout).strip().splitlines()
    return done.stdout, "" if done.returncode == 0 else (lines or ["it failed"])[-1][:300]


def describe_machine() -> dict[str, Any]:
    """Return the name of the card, its driver, and the versions."""
    asked = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    card = "none"
    with suppress(OSError):
        found = subprocess.run(["nvidia-smi", *asked], capture_output=True, encoding="utf-8")
        card = found.stdout.strip() or "none"
    versions = {}
    for name in ("textgen-lstm", "jax", "flax", "numpy", "torch", "nvidia-cudnn-cu13"):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "card": card,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": versions,
    }


def run_tests(extent: Extent) -> dict[str, Any]:
    """Run the tests of the layers on the GPU."""
    if extent is REHEARSAL:
        return {"summary": "left out of a rehearsal"}
    # Newer packages than those that the project is tested with may warn of what is to come.
    command = ["-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider", "-rs"]
    begun = time.perf_counter()
    output, error = run([*command, *(str(HERE.parent / test) for test in TESTS)], PATIENCE)
    found = {"seconds": round(time.perf_counter() - begun, 1), "lines": output.splitlines()[-12:]}
    return found | ({"error": error} if error else {"summary": output.splitlines()[-1]})


def measure_peaks(extent: Extent) -> dict[str, float]:
    """Return the speed of products at each precision, in operations per second."""
    if extent is REHEARSAL:
        return dict.fromkeys(THEIRS, 1e11)
    output, error = run([str(CONTESTANTS / "gpu_products.py")], PATIENCE)
    return json.loads(output) if not error else {}


def share_of_peak(row: dict[str, Any], peaks: dict[str, float]) -> float | None:
    """Return the share of the peak that training reaches, in the operations of textgen's step."""
    from textgen.network.parameters import operations_per_character
    from textgen.settings import ModelSettings

    # A contestant is called, for example, `textgen TF32, cuDNN`.
    peak = peaks.get(row["contestant"].split()[1].rstrip(","))
    if "error" in row or not peak:
        return None
    sizes = {name: row[name] for name in ("num_layers", "hidden_size")}
    model = ModelSettings(
        vocab_size=65, embedding_size=row["hidden_size"], dropout_rate=0.0, **sizes
    )
    return float(row["characters_per_second"] * operations_per_character(model) / peak)


def measure_contestants(extent: Extent, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the kind, `training` or `writing`, and the figures of each contestant.

    Those of one network compile at once. All networks at once would not fit into the memory of a
    card, and took minutes to compile.
    """
    yield "tests", run_tests(extent)
    peaks = measure_peaks(extent)
    yield "peaks", peaks
    for shape in extent.shapes:
        with ExitStack() as leaving:
            entered = []
            for name, script, variants in (
                ("textgen", "gpu_textgen.py", extent.ours),
                ("PyTorch", "gpu_pytorch.py", extent.theirs if find_spec("torch") else ()),
            ):
                for variant in variants:
                    entered.append(enter(f"{name} {variant}", script, shape, folder, variant))
                    leaving.callback(entered[-1].leave)
            for row in _take_turns(entered, extent):
                yield "training", row | {"share_of_peak": share_of_peak(row, peaks)}
    layers, hidden, _, length = extent.shapes[0]
    for streams in extent.streams:
        shape = layers, hidden, streams, length
        with ExitStack() as leaving:
            writer = enter("textgen", "textgen_jax.py", shape, folder)
            leaving.callback(writer.leave)
            yield from (("writing", row) for row in _take_turns([writer], extent))


def _take_turns(entered: list[Contestant], extent: Extent) -> Iterator[dict[str, Any]]:
    """Wait until all have compiled, let one after the other train, and yield their figures."""
    for contestant in entered:
        contestant.wait()
    for contestant in entered:
        contestant.take_turns(extent.turns, extent.seconds)
        contestant.leave()
        yield contestant.row()


def measure_plan(text: Path, extent: Extent, folder: Path) -> dict[str, Any]:
    """Train on a text by textgen's own plan; return the plan and the loss in windows."""
    name = str(folder / "run")
    begun = time.perf_counter()
    command = ["-m", "textgen", "train", str(text), "--run", name, "--progress", "none"]
    _, error = run([*command, *extent.options], PATIENCE + 120)
    seconds = time.perf_counter() - begun
    if error:
        return {"error": error}
    from textgen.evaluation.protocols import Evaluator
    from textgen.network.model import network_function
    from textgen.runs.run import Run
    from textgen.runtime.devices import make_mesh

    found = Run(Path(name))
    record = found.record()
    settings, plan, best = record.config.settings, record.plan, found.best_step()
    validation = found.open_tokens(record)[record.corpus.training_ids :]
    if extent is REHEARSAL:
        validation = validation[:600]
    evaluator = Evaluator(network_function(settings), settings, make_mesh(1, 64))
    row = found.metrics()[-1]
    return {
        "command": " ".join(["textgen train", text.name, *extent.options]),
        "seconds": round(seconds, 1),
        "network": settings.size,
        "dropout_rate": settings.dropout_rate,
        "plan": plan.to_json(),
        "best_step": best,
        "steps_made": row["step"],
        "training_seconds": row["seconds"],
        "epochs": row["step"] * plan.characters_per_step / record.corpus.training_ids,
        "characters_per_second": row["characters_per_second"],
        "window_nats": evaluator.window(dict(found.load(best).parameters), validation),
    }


def attempt(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a function returns, or why it failed: the rest is to be measured all the same."""
    try:
        return work()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def table(found: dict[str, Any]) -> str:
    """Return all figures as tables of Markdown."""
    lines = [
        f"{found['machine']['card']}; {found['machine']['date']}; "
        + ", ".join(f"{name} {number}" for name, number in found["machine"]["versions"].items()),
        "",
        f"tests: {found['tests'].get('summary', found['tests'].get('error'))}",
        "peak, TFLOP/s: "
        + ", ".join(f"{name} {speed / 1e12:.0f}" for name, speed in found["peaks"].items()),
        "",
        "| training: network, batch | contestant | characters/s | % of the peak | compile, s |",
        "|---|---|---|---|---|",
    ]
    for row in found["training"]:
        shape = "{num_layers}x{hidden_size}, {batch_size}x{sequence_length}".format(**row)
        share = row.get("share_of_peak")
        cells = (
            f"{row['characters_per_second']:,}" if "error" not in row else row["error"],
            "" if share is None else f"{100 * share:.0f}",
            f"{row.get('seconds_to_compile', '')}",
        )
        lines.append(f"| {shape} | {row['contestant']} | " + " | ".join(cells) + " |")
    lines += ["", "| writing: network | texts | characters/s |", "|---|---|---|"]
    for row in found["writing"]:
        speed = f"{row['characters_per_second']:,}" if "error" not in row else row["error"]
        network = f"{row['num_layers']}x{row['hidden_size']}"
        lines.append(f"| {network} | {row['batch_size']:,} | {speed} |")
    plan = found["plan"]
    if "error" in plan:
        return "\n".join([*lines, "", f"plan: {plan['error']}"])
    settings = plan["plan"]
    return "\n".join(
        [
            *lines,
            "",
            "| plan | network, dropout | batch, rate | products, backend | steps | epochs | s "
            "| window, nats |",
            "|---|---|---|---|---|---|---|---|",
            f"| {plan['command']} | {plan['network']}, {plan['dropout_rate']} "
            f"| {settings['batch_size']}x{settings['sequence_length']}, "
            f"{settings['learning_rate']} | {settings.get('precision', 'float32')}, "
            f"{settings.get('backend', 'scan')} | {plan['steps_made']} | {plan['epochs']:.1f} "
            f"| {plan['seconds']} | {plan['window_nats']:.4f} |",
        ]
    )


def main() -> None:
    """Measure everything, write the JSON as far as it is known, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path, help="text for the plan, such as tiny Shakespeare")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--rehearse", action="store_true", help="tiny networks, a few seconds")
    arguments = parser.parse_args()
    extent, begun = REHEARSAL if arguments.rehearse else Extent(), time.perf_counter()
    found: dict[str, Any] = {
        "machine": describe_machine(),
        "tests": {},
        "peaks": {},
        "training": [],
        "writing": [],
        "plan": {},
    }

    def note(kind: str, figures: dict[str, Any]) -> None:
        if isinstance(found[kind], list):
            found[kind].append(figures)
        else:
            found[kind] = figures
        found["seconds"] = round(time.perf_counter() - begun, 1)
        print(f"[{found['seconds']:6.1f} s] {kind}: {json.dumps(figures)}", file=sys.stderr)
        if arguments.json:
            arguments.json.write_text(json.dumps(found, indent=1), encoding="utf-8")

    with tempfile.TemporaryDirectory() as place:
        logs = Path(place) / "logs"
        logs.mkdir()
        note("plan", attempt(lambda: measure_plan(arguments.text, extent, Path(place))))
        for kind, figures in measure_contestants(extent, logs):
            note(kind, figures)
    print(table(found))


if __name__ == "__main__":
    main()
