"""Change single places of the code at random, and count how many changes the tests notice.

    python benchmarks/mutation.py [--sample 200] [--seed 0] [--jobs 2] [--own-tests] [FILE...]

The changes are those of cosmic-ray: another operator, another number, a condition turned round, a
loop that runs no time. Each is made in a copy of the project, where the tests of the changed module
run first, then those of its package, then those that train and write as a whole. A change that none
of them notices has survived: it is printed, to be answered by a test or by a reason. Tests that run
for ever have noticed a change. cosmic-ray gets a virtual environment of its own, which is created
under benchmarks/.environments on the first run.
"""

import argparse
import difflib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

ROOT = Path(__file__).parents[1]
ENVIRONMENT = Path(__file__).parent / ".environments" / "cosmic_ray"
PACKAGE = "cosmic-ray==8.7.0"
# What is changed unless files are named. cuDNN's layout is tested only where there is a GPU.
FILES = [
    *(file for file in sorted(ROOT.glob("textgen/network/*.py")) if file.name != "cudnn.py"),
    *sorted(ROOT.glob("textgen/training/*.py")),
    ROOT / "textgen/generation/filters.py",
    ROOT / "textgen/runs/checkpoint.py",
]
# Tests that use many modules at once, the quickest first.
WHOLE = [
    "tests/test_golden.py",
    "tests/test_golden_resume.py",
    "tests/test_round_trips.py",
    "tests/test_python.py",
    "tests/evaluation",
    "tests/generation",
    "tests/network",
    "tests/training",
    "tests/runs",
    "tests/workflows",
]
# Tests run for ever when they take so many times as long as without a change, and the seconds.
TIMES, SECONDS = 4, 60


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, default=FILES, metavar="FILE")
    parser.add_argument("--sample", type=int, default=200, help="how many changes are made")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample")
    parser.add_argument("--jobs", type=int, default=2, help="changes that are tested at a time")
    parser.add_argument(
        "--own-tests",
        action="store_true",
        help="run the tests of the changed module and of its package alone, which is much faster",
    )
    parser.add_argument("--json", type=Path, help="write the survivors to this file")
    return parser.parse_args()


def sampled_changes(files: list[Path], count: int, seed: int) -> list[dict[str, Any]]:
    """Return changes of files; create cosmic-ray's environment if it is missing."""
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "installed").exists():
        print(f"installing {PACKAGE} into {ENVIRONMENT}", file=sys.stderr)
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], check=True)
        (ENVIRONMENT / "installed").touch()
    names = [str(file.resolve().relative_to(ROOT)) for file in files]
    command = [python, ROOT / "benchmarks" / "mutants.py", str(count), str(seed), *names]
    lines = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in lines.splitlines()]


def copy_project(folder: Path) -> Path:
    """Copy all files of the project that git knows."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    for name in names.stdout.decode().split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


def tests_of(file: str, *, own: bool) -> list[list[str]]:
    """Return the tests that are to notice a change of a file, in the order in which they run.

    Args:
        file: path of the file.
        own: whether those that use many modules at once are left out.
    """
    _, package, name = Path(file).parts
    mirror = f"tests/{package}/test_{name}"
    stages = [[mirror], [f"tests/{package}"], *([] if own else [WHOLE])]
    return [stage for stage in stages if all((ROOT / test).exists() for test in stage)]


def notices(copy: Path, tests: list[str], patience: float | None = None) -> bool:
    """Run tests in a copy of the project; return whether any fails or does not end in time."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command,
        cwd=copy,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            return process.wait(patience) != 0
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return True


def seconds_of(copy: Path, tests: list[str]) -> float:
    """Run tests in a copy of the project that has no change; return how long they take."""
    begun = time.monotonic()
    if notices(copy, tests):
        raise SystemExit(f"without any change, these tests fail: {' '.join(tests)}")
    seconds = time.monotonic() - begun
    print(f"{seconds:.0f} s: {' '.join(tests)}", file=sys.stderr)
    return seconds


def is_noticed(
    change: dict[str, Any], stages: list[list[str]], copy: Path, seconds: dict[str, float]
) -> bool:
    """Make a change in a copy of the project and return whether tests notice it.

    Args:
        change: the change.
        stages: what `tests_of` returned for its file.
        copy: the copy.
        seconds: how long tests take without a change; those that were not run before are added.
    """
    changed = copy / change["file"]
    for tests in stages:
        name = str(tests)
        if name not in seconds:
            seconds[name] = seconds_of(copy, tests)
        changed.write_text(change["source"], encoding="utf-8")
        try:
            if notices(copy, tests, TIMES * seconds[name] + SECONDS):
                return True
        finally:
            shutil.copy2(ROOT / change["file"], changed)
    return False


def difference(change: dict[str, Any]) -> str:
    """Return the changed lines."""
    before = (ROOT / change["file"]).read_text(encoding="utf-8").splitlines()
    lines = difflib.unified_diff(before, change["source"].splitlines(), n=0, lineterm="")
    return "\n".join(f"    {line}" for line in list(lines)[3:])


def main() -> None:
    """Test a sample of changes and print the survivors and a table."""
    arguments = parse_arguments()
    changes = sampled_changes(arguments.files, arguments.sample, arguments.seed)
    made, noticed = Counter[str](), Counter[str]()
    survivors = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        copies = SimpleQueue[Path]()
        for number in range(arguments.jobs):
            copies.put(copy_project(Path(folder) / str(number)))
        seconds: dict[str, float] = {}

        def test(change: dict[str, Any]) -> bool:
            copy = copies.get()
            try:
                stages = tests_of(change["file"], own=arguments.own_tests)
                return is_noticed(change, stages, copy, seconds)
            finally:
                copies.put(copy)

        for change, found in zip(changes, pool.map(test, changes), strict=True):
            package = change["file"]
            made[package] += 1
            noticed[package] += found
            print(f"{made.total()} of {len(changes)} tested", file=sys.stderr)
            if not found:
                survivors.append(change)
                print(f"survived: {package}:{change['line']}\n{difference(change)}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(survivors), encoding="utf-8")
    print("\n| file | changes | noticed | % |\n|---|---|---|---|")
    for name in sorted(made):
        print(
            f"| {name} | {made[name]} | {noticed[name]} | {100 * noticed[name] / made[name]:.0f} |"
        )
    total, found = made.total(), noticed.total()
    print(f"| all | {total} | {found} | {100 * found / total:.1f} |")


if __name__ == "__main__":
    main()
