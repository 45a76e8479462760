import shutil
from pathlib import Path

import pytest

from textgen.errors import RunNotFoundError, SettingError, UsageError
from textgen.runs.library import find_run
from textgen.runs.mixed_names import find_runs, full_weights


@pytest.fixture
def runs(tiny_run: Path) -> Path:
    """Return the folder of runs that are called fox, hen, c++ and hen:0.5."""
    for name in ("hen", "c++", "hen:0.5"):
        shutil.copytree(tiny_run, tiny_run.with_name(name))
    return tiny_run.parent


def found(name: str | None, *further: str) -> list[tuple[str, float | None]]:
    return [(run.path.name, weight) for run, weight in find_runs(name, further)]


def test_runs_are_joined_by_a_plus_with_or_without_weights(runs: Path) -> None:
    assert found("fox") == [("fox", None)]
    assert found("fox+hen") == [("fox", None), ("hen", None)]
    assert found("fox:0.7+hen:0.3") == [("fox", 0.7), ("hen", 0.3)]
    assert found("fox+fox:.25+hen") == [("fox", None), ("fox", 0.25), ("hen", None)]
    assert found("fox", "hen:1e-3", "fox:0.5+hen") == [
        ("fox", None),
        ("hen", 0.001),
        ("fox", 0.5),
        ("hen", None),
    ]
    assert found(f"{runs}/fox:0.9+{runs}/hen") == [("fox", 0.9), ("hen", None)]


def test_a_run_of_the_whole_name_takes_precedence(runs: Path) -> None:
    assert found("c++") == [("c++", None)]
    assert found("c+++hen") == [("c++", None), ("hen", None)]
    assert found("hen+c++:0.5") == [("hen", None), ("c++", 0.5)]
    assert found("hen:0.5") == [("hen:0.5", None)]
    shutil.copytree(runs / "fox", runs / "fox+hen")
    assert found("fox+hen") == [("fox+hen", None)]
    assert find_run("fox+hen").name == "fox+hen"


@pytest.mark.parametrize(
    ("name", "missing"),
    [("cow+fox", "cow"), ("fox+cow:0.5", "cow"), ("fox+", "fox+"), ("+fox", "+fox"), ("+", "+")],
)
def test_the_run_that_is_missing_is_named(runs: Path, name: str, missing: str) -> None:
    with pytest.raises(RunNotFoundError) as caught:
        find_runs(name)
    assert caught.value.name == missing
    assert set(caught.value.available) == {"fox", "hen", "c++", "hen:0.5"}


@pytest.mark.parametrize("weight", ["0", "1", "1.5", "-0.1", "nan", "inf", "0.0"])
def test_a_weight_is_between_0_and_1(runs: Path, weight: str) -> None:
    message = r"the weight of a run must be in \(0, 1\), as in other:0.3, got 'fox:"
    with pytest.raises(SettingError, match=message):
        find_runs(f"hen+fox:{weight}")


def test_one_run_alone_has_no_weight(runs: Path) -> None:
    with pytest.raises(UsageError, match=r"'fox:0.5' gives a weight to one run alone"):
        find_runs("fox:0.5")


def test_what_is_for_one_run_refuses_several(runs: Path) -> None:
    for name in ("fox+hen", "fox:0.7+hen:0.3", "fox+cow"):
        with pytest.raises(UsageError, match="mixes several runs, and this is for one"):
            find_run(name)
    with pytest.raises(RunNotFoundError):
        find_run("cow+hen")


def test_runs_without_a_weight_share_what_is_left() -> None:
    assert full_weights([None, None]) == (0.5, 0.5)
    assert full_weights([None, 0.25]) == (0.75, 0.25)
    assert full_weights([0.5, None, None]) == (0.5, 0.25, 0.25)
    assert full_weights([0.333, 0.333, 0.333]) == pytest.approx([1 / 3] * 3)
    assert sum(full_weights([0.7, 0.3])) == 1


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([None, 0.5, 0.5], r"add up to 1, which leaves nothing for the run without one"),
        ([None, 0.9, 0.9], r"add up to 1.8, which leaves nothing"),
        ([0.5, 0.6], r"add up to 1.1; they must add up to 1, or leave one of them out"),
        ([0.5, 0.4], r"add up to 0.9; they must add up to 1"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights: list[float | None], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        full_weights(weights)
