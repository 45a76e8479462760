from pathlib import Path
from typing import Literal

import pytest

from tests.networks import random_model
from textgen.errors import DamagedError
from textgen.generation import copy_index
from textgen.runs.kept_index import COPIES, TRACE
from textgen.runs.run import Run
from textgen.settings import SamplingSettings
from textgen.workflows import sample as module
from textgen.workflows.load import load_model
from textgen.workflows.sample import Order, report_samples, write_samples


def texts(num_samples: int, engine: str, length: int = 40, prompt: str = "the ") -> list[str]:
    order = Order(
        settings=SamplingSettings(),
        prompt=prompt,
        length=length,
        num_samples=num_samples,
        seed=5,
        engine=engine,  # type: ignore[arg-type]
    )
    pieces = write_samples(load_model("fox"), order)
    found: list[str] = []
    finished: list[int] = []
    for number, piece in pieces:
        assert number in (len(found) - 1, len(found))
        if number == len(found):
            found.append("")
        found[number] += piece.text
        finished += [number] if piece.finish == "length" else []
    assert finished == list(range(num_samples))
    return found


@pytest.mark.slow
def test_samples_are_the_same_alone_together_and_on_both_engines(tiny_run: Path) -> None:
    three = texts(3, "numpy")
    assert [len(text) for text in three] == [40] * 3
    assert len(set(three)) == 3
    assert texts(3, "jax") == three
    assert texts(1, "jax") == three[:1]
    assert texts(70, "jax")[:3] == three


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "num_samples"), [("numpy", 1), ("numpy", 3), ("jax", 3)])
def test_writing_stops_soon_and_what_is_written_until_then_is_kept(
    tiny_run: Path, engine: Literal["numpy", "jax"], num_samples: int
) -> None:
    order = Order(settings=SamplingSettings(), length=10**9, num_samples=num_samples, engine=engine)
    asked = iter([False] * 4 + [True] * 1000)
    pieces = list(write_samples(load_model("fox"), order, should_stop=lambda: next(asked)))
    texts = [piece.text for _, piece in pieces]
    assert 0 < len("".join(texts)) < 10_000
    assert all(piece.finish is None for _, piece in pieces)
    asked = iter([False] * 4 + [True] * 1000)
    assert not list(report_samples(load_model("fox"), order, should_stop=lambda: next(asked)))


def test_a_long_prompt_can_be_stopped_while_it_is_read(tiny_run: Path) -> None:
    asked = iter([False, True])
    order = Order(settings=SamplingSettings(), prompt="the " * 2000)
    assert not list(write_samples(load_model("fox"), order, should_stop=lambda: next(asked)))


def test_a_checkpoint_pruned_while_it_is_read_is_read_from_its_successor(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tiny_run)
    best, load = run.best_step(), Run.load

    def pruned_meanwhile(self: Run, step: int) -> object:
        if step == best and self.folder(step).exists():
            (self.folder(step) / "model.safetensors").unlink()
            self.folder(step).rename(self.path / "pruned")
        return load(self, step)

    monkeypatch.setattr(Run, "load", pruned_meanwhile)
    assert load_model("fox").step == ({10, 20} - {best}).pop()


def test_a_damaged_checkpoint_that_is_still_there_is_refused(tiny_run: Path) -> None:
    run = Run(tiny_run)
    (run.folder(run.best_step()) / "model.safetensors").unlink()
    with pytest.raises(DamagedError, match="missing"):
        load_model("fox")


@pytest.mark.slow
@pytest.mark.parametrize(("hidden_size", "is_one_kernel"), [(320, True), (321, False)])
def test_only_small_networks_are_compiled_into_one_kernel(
    hidden_size: int, is_one_kernel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(module, "prepare_jax", lambda **given: asked.append(given))
    order = Order(settings=SamplingSettings(), length=1, engine="jax")
    list(write_samples(random_model(hidden=hidden_size, layers=1), order))
    assert asked
    assert all(one == {"one_kernel": is_one_kernel} for one in asked)


def test_no_characters_are_no_characters(tiny_run: Path) -> None:
    assert texts(2, "jax", length=0) == ["", ""]
    assert texts(2, "numpy", length=0) == ["", ""]


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "num_samples"), [("numpy", 1), ("jax", 3)])
def test_what_takes_long_before_a_text_is_told(
    tiny_run: Path, engine: Literal["numpy", "jax"], num_samples: int
) -> None:
    told: list[str] = []
    order = Order(
        settings=SamplingSettings(),
        prompt="the fox " * 300,
        length=3,
        num_samples=num_samples,
        engine=engine,
    )
    silent = []
    for _ in write_samples(load_model("fox"), order, tell=told.append):
        silent.append(len(told))
    assert told[:2] == ["reading the prompt", "reading the prompt, 0 of 2,400 characters"]
    if engine == "numpy":
        assert {*silent} == {len(told)}  # nothing is told once the text flows
    else:
        assert "starting JAX and compiling the network" in told[2:-1]
        assert told[-1] == "writing samples 1 to 3, up to 3 characters"
    told.clear()
    list(report_samples(load_model("fox"), order, tell=told.append))
    assert told[-1] == f"writing sample {num_samples} of {num_samples}"


def test_the_indexes_of_a_long_text_are_made_once_and_change_no_report(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SamplingSettings(max_copy=30)
    order = Order(settings=settings, length=60, num_samples=2, seed=5, engine="numpy")
    searched, kept = list(report_samples(load_model("fox"), order)), {COPIES, TRACE}
    assert not kept & {path.name for path in tiny_run.iterdir()}
    monkeypatch.setattr(module, "LEAST_KEPT", 1)
    monkeypatch.setattr(copy_index, "LEAST_KEPT", 1)
    told = list[str]()
    assert list(report_samples(load_model("fox"), order, tell=told.append)) == searched
    assert "indexing the training text for max-copy, once: 0%" in told
    assert kept <= {path.name for path in tiny_run.iterdir()}
    monkeypatch.setattr(copy_index, "make_copy_table", None)
    told.clear()
    assert list(report_samples(load_model("fox"), order, tell=told.append)) == searched
    assert not [line for line in told if "100%" in line]


def test_indexing_can_be_stopped(tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_index, "LEAST_KEPT", 1)
    order = Order(settings=SamplingSettings(max_copy=5), length=10)
    assert list(write_samples(load_model("fox"), order, should_stop=lambda: True)) == []
    monkeypatch.setattr(module, "LEAST_KEPT", 1)
    told = list[str]()
    plain = Order(settings=SamplingSettings(), length=3, engine="numpy")
    reports = report_samples(
        load_model("fox"),
        plain,
        should_stop=lambda: any("indexing" in line for line in told),
        tell=told.append,
    )
    assert list(reports) == []
    assert "indexing the training text, once: 100%" in told
