import sys
from types import SimpleNamespace
from typing import Any

import pytest

from textgen.errors import SettingError
from textgen.python import notebook
from textgen.python.notebook import CellDisplay, NoDisplay, check_progress, display_of
from textgen.terminal.display.progress import TrainingDisplay
from textgen.workflows.events import Note


def test_a_cell_is_drawn_in_one_place_and_twice_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = list[tuple[str, object]]()
    handle = SimpleNamespace(update=lambda shown: drawn.append(("update", shown)))

    def display(shown: object, *, display_id: bool) -> Any:
        assert display_id
        drawn.append(("display", shown))
        return handle

    now = [100.0]
    monkeypatch.setattr(notebook.time, "monotonic", lambda: now[0])
    with CellDisplay("training", display) as cell:
        for now[0] in (100.0, 100.1, 100.4, 100.6, 100.7):
            cell.show(Note("x"))
    assert drawn == [("display", "training"), *[("update", "training")] * 3]


def test_only_a_notebook_is_drawn_in_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert isinstance(display_of(None, "auto"), NoDisplay)
    assert "IPython" not in sys.modules
    for shell in (None, object()):  # no IPython runs, or it runs on a terminal
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda s=shell: s))  # type: ignore[arg-type]
        assert isinstance(display_of(None, "auto"), NoDisplay)
    kernel = SimpleNamespace(kernel=object())
    display = SimpleNamespace(display=lambda *_, **__: None)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: kernel))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", display)  # type: ignore[arg-type]
    assert isinstance(display_of(None, "auto"), CellDisplay)
    assert isinstance(display_of(None, "none"), NoDisplay)
    assert isinstance(display_of(None, "plain"), TrainingDisplay)


def test_a_wrong_way_to_show_progress_is_refused() -> None:
    with pytest.raises(SettingError, match="progress must be auto, live, plain, none, got 'bar'"):
        check_progress("bar")
