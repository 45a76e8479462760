"""Break runs on purpose, and count what survives.

    python benchmarks/reliability.py CAMPAIGN... [--kills 200] [--minutes 20] [--seed 0]

    resume    cut a plan at some steps in four ways, resume it, compare with the uncut plan; of one
              whole text, and of documents with labels
    kill      SIGKILL a training at random instants, again and again
    calls     kill one save before each of its system calls in turn (needs strace)
    damage    flip single bits; cut, swap, zero, remove and add files
    signals   send SIGINT, SIGTERM and SIGHUP at random instants of a command
    disk      fill a small disk during a training (needs the right to mount one)
    readers   load a run while it is trained and pruned
    terminal  write a million characters with a model that has learnt escape sequences
    texts     read texts and continue prompts that Hypothesis generates
    corpora   read random files of every format: sound, damaged, and made to do harm
    soak      train, kill and resume for some minutes, and watch memory and open files

Each campaign prints a line of counts when it ends, and removes its files.
"""

import argparse
import hashlib
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any

from textgen.data.source_rules import SourceRules
from textgen.data.text_rules import TextRules
from textgen.errors import CorpusError, DamagedError, TextgenError, UsageError
from textgen.readable import visible
from textgen.runs.run import Run
from textgen.settings import SamplingSettings

TEXT = "the quick brown fox jumps over the lazy dog, and the dog sleeps on.\n" * 40
TINY: dict[str, Any] = {
    "hidden_size": 8,
    "num_layers": 1,
    "batch_size": 4,
    "sequence_length": 12,
    "dropout_rate": 0.2,
}
CELLS = ("lstm", "gru", "rnn")
# A table of documents with labels, and how it is read.
TABLE = "fox.csv"
ROWS = "who,text\n" + "".join(
    f"{who},the {quick} {brown} fox\n"
    for who in ("ann", "bob")
    for quick in ("quick", "slow", "old", "young", "wild")
    for brown in ("brown", "red", "white", "grey", "lazy", "sleepy")
)
TABLE_RULES = TextRules(source=SourceRules(labels=("who",), field="text"), documents="row")
TABLE_OPTIONS = ["--label=who", "--field=text", "--documents=row"]
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("campaigns", nargs="+", choices=sorted(CAMPAIGNS))
    parser.add_argument("--cells", nargs="+", choices=CELLS, default=CELLS, help="of `resume`")
    parser.add_argument("--cuts", type=int, default=20, help="cuts of each plan of `resume`")
    parser.add_argument("--kills", type=int, default=200, help="kills of the campaign `kill`")
    parser.add_argument(
        "--cases", type=int, default=1000, help="cases of texts, corpora, damage, signals"
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="length of the campaign `soak`")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices")
    return parser.parse_args()


