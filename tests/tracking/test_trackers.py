import sys
from pathlib import Path

import pytest

from textgen.errors import SettingError, UsageError
from textgen.tracking import trackers
from textgen.tracking.trackers import Tracker, check_target, name_of, open_trackers


def hear(event: dict[str, object]) -> None:
    pass


@pytest.mark.parametrize("target", ["tensorboard", "wandb", "module:function", "a.b_c:D.e", hear])
def test_a_target_is_a_tracker_or_a_function(target: object) -> None:
    assert check_target(target) == target


@pytest.mark.parametrize("target", ["", "module", "a:b:c", ":f", "m:", "a b:c", "a/b:c", 3, None])
def test_anything_else_is_refused(target: object) -> None:
    with pytest.raises(SettingError, match="log_to must be tensorboard, trackio, wandb or MODULE"):
        check_target(target)


def test_the_nearest_tracker_is_named() -> None:
    with pytest.raises(SettingError, match=r"got 'TensorBord'; did you mean tensorboard\?"):
        check_target("TensorBord")


def test_a_missing_package_is_named_with_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for package, *_ in trackers.TRACKERS.values():
        monkeypatch.setitem(sys.modules, package, None)
    for name, (package, *_) in trackers.TRACKERS.items():
        with pytest.raises(UsageError) as caught:
            open_trackers([name])
        assert str(caught.value).startswith(f"--log-to {name} needs the package {package} (")
        assert str(caught.value).endswith(f"; install it: pip install {package}")


def test_a_function_is_imported_from_the_current_folder(own_folder: Path) -> None:
    Path("heard_here.py").write_text("class Kept:\n    @staticmethod\n    def take(event): ...\n")
    before = list(sys.path)
    (function,) = open_trackers(["heard_here:Kept.take"])
    assert name_of(function) == "heard_here:Kept.take"
    assert not isinstance(function, Tracker)
    assert sys.path == before
    for wrong, problem in (
        ("heard_here:nothing", "has no attribute 'nothing'"),
        ("no_such_module:f", "No module named 'no_such_module'"),
        ("heard_here:__name__", "__name__ is no function, but str"),
    ):
        with pytest.raises(UsageError, match=problem):
            open_trackers([wrong])


def test_what_is_named_twice_is_logged_to_once() -> None:
    assert open_trackers([hear, hear]) == [hear]
