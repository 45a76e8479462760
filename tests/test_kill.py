"""A save killed at each thing it asks of the system."""

import dataclasses
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textgen.runs.run import Run

ROOT = Path(__file__).parents[1]


def killed_at(number: int, work: Callable[[], None]) -> bool:
    """Work in a child that is killed before its Nth call into the system; return whether it was."""
    child = os.fork()
    if not child:
        calls = 0

        def count(frame: Any, event: str, function: Any) -> None:
            nonlocal calls
            owner = type(getattr(function, "__self__", None)).__module__
            asks = getattr(function, "__module__", None) == "posix" or owner == "_io"
            if event == "c_call" and asks:
                calls += 1
                if calls == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        code = 1
        try:
            sys.setprofile(count)
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def kill_saves(folder: Path) -> None:
    """Kill a save of a run at each call, and check what is left; then save again."""
    source = Run(folder).load(20, train_state=True)
    progress = dict(source.progress) | {"step": 30}
    checkpoint = dataclasses.replace(source, step=30, progress=progress)
    kept = Path(shutil.copytree(folder, "kept"))
    assert source.validation_loss is not None
    row = {"step": 30, "validation_bits_per_character": source.validation_loss / math.log(2)}
    seen, number, killed = set[tuple[int, ...]](), 0, True
    while killed:
        number += 1
        shutil.rmtree(folder)
        run = Run(Path(shutil.copytree(kept, folder)))

        def save(run: Run = run) -> None:
            run.add_metrics([row])
            run.save(checkpoint)
            run.prune(1)

        killed = killed_at(number, save)
        assert run.problems() == []
        steps = run.steps()
        assert 20 in steps or 30 in steps
        seen.add(tuple(steps))
        # What a resume does first, and then the same save again.
        run.remove_leftovers()
        run.cut_metrics(steps[-1])
        run.save(checkpoint)
        assert run.steps()[-1] == 30
        assert run.problems() == []
        assert not list(folder.rglob(".tmp-*"))
    assert number > 40
    # Killed before the checkpoint had its name, before old ones were removed, and after.
    assert seen == {(10, 20), (10, 20, 30), (20, 30)}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_save_killed_at_any_call_loses_and_damages_nothing(tiny_run: Path) -> None:
    # In a process without JAX, which is small, so that it forks quickly.
    code = "import sys, pathlib, tests.test_kill as t; t.kill_saves(pathlib.Path(sys.argv[1]))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, str(tiny_run)], env=environment, check=True)