@contextmanager
def forked(work: Callable[[], None]) -> Iterator[tuple[int, Any]]:
    """Run `work` in a forked child, with all imports done; yield its process id and output."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(reader)
            os.dup2(writer, 1)
            sys.stdout = os.fdopen(1, "w", buffering=1)
            work()
            sys.stdout.flush()
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as output:
        try:
            yield child, output
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def train(name: str, **options: Any) -> None:
    """Start a run, or resume it if it exists, and print each step that is saved.

    JAX starts here and not earlier, so that a forked process can train.
    """
    from textgen.planning.request import Request
    from textgen.runtime.compile_cache import keep_compiled
    from textgen.workflows.events import Event, Note, Planned, Report, Saved
    from textgen.workflows.resume import resume_training
    from textgen.workflows.supervise import Supervision
    from textgen.workflows.train import start_training

    keep_compiled()
    path, rules = (
        (Path(TABLE), TABLE_RULES) if options.pop("is_table", False) else (Path("fox.txt"), None)
    )
    watch = {key: options.pop(key) for key in ("keep", "stop_after") if key in options}
    supervision = Supervision(**watch)
    events: Iterator[Event]
    if Run(Path("checkpoints") / name).exists():
        events = resume_training(name, supervision)
    else:
        request = Request(**(TINY | options))
        events = start_training([path], name, request, supervision, rules=rules)
    for event in events:
        match event:
            case Planned():
                print("from", event.first_step)
            case Saved(step):
                print("saved", step)
            case Report():
                print("step", event.step)
            case Note(text, grave=True):
                print("note", text)


def run_in_child(name: str, **options: Any) -> list[str]:
    """Train to the end in a child process; return the lines it printed."""
    with forked(lambda: train(name, **options)) as (_, output):
        return [line.rstrip() for line in output]


def digests(run: Run) -> list[str]:
    """Return the SHA-256 of the parameters and the training state of the last checkpoint."""
    folder = run.folder(run.steps()[-1])
    return [
        hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("model.safetensors", "train_state.safetensors")
    ]


def progress_and_rows(run: Run) -> Any:
    """Return what else must be equal: progress and metrics, except for measured times."""
    progress = dict(run.load(run.steps()[-1]).progress)
    timed = ("seconds", "characters_per_second")
    rows = [{k: v for k, v in row.items() if k not in timed} for row in run.metrics()]
    return {k: v for k, v in progress.items() if k != "seconds"}, rows


def resume(arguments: argparse.Namespace) -> str:
    """Cut plans at random steps: by --stop-after, SIGKILL, SIGINT and SIGTERM in turn."""
    source, equal, total = random.Random(arguments.seed), 0, 0
    ways = ("stop-after", "SIGKILL", "SIGINT", "SIGTERM")
    Path(TABLE).write_text(ROWS, encoding="utf-8")
    for cell, devices, is_table in product(arguments.cells, (1, 2), (False, True)):
        plan = {"steps": 200, "eval_every": 20, "checkpoint_every": 15, "keep": 2}
        options = {"cell": cell, "devices": devices, "is_table": is_table, **plan}
        whole = Run(Path("checkpoints") / f"{cell}{devices}{'-table' * is_table}")
        run_in_child(whole.name, **options)
        for number in range(arguments.cuts):
            cut, way = source.randrange(1, 200), ways[number % 4]
            name = f"{whole.name}-cut"
            if way == "stop-after":
                run_in_child(name, **options, stop_after=cut)
            else:
                cut_by_signal(name, options, cut, way)
            lines = run_in_child(name, keep=2)
            run, total = Run(Path("checkpoints") / name), total + 1
            same = digests(run) == digests(whole)
            same = same and progress_and_rows(run) == progress_and_rows(whole)
            if same and not run.problems():
                equal += 1
            else:
                print(f"differs: {whole.name}, {way} at {cut}: {lines[:1]}")
            shutil.rmtree(run.path)
    return f"{equal} of {total} cut and resumed plans equal the uncut one to the last bit"


def cut_by_signal(name: str, options: dict[str, Any], cut: int, way: str) -> None:
    """Stop a training: by SIGKILL at step `cut`, by others `cut` ms after the first metrics."""
    if way == "SIGKILL":
        with forked(lambda: train(name, **options)) as (_, output):
            for line in output:
                if line.startswith("step") and int(line.split()[1]) >= cut:
                    return
        return
    settings = TINY | options
    text = [TABLE, *TABLE_OPTIONS] if settings.pop("is_table") else ["fox.txt"]
    given = [f"--{key.replace('_', '-')}={value}" for key, value in settings.items()]
    given = [option.replace("--dropout-rate", "--dropout") for option in given]
    command = [sys.executable, "-m", "textgen", "train", *text, "--run", name, *given]
    metrics = Path("checkpoints") / name / "metrics.jsonl"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if metrics.exists() and metrics.stat().st_size:
                time.sleep(cut / 1000)
                process.send_signal(signal.Signals[way])
                break
            time.sleep(0.01)


def kill(arguments: argparse.Namespace) -> str:
    """SIGKILL a training at random instants; each process resumes where the last was killed."""
    source, counts = random.Random(arguments.seed), Counter[str]()
    plan = {"steps": 600, "eval_every": 6, "checkpoint_every": 2, "devices": 1, "keep": 3}
    run_in_child("whole", **plan)
    whole, run = Run(Path("checkpoints/whole")), Run(Path("checkpoints/run"))
    acknowledged = 0
    for number in range(arguments.kills):
        with forked(lambda: train("run", **plan)) as (child, output):
            first = output.readline().split()  # `from N`, or nothing
            if first and int(first[1]) < acknowledged:
                counts["acknowledged steps lost"] += acknowledged - int(first[1])
            lines = list[list[str]]()
            if number % 4:  # during steps and saves
                for line in output:
                    lines.append(line.split())
                    if line.startswith("saved"):
                        break
                time.sleep(source.random() * 0.4)
            else:  # also while the run is restored
                time.sleep(source.random() * 1.5)
            os.kill(child, signal.SIGKILL)
            lines += [line.split() for line in output.read().splitlines()]
        saved = [int(line[1]) for line in lines if line[0] == "saved"]
        acknowledged = max([acknowledged, *saved])
        counts["kills"] += 1
        counts["notes of damage"] += sum(line[0] == "note" for line in lines)
        counts["in a write"] += bool(list(run.path.rglob(".tmp-*")))
        counts["damaged"] += len(run.problems())
        if max([0, *run.steps()]) < acknowledged:
            counts["acknowledged steps lost"] += 1
        if run.steps() and run.steps()[-1] == plan["steps"]:
            counts["runs finished"] += 1
            counts["finished equal to the uncut run"] += digests(run) == digests(whole)
            shutil.rmtree(run.path)
            acknowledged = 0
        if number % 50 == 49:
            print(f"  {dict(counts)}", flush=True)
    run_in_child("run", **plan)
    counts["runs finished"] += 1
    counts["finished equal to the uncut run"] += digests(run) == digests(whole)
    names = ("damaged", "acknowledged steps lost", "notes of damage")
    zero = {name: counts[name] for name in names}
    return ", ".join(f"{value} {name}" for name, value in (dict(counts) | zero).items())


# Script of one save and the pruning after it. The calls to kill begin at the first marker.
SAVE = """
import os, sys
from pathlib import Path
from dataclasses import replace
from textgen.runs.run import Run
run = Run(Path(sys.argv[1]))
source = run.load(run.steps()[-1], train_state=True)
checkpoint = replace(source, step=source.step + 1)
os.access("/textgen-begin", os.F_OK)
run.add_metrics([{"step": checkpoint.step}])
run.save(checkpoint)
os.access("/textgen-end", os.F_OK)
run.prune(2)
os.access("/textgen-end", os.F_OK)
"""
CALLS = "openat,write,fsync,rename,mkdir,unlink,unlinkat,rmdir,ftruncate,newfstatat,close,lseek"


def calls(arguments: argparse.Namespace) -> str:
    """Kill one save, and the pruning after it, before each of its system calls in turn."""
    if shutil.which("strace") is None:
        return "not run: there is no strace"
    run_in_child("run", steps=30, eval_every=10, checkpoint_every=10, devices=1, keep=9)
    kept = Run(Path("checkpoints/run"))
    command = [sys.executable, "-c", SAVE]

    def trial(*injected: str) -> tuple[int, str, Run]:
        shutil.rmtree("trial", ignore_errors=True)
        shutil.copytree(kept.path, "trial")
        strace = ["strace", "-f", "-o", "calls.log", "-e", f"trace=access,{CALLS}", *injected]
        code = subprocess.run([*strace, *command, "trial"], stderr=subprocess.DEVNULL).returncode
        return code, Path("calls.log").read_text(), Run(Path("trial"))

    _, log, _ = trial()
    counted, inside, points = Counter[str](), False, list[tuple[str, int]]()
    for line in log.splitlines():
        name = re.match(r"\d+\s+(\w+)\(", line)
        if name and name[1] == "access":
            inside = "textgen-begin" in line or (inside and "textgen" in line)
        elif name:
            counted[name[1]] += 1
            if inside:
                points.append((name[1], counted[name[1]]))
    counts = Counter[str]()
    for name, when in points:
        code, _, run = trial("-e", f"inject={name}:signal=SIGKILL:when={when}")
        counts["killed"] += code != 0
        counts["damaged"] += len(run.problems())
        counts["lost"] += run.steps()[-1] < 30
        run.remove_leftovers()
        run.cut_metrics(run.steps()[-1])
        steps = run.steps()[-1]
        resumable = run.load(steps, train_state=True).step == steps
        counts["resumable"] += resumable
    shutil.rmtree("trial")
    return (
        f"{len(points)} system calls, killed at {counts['killed']}: {counts['damaged']} damaged, "
        f"{counts['lost']} lost the checkpoint before, {counts['resumable']} can be resumed"
    )


def damage(arguments: argparse.Namespace) -> str:
    """Damage the files of a checkpoint one at a time; verifying and loading must notice."""
    source, counts = random.Random(arguments.seed), Counter[str]()
    run_in_child("run", steps=30, eval_every=10, checkpoint_every=10, devices=1, keep=9)
    run = Run(Path("checkpoints/run"))
    folder, other = run.folder(30), run.folder(20)
    sizes = {path: path.stat().st_size for path in folder.iterdir()}

    def expect(kind: str, path: Path, data: bytes | None, *, loads: bool = False) -> None:
        whole = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
        counts[f"{kind} made"] += 1
        counts[f"{kind} noticed"] += len(run.problems()) == 1
        try:
            run.load(30, train_state=True)
            counts[f"{kind} loaded"] += not loads
        except DamagedError:
            pass
        path.unlink(missing_ok=True)
        if whole is not None:
            path.write_bytes(whole)

    for number in range(arguments.cases):
        path = list(sizes)[number % len(sizes)]
        whole = bytearray(path.read_bytes())
        whole[source.randrange(len(whole))] ^= 1 << source.randrange(8)
        expect("flipped bits", path, bytes(whole))
    for path, size in sizes.items():
        whole = path.read_bytes()
        for length in range(0, size, 1024):
            expect("cuts", path, whole[:length])
        expect("zeros", path, bytes(size))
        expect("missing", path, None)
        expect("from another step", path, (other / path.name).read_bytes())
        for swapped in sizes.keys() - {path}:
            expect("swapped", path, swapped.read_bytes())
    # The file config.json is the same at every step, so that copying it damages nothing.
    counts["from another step made"] -= 1
    counts["from another step loaded"] -= 1
    expect("added", folder / "model.pkl", b"x", loads=True)
    kinds = sorted({name.rsplit(" ", 1)[0] for name in counts})
    return "; ".join(
        f"{kind}: {counts[f'{kind} noticed']} of {counts[f'{kind} made']} noticed, "
        f"{counts[f'{kind} loaded']} loaded"
        for kind in kinds
    )


def signals(arguments: argparse.Namespace) -> str:
    """Send signals at random instants of a command: start, compile, steps, evaluations, saves."""
    source, counts, waits = random.Random(arguments.seed), Counter[str](), list[float]()
    options = ["--hidden-size=64", "--steps=100000", "--eval-every=7", "--checkpoint-every=5"]
    for number in range(min(arguments.cases, 100)):
        name = f"s{number}"
        command = [sys.executable, "-m", "textgen", "train", "fox.txt", f"--run={name}", *options]
        chosen, delay = source.choice(list(SIGNALS)), source.uniform(0.05, 9)
        second = number % 4 == 3
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(delay)
            sent = time.perf_counter()
            process.send_signal(chosen)
            if second:
                time.sleep(0.05)
                process.send_signal(chosen)
            try:
                _, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                _, err = process.communicate()
        waits.append(time.perf_counter() - sent)
        run = Run(Path("checkpoints") / name)
        counts["sent"] += 1
        counts["right code"] += process.returncode in (SIGNALS[chosen], -chosen)
        counts["exactly 128 + n"] += process.returncode == SIGNALS[chosen]
        counts["tracebacks"] += "Traceback" in err
        if second:
            counts["sent twice"] += 1
            counts["longest wait of those sent twice, ms"] = max(
                counts["longest wait of those sent twice, ms"], round(1000 * waits.pop())
            )
        if run.exists():
            counts["runs begun"] += 1
            counts["damaged"] += len(run.problems())
            if not second:
                counts["saved, with a line that says how to go on"] += (
                    bool(run.steps()) and f"--resume {name}" in err
                )
                counts["runs begun, one signal"] += 1
            shutil.rmtree(run.path)
    counts["median wait, ms"] = round(1000 * statistics.median(waits))
    counts["longest wait, ms"] = round(1000 * max(waits))
    counts["damaged"] += 0
    return ", ".join(f"{name}: {value}" for name, value in counts.items())


def disk(arguments: argparse.Namespace) -> str:
    """Train on a small disk: with room, until it is full, and with most of it taken."""
    counts = Counter[str]()
    folder = Path("small")
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        return "not run: this user may not mount a disk"
    try:
        options = ["--hidden-size=32", "--num-layers=1", "--steps=400", "--eval-every=20"]
        command = [sys.executable, "-m", "textgen", "train", "fox.txt", "--checkpoint-every=20"]
        environment = os.environ | {"TEXTGEN_CHECKPOINTS": str(folder)}
        for keep, ballast in ((1, 0), (99, 0), (1, 400)):
            (folder / "ballast").write_bytes(bytes(1024 * ballast))
            done = subprocess.run(
                [*command, *options, "--run=r", f"--keep={keep}"],
                env=environment,
                capture_output=True,
                text=True,
            )
            run = Run(folder / "r")
            steps = run.steps() if run.exists() else []
            counts[f"keep {keep}, {ballast} KiB taken: code"] = done.returncode
            counts[f"keep {keep}, {ballast} KiB taken: last step"] = steps[-1] if steps else 0
            counts["damaged"] += len(run.problems()) if steps else 0
            counts["tracebacks"] += "Traceback" in done.stderr
            shutil.rmtree(run.path, ignore_errors=True)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    counts["damaged"] += 0
    return ", ".join(f"{name} {value}" for name, value in counts.items())


def readers(arguments: argparse.Namespace) -> str:
    """Load the best checkpoint repeatedly while a training saves and prunes."""
    from textgen.workflows.load import load_model

    counts = Counter[str]()
    plan = {"steps": 500, "eval_every": 1, "checkpoint_every": 1, "devices": 1, "keep": 1}
    with forked(lambda: train("run", **plan)) as (child, output):
        for line in output:
            if line.startswith("saved"):
                break
        os.set_blocking(output.fileno(), False)
        while not os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            try:
                model = load_model("run")
                counts["loaded"] += 1
                counts["different steps"] = max(counts["different steps"], model.step)
            except TextgenError as error:
                counts["refused"] += 1
                print(f"  {error}")
            with suppress(BlockingIOError):  # the pipe must not fill up
                os.read(output.fileno(), 2**16)
    return f"{counts['loaded']} loads, {counts['refused']} refused"


ESCAPES = (
    "\x1b]52;c;aGVsbG8=\x07 \x1b]0;title\x07 \x1b[2J\x1b[31mred\x1b[0m \x1bP1;2q\x1b\\ "
    "\x9b2J \x9d0;c1\x9c \u202eback\u202c \u2066in\u2069 \x7f\x00\x08\r end\n"
)


def terminal(arguments: argparse.Namespace) -> str:
    """Train a model to write escape sequences, and check what would reach a terminal."""
    from textgen.workflows.load import load_model
    from textgen.workflows.sample import Order, write_samples

    Path("fox.txt").write_text(ESCAPES * 100, encoding="utf-8", newline="")
    run_in_child("run", hidden_size=64, steps=800, eval_every=200, checkpoint_every=200, devices=1)
    order = Order(
        settings=SamplingSettings(temperature=1.0),
        length=1_000_000,
        seed=arguments.seed,
        engine="jax",
    )
    pieces = write_samples(load_model("run"), order)
    text = "".join(piece.text for _, piece in pieces)
    shown = visible(text)
    bad = [c for c in shown if (c < " " and c not in "\n\t") or "\x7f" <= c <= "\x9f"]
    hidden = [c for c in shown if c in "\u202e\u202c\u2066\u2069"]
    escapes = sum(c in "\x1b\x9b\x9d\x07" for c in text)
    return (
        f"{len(text):,} characters, {escapes:,} of them ESC, CSI, OSC or BEL; shown on a terminal: "
        f"{len(bad)} controls, {len(hidden)} overrides"
    )


def texts(arguments: argparse.Namespace) -> str:
    """Read generated corpora and prompts: each gives a result or an error of one line."""
    from hypothesis import HealthCheck, given, seed, settings
    from hypothesis import strategies as st

    from textgen.data.sources import load_text
    from textgen.data.vocabulary import Vocabulary
    from textgen.workflows.load import load_model

    run_in_child("run", steps=20, eval_every=10, checkpoint_every=10, devices=1)
    model, counts = load_model("run"), Counter[str]()
    marks = [b"\xef\xbb\xbf", b"\r\n", b"\r", b"\0", b"\n", b"\t", b"\x1b[2J", b"\xe2\x80\xae"]
    wrong = [b"\xff\xfe", b"\xed\xa0\x80", b"\x1f\x8b\x08", b"\xc3", b"\xf5\x80\x80\x80"]
    good = st.one_of(st.text().map(str.encode), st.sampled_from(marks))
    odd = st.one_of(
        st.lists(good, min_size=3),
        st.lists(st.one_of(good, st.sampled_from(wrong), st.binary(max_size=60))),
    )
    unchecked = settings(
        max_examples=arguments.cases // 2,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    path = Path("odd.txt")

    @seed(arguments.seed)
    @unchecked
    @given(odd, st.integers(1, 40))
    def corpus(parts: list[bytes], times: int) -> None:
        path.write_bytes(b"".join(parts) * times)
        try:
            text = load_text(path)
            whole = path.read_bytes().decode().replace("\ufeff", "").replace("\r\r\n", "\n")
            whole = whole.replace("\r\n", "\n").replace("\r", "\n")
            vocabulary = Vocabulary("".join(sorted(set(text))))
            same = text == whole == vocabulary.decode(vocabulary.encode(text))
            counts["corpora read, every character as it was"] += same
            counts["corpora read wrongly"] += not same
        except TextgenError as error:
            counts["corpora refused" if "\n" not in str(error) else "messages of many lines"] += 1

    @seed(arguments.seed)
    @unchecked
    @given(
        st.text(st.characters(exclude_categories=())), st.sampled_from(["error", "skip", "replace"])
    )
    def prompt(text: str, on_unknown: Any) -> None:
        try:
            generator = model.generator(seed=1)
            generator.feed(text, on_unknown)
            assert len("".join(generator.stream(5, SamplingSettings()))) == 5
            counts["prompts continued"] += 1
        except TextgenError:
            counts["prompts refused"] += 1

    corpus()
    prompt()
    return ", ".join(f"{value:,} {name}" for name, value in counts.items()) + ", 0 tracebacks"


def corpora(arguments: argparse.Namespace) -> str:
    """Read random files of every format: each gives its texts, or an error of one line."""
    from random_corpora import random_corpus

    from textgen.data.prepare import prepare_text
    from textgen.data.read_report import ReadReport
    from textgen.data.source_rules import SourceRules
    from textgen.data.sources import read_sources
    from textgen.data.text_rules import TextRules

    source, counts, begun = random.Random(arguments.seed), Counter[str](), time.perf_counter()
    slowest = 0.0
    for number in range(arguments.cases):
        made, started = random_corpus(source), time.perf_counter()
        path = Path(made.name)
        path.write_bytes(made.data)
        before = {*Path().iterdir()}
        is_lenient = made.texts is None and source.random() < 0.3
        rules = SourceRules(normalization="none", skip_broken=is_lenient)
        try:
            texts = [""]
            for _, pieces in read_sources([path], rules, ReadReport()):
                for piece in pieces:
                    texts[-1] += piece.text
                    texts += [""] * piece.is_end
            wrong = made.texts is not None and texts[:-1] != made.texts
            counts["read wrongly" if wrong else "read"] += 1
            with suppress(UsageError, CorpusError):  # for a text too short to train on
                prepare_text([path], TextRules(source=rules), Path("ids"))
        except TextgenError as error:
            told = str(error)
            is_bad = "\n" in told or made.texts is not None
            counts["refused wrongly" if is_bad else "refused in one line"] += 1
            if is_bad:
                print(f"  case {number}, {made.name}: {told[:200]}")
        except Exception as error:
            counts["tracebacks"] += 1
            print(f"  case {number}, {made.name}: {type(error).__name__}: {error}")
        Path("ids").unlink(missing_ok=True)
        counts["left files behind"] += {*Path().iterdir()} != before
        path.unlink()
        slowest = max(slowest, time.perf_counter() - started)
        if number % 1000 == 999:
            print(f"  {number + 1:,} in {time.perf_counter() - begun:.0f} s", flush=True)
    names = ("read", "read wrongly", "refused in one line", "refused wrongly", "tracebacks")
    told = ", ".join(f"{counts[name]:,} {name}" for name in (*names, "left files behind"))
    return f"{arguments.cases:,} files: {told}; the slowest took {slowest:.1f} s"


def soak(arguments: argparse.Namespace) -> str:
    """Train, kill and resume for some minutes; every twelfth process runs for long."""
    source, counts = random.Random(arguments.seed), Counter[str]()
    sizes, handles = list[int](), list[int]()
    plan = {"steps": 10**6, "eval_every": 20, "checkpoint_every": 10, "devices": 1, "keep": 3}
    run, ends, acknowledged = Run(Path("checkpoints/run")), time.time() + 60 * arguments.minutes, 0
    while time.time() < ends:
        # Every twelfth process runs for a quarter of the minutes, and its memory is watched.
        lives = source.uniform(1, 6) if counts["lives"] % 12 else 60 * arguments.minutes / 4
        dies = time.time() + lives
        with forked(lambda: train("run", **plan)) as (child, output):
            for line in output:
                if line.startswith("saved"):
                    acknowledged = int(line.split()[1])
                if time.time() > dies:
                    break
                if lives > 10 and line.startswith("saved") and acknowledged % 1000 == 0:
                    status = Path(f"/proc/{child}/status").read_text()
                    sizes.append(int(re.search(r"VmRSS:\s+(\d+)", status)[1]))  # type: ignore[index]
                    handles.append(len(os.listdir(f"/proc/{child}/fd")))
        counts["lives"] += 1
        counts["damaged"] += len(run.problems())
        counts["lost"] += run.steps()[-1] < acknowledged
    half = len(sizes) // 2
    early, late = statistics.median(sizes[:half]), statistics.median(sizes[half:])
    folder = sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
    return (
        f"{counts['lives']} lives, {run.steps()[-1]:,} steps, {counts['damaged']} damaged, "
        f"{counts['lost']} lost; resident "
        f"memory {early / 1024:.1f} MiB in the first half of the long "
        f"lives' samples and {late / 1024:.1f} in the second ({len(sizes)} samples), open files "
        f"{min(handles)} to {max(handles)}, the run {folder / 2**20:.2f} MiB"
    )


CAMPAIGNS = {
    work.__name__: work
    for work in (
        resume,
        kill,
        calls,
        damage,
        signals,
        disk,
        readers,
        terminal,
        texts,
        corpora,
        soak,
    )
}


def main() -> None:
    """Run the campaigns, each in a folder of its own."""
    arguments = parse_arguments()
    for number in SIGNALS:  # a shell ignores them in the background, and commands inherit that
        signal.signal(number, signal.default_int_handler if number == 2 else signal.SIG_DFL)
    # Forking is safe because JAX starts only in the children, which inherit these imports.
    import textgen.workflows.resume
    import textgen.workflows.train  # noqa: F401

    for name in arguments.campaigns:
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            Path("fox.txt").write_text(TEXT, encoding="utf-8")
            result = CAMPAIGNS[name](arguments)
            os.chdir("/")
        print(f"{name:<9} {result} ({time.perf_counter() - begun:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
