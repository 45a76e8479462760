"""Train with several processes on this machine: the same bits, what they survive, and their cost.

    python benchmarks/hosts.py equal | kills | cuts | speed | memory | slow [--seed 0]

    equal   2 and 4 processes of one device, and one process of as many devices: 300 steps with
            evaluations, stopped in the middle and gone on with; compares the checkpoints
    kills   SIGKILL or SIGSTOP of a random process at a random time, or in the middle of a save,
            again and again (--times 100); the same command then goes on. Counts lost steps,
            processes that hang or are left over, and damage
    cuts    the same with a cut cable between two hosts, which are network namespaces (--times 20);
            half of the cuts are told to one host, the others to none. Needs root
    speed   one process of two devices against two processes of one, in turns
    memory  resident memory of a process of two, and of one alone, on one device each
    slow    two processes, one of which has a small share of its core, or a slow and bad link

Each prints one line for each measurement. The processes share the cores of this machine.
"""

import argparse
import hashlib
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from host_link import Link, missing
from host_processes import Processes

from textgen.runs.files import TEMPORARY
from textgen.runs.run import Run

NETWORK = ["--hidden-size", "64", "--num-layers", "2", "--batch-size", "16"]
# Starts a command in one process of more devices than the machine may have cores.
WITH_DEVICES = (
    "import sys, jax; jax.config.update('jax_num_cpu_devices', int(sys.argv.pop(1)));"
    "jax.devices(); from textgen.__main__ import main; main()"
)
# Longest time in which all are to have ended after one was lost, in seconds.
WATCHDOG = 60
# The same while they are not yet training, which includes the time to import JAX. On a busy machine
# that may take minutes.
BEGINNING = 400
# Exit codes of processes that were lost, that have lost another one, or did not meet it in time.
EXPECTED = {75, -signal.SIGKILL, 1}
# Seconds between two looks whether a save has begun.
LOOK_SECONDS = 0.0005


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "measurement", choices=["equal", "kills", "cuts", "speed", "memory", "slow"]
    )
    parser.add_argument("--times", type=int, help="number of kills or cuts")
    parser.add_argument("--lanes", type=int, default=2, help="trainings at once for kills and cuts")
    parser.add_argument("--rounds", type=int, default=3, help="turns of the speed")
    parser.add_argument("--seed", type=int, default=0, help="seed of the times and the victims")
    return parser.parse_args()


def finish(processes: Processes) -> str:
    """Wait for the end of a training that nothing disturbs; return what the first one printed."""
    with processes:
        ended = processes.ended()
    for code, _, errors in ended:
        if code:
            raise SystemExit(f"a process ended with {code}: {errors[-2000:]}")
    return ended[0][1]


def sums(run: Path, step: int) -> list[str]:
    """Return the SHA-256 of the arrays of a checkpoint."""
    folder = Run(run).folder(step)
    return [
        hashlib.sha256((folder / f"{name}.safetensors").read_bytes()).hexdigest()
        for name in ("model", "train_state")
    ]


def measure_equality(folder: Path) -> None:
    """Compare the checkpoints of several processes with those of one."""
    steps = ["--steps", "300", "--eval-every", "50", "--checkpoint-every", "50"]
    for count in (2, 4):
        plan = ["fables", *NETWORK, *steps, "--devices", str(count)]
        one, several = (folder / f"{name}{count}" for name in ("one", "several"))
        alone = [sys.executable, "-c", WITH_DEVICES, str(count), "train", *plan]
        subprocess.run([*alone, "--run", str(one), "--quiet"], check=True)
        command = [*plan, "--run", str(several), "--resume-or-start", "--quiet"]
        for more in (["--stop-after", "170"], []):
            finish(Processes([*command, *more], folder, count=count))
        same = "the same bits" if sums(one, 300) == sums(several, 300) else "OTHER BITS"
        print(f"{count} processes, 300 steps, stopped at 170 and gone on with: {same}", flush=True)


