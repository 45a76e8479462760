import math
from pathlib import Path

import pytest

import textgen
from textgen.errors import RunNotFoundError
from textgen.runs.run import Run
from textgen.runs.summary import summarise


def test_a_run_tells_what_is_on_the_disk(tiny_run: Path) -> None:
    run, kept = textgen.open_run("fox"), Run(tiny_run)
    assert (run.name, run.path) == ("fox", Path("checkpoints/fox"))
    assert repr(run) == "TrainedRun('checkpoints/fox')"
    assert run.info == summarise(Run(run.path))
    rows = kept.metrics()
    assert [{"step": row["step"], "text": row["sample"]} for row in rows] == run.samples()
    assert [row | {"sample": None} for row in rows] == [
        row | {"sample": None} for row in run.metrics()
    ]
    assert all(type(value) in (int, float) for row in run.metrics() for value in row.values())
    losses = kept.validation_losses()
    assert {one.step: one.bits_per_character for one in run.checkpoints} == {
        step: loss / math.log(2) for step, loss in losses.items()
    }
    (best,) = [one for one in run.checkpoints if one.is_best]
    assert best.step == kept.best_step()
    assert (best.path / "model.safetensors").is_file()


def test_a_run_stands_where_its_name_can(tiny_run: Path) -> None:
    run = textgen.open_run()
    texts = {one.generate(20).text for one in (textgen.load(run), run.load(), textgen.load("fox"))}
    assert len(texts) == 1
    assert run.load(seed=3).generate(20).text not in texts
    assert textgen.open_run(run).path == run.path


def test_a_run_that_does_not_exist_is_told() -> None:
    with pytest.raises(RunNotFoundError, match="no run named 'none'"):
        textgen.open_run("none")


def test_a_notebook_shows_the_curve(tiny_run: Path) -> None:
    drawn = textgen.open_run()._repr_html_()
    assert drawn.count("<svg") == 1
    assert "fox: step 20 of 20" in drawn
