"""A save killed at each thing it asks of the system."""

import dataclasses
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from textgen.runs.run import Run


def killed_at(number: int, work: Callable[[], None]) -> bool:
    """Do work in a child that is killed before its Nth call into the system; was it?"""
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_save_killed_at_any_call_loses_and_damages_nothing(tiny_run: Path) -> None:
    source = Run(tiny_run).load(20, train_state=True)
    progress = dict(source.progress) | {"step": 30}
    checkpoint = dataclasses.replace(source, step=30, progress=progress)
    kept = Path(shutil.copytree(tiny_run, "kept"))
    seen, number, killed = set[tuple[int, ...]](), 0, True
    while killed:
        number += 1
        shutil.rmtree(tiny_run)
        run = Run(Path(shutil.copytree(kept, tiny_run)))

        def save(run: Run = run) -> None:
            run.add_metrics([{"step": 30}])
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
        assert not list(tiny_run.rglob(".tmp-*"))
    assert number > 40
    # Killed before the checkpoint had its name, before old ones were removed, and after.
    assert seen == {(10, 20), (10, 20, 30), (20, 30)}