class Trial:
    """A training that is disturbed again and again, and what went wrong.

    Attributes:
        count: how often it was disturbed, and what went wrong, by name.
        seconds: time from each disturbance to the end of the others, in seconds, while they were
            training and before.
    """

    def __init__(self, folder: Path, source: random.Random) -> None:
        """Prepare the training.

        Args:
            folder: where it runs.
            source: of the times and the victims.
        """
        self._folder, self._source, self._run = folder, source, folder / "disturbed"
        self._acknowledged = 0
        self.count, self.seconds = Counter[str](), defaultdict[str, list[float]](list)
        every = ["--eval-every", "20", "--checkpoint-every", "20"]
        self._plan = ["fables", *NETWORK, "--steps", "1000000", *every, "--devices", "2"]
        self._plan += ["--run", str(self._run), "--resume-or-start", "--hosts-timeout", "20"]
        self._plan += ["--json"]

    def kill_one(self) -> None:
        """Start the training, and kill or stop one of its processes."""
        processes = Processes(self._plan, self._folder)
        self._wait(processes)
        victim, how = (
            self._source.randrange(2),
            self._source.choice((signal.SIGKILL, signal.SIGSTOP)),
        )
        # The guard of a process can be killed too, and what it guards then is to end as well.
        workers = [processes.worker(victim), processes.started[victim].pid]
        target = workers[0] if how == signal.SIGSTOP else self._source.choice(workers)
        with suppress(ProcessLookupError):
            os.kill(target, how)
        self.count[how.name] += 1
        with processes:
            self._end(processes, (1 - victim,), lambda: _kill(target))

    def cut_cable(self, link: Link) -> None:
        """Start the training on two hosts, and cut the cable between them."""
        link.plug()
        processes = Processes(self._plan, self._folder, link=link)
        self._wait(processes)
        cut = self._source.choice((link.unplug, link.lose_all))
        cut()
        self.count[cut.__name__] += 1
        with processes:
            self._end(processes, (0, 1), lambda: None)

    def _wait(self, processes: Processes) -> None:
        """Wait for a random time of the beginning, or of training, or for the middle of a save."""
        moment = self._source.choice(("beginning", "training", "save", "save"))
        if moment == "beginning":
            time.sleep(self._source.uniform(1, 25))
            return
        # The first save of a training that goes on may be of another length than the later ones.
        wanted = _saved(self._run) + 20 * self._source.randint(1, 4)
        checkpoints = self._run / "checkpoints"
        while processes.started[0].poll() is None:
            if _saved(self._run) >= wanted:
                if moment == "training":
                    time.sleep(self._source.uniform(0, 10))
                    return
                if any(checkpoints.glob(f"{TEMPORARY}*")):
                    time.sleep(self._source.uniform(0, 0.003))
                    return
            time.sleep(LOOK_SECONDS)

    def _end(
        self, processes: Processes, left: Sequence[int], finally_kill: Callable[[], None]
    ) -> None:
        """Wait for the end of the processes that are left, and count what is wrong."""
        begun = time.perf_counter()
        self.count["disturbed"] += 1
        checkpoints = self._run / "checkpoints"
        self.count["in a save"] += any(checkpoints.glob(f"{TEMPORARY}*"))
        for number in left:
            remaining = BEGINNING - (time.perf_counter() - begun)
            with suppress(subprocess.TimeoutExpired):
                processes.started[number].wait(max(0.1, remaining))
            _kill(processes.worker(number))
        took = time.perf_counter() - begun
        finally_kill()
        results = processes.ended(WATCHDOG)
        was_training = '"plan"' in results[0][1]
        self.seconds["training" if was_training else "beginning"].append(took)
        if took > (WATCHDOG if was_training else BEGINNING):
            self._note("hangs", f"there after {took:.0f} s")
        for number, (code, _, errors) in enumerate(results):
            lines = [line for line in errors.splitlines() if line.startswith("textgen: ")]
            if number in left and (code not in EXPECTED or len(lines) != 1):
                self._note("odd ends", f"process {number} ended with {code}: {errors[-3000:]}")
            self.count[f"code {code}"] += 1
        time.sleep(1.5)  # the child of a killed guard looks once a second whether it is there
        if orphans := _with_argument(str(self._run)):
            self._note("orphans", f"left over: {orphans}")
        self._compare(results[0][1])

    def _compare(self, output: str) -> None:
        """Compare what is on the disk with what was told."""
        events = [json.loads(line) for line in output.splitlines() if line.endswith("}")]
        told = [event["step"] for event in events if event["type"] == "checkpoint"]
        self._acknowledged = max([self._acknowledged, *told])
        if (self._run / "run.json").exists():
            if self._acknowledged > _saved(self._run):
                self._note("lost", f"step {self._acknowledged} is not there")
            for problem in Run(self._run).problems():
                self._note("damaged", str(problem))
        elif self._acknowledged:
            self._note("lost", "the run is not there")

    def _note(self, what: str, words: str) -> None:
        self.count[what] += 1
        print(f"{what}: {words}", file=sys.stderr, flush=True)


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _saved(run: Path) -> int:
    """Return the newest step that is saved; 0 if there is none."""
    names = (run / "checkpoints").glob("step-*")
    return max((int(path.name.removeprefix("step-")) for path in names), default=0)


def _with_argument(argument: str) -> list[int]:
    """Return the processes of this machine that were started with an argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if argument.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def measure_trials(folder: Path, kind: str, times: int, lanes: int, seed: int) -> None:
    """Disturb trainings again and again, and count what is lost."""
    left = iter(range(times))

    def work(lane: int) -> Trial:
        own = folder / f"lane{lane}"
        own.mkdir()
        trial = Trial(own, random.Random(1000 * seed + lane))
        with ExitStack() as stack:
            link = stack.enter_context(Link(own)) if kind == "cuts" else None
            for number in left:
                if link is None:
                    trial.kill_one()
                else:
                    trial.cut_cable(link)
                print(number + 1, dict(trial.count), file=sys.stderr, flush=True)
        return trial

    with ThreadPoolExecutor(lanes) as pool:
        trials = [*pool.map(work, range(lanes))]
    count = sum((trial.count for trial in trials), Counter[str]())
    training, beginning = (
        [one for trial in trials for one in trial.seconds[phase]]
        for phase in ("training", "beginning")
    )
    print(
        f"{count['disturbed']} {kind}, {count['in a save']} of them in a save: {count['lost']} lost"
        f" steps, {count['hangs']} hangs, {count['orphans']} left over, {count['damaged']} damaged"
        f" files, {count['odd ends']} odd ends. {len(training)} times the others were training and"
        f" ended after {statistics.median(training):.0f} s (at most {max(training):.0f}), else"
        f" after at most {max(beginning, default=0):.0f} s. {dict(sorted(count.items()))}"
    )


def measure_speed(folder: Path, rounds: int) -> None:
    """Compare the speed of two processes with that of one of two devices, in turns."""
    plan = ["fables", "--hidden-size", "256", "--num-layers", "2", "--steps", "120"]
    plan += ["--eval-every", "40", "--devices", "2", "--json"]
    speeds: dict[str, list[float]] = {"one": [], "two": []}
    for turn in range(rounds):
        for name, count in (("one", 1), ("two", 2)):
            arguments = [*plan, "--run", str(folder / f"{name}{turn}")]
            speeds[name].append(speed_of(finish(Processes(arguments, folder, count=count))))
    one, two = (statistics.median(speeds[name]) for name in ("one", "two"))
    ratios = [b / a for a, b in zip(speeds["one"], speeds["two"], strict=True)]
    print(
        f"2x256: one process {one:,.0f} characters/s, two processes {two:,.0f}, ratio "
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    )


def speed_of(output: str) -> float:
    """Return the highest speed that a training printed, in characters per second."""
    return max(map(float, re.findall(r'"characters_per_second": ([\d.]+)', output)))


def measure_memory(folder: Path) -> None:
    """Compare the resident memory of each of two processes with that of one alone."""
    for network in ("64", "256"):
        plan = ["names", "--hidden-size", network, "--num-layers", "2", "--steps", "10"]
        plan += ["--eval-every", "5", "--quiet"]
        peaks = {}
        for count, batch in ((1, 16), (2, 32)):  # as many rows for each process
            arguments = [*plan, "--batch-size", str(batch), "--devices", str(count)]
            arguments += ["--run", str(folder / f"memory{network}-{count}")]
            processes = Processes(arguments, folder, count=count)
            with sampled(lambda one=processes: _resident(one)) as samples:
                finish(processes)
            peaks[count] = [max(column) / 2**20 for column in zip(*samples, strict=True)]
        ((alone,), both) = peaks[1], peaks[2]
        print(
            f"2x{network}: {alone:,.0f} MiB alone; of two processes the first {both[0]:,.0f} "
            f"({both[0] / alone:.2f} times), the second with its guard {both[1]:,.0f} "
            f"({both[1] / alone:.2f} times)",
            flush=True,
        )


def _resident(processes: Processes) -> list[int]:
    """Return the resident memory of each process, with that of its guard, in bytes."""
    sizes = []
    for number, process in enumerate(processes.started):
        size = 0
        for one in {process.pid, processes.worker(number)}:
            with suppress(OSError):
                pages = Path(f"/proc/{one}/statm").read_text().split()[1]
                size += int(pages) * os.sysconf("SC_PAGE_SIZE")
        sizes.append(size)
    return sizes


@contextmanager
def sampled(look: Callable[[], list[int]]) -> Iterator[list[list[int]]]:
    """Look at something ten times a second while the context lasts; yield what was seen."""
    samples, over = [look()], threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            samples.append(look())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def measure_slowness(folder: Path) -> None:
    """Train beside a host that is slow, or over a slow link: all is right, only slower."""
    steps = ["--steps", "200", "--eval-every", "50", "--devices", "2", "--json"]
    plan = ["fables", *NETWORK, *steps]
    shares = {"as fast as the other": 1.0, "with a quarter of its time": 0.25}
    shares["with a twentieth of its time"] = 0.05
    speeds, results = [], set[str]()
    for name, share in shares.items():
        run = folder / f"share{share}"
        processes = Processes([*plan, "--run", str(run)], folder)
        with slowed(processes, share):
            speeds.append(speed_of(finish(processes)))
        results.add(sums(run, 200)[1])
        print(f"a host {name}: speed {speeds[-1] / speeds[0]:.2f}", flush=True)
    if not missing():
        for seconds, loss in ((0.0, 0.0), (0.005, 0.0), (0.005, 0.02), (0.1, 0.02)):
            run = folder / f"link{seconds}-{loss}"
            with Link(folder, seconds=seconds, loss=loss) as link:
                output = finish(Processes([*plan, "--run", str(run)], folder, link=link))
            results.add(sums(run, 200)[1])
            ratio = speed_of(output) / speeds[0]
            print(
                f"a link of {1000 * seconds:g} ms that loses {100 * loss:g} %: speed {ratio:.2f}",
                flush=True,
            )
    print("the same bits in all" if len(results) == 1 else "OTHER BITS")


@contextmanager
def slowed(processes: Processes, share: float) -> Iterator[None]:
    """Let the last process run for a share of the time only, in turns of half a second."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.5 * share):
            target = processes.worker(-1)
            with suppress(ProcessLookupError):
                os.kill(target, signal.SIGSTOP)
                over.wait(0.5 * (1 - share))
                os.kill(target, signal.SIGCONT)

    thread = threading.Thread(target=work)
    if share < 1:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if share < 1:
            thread.join()


def main() -> None:
    """Run a measurement in a folder of its own."""
    arguments = parse_arguments()
    kind, times = arguments.measurement, arguments.times
    if kind == "cuts" and (reason := missing()):
        raise SystemExit(f"no hosts can be made here: {reason}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if kind in ("kills", "cuts"):
            times = times or {"kills": 100, "cuts": 20}[kind]
            measure_trials(folder, kind, times, arguments.lanes, arguments.seed)
        elif kind == "equal":
            measure_equality(folder)
        elif kind == "speed":
            measure_speed(folder, arguments.rounds)
        elif kind == "memory":
            measure_memory(folder)
        else:
            measure_slowness(folder)


if __name__ == "__main__":
    main()
