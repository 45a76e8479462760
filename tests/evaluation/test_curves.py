import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TEXT
from textgen.errors import RunError, SettingError
from textgen.evaluation import curves
from textgen.evaluation.baselines import Baseline, compressor_loss, ngram_losses
from textgen.evaluation.curves import (
    Curve,
    baselines_of,
    bits_shown,
    characters_read,
    losses_above,
    read_curve,
    share_a_direction,
    share_a_text,
    why_no_baselines,
)
from textgen.runs.run import Run


def row(step: int, training: float, validation: float, seconds: float) -> dict[str, float]:
    return {
        "step": step,
        "training_bits_per_character": training,
        "validation_bits_per_character": validation,
        "seconds": seconds,
    }


def with_rows(path: Path, *rows: object) -> Run:
    (path / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    return Run(path)


def curve(*losses: float) -> Curve:
    x = tuple(map(float, range(1, len(losses) + 1)))
    return Curve(run="a", x=x, training=losses, validation=losses, best=None)


def test_a_curve_is_what_was_measured_with_the_checkpoint_of_lowest_loss(tiny_run: Path) -> None:
    run = with_rows(tiny_run, row(20, 3.0, 3.5, 90.0), row(10, 4.0, 4.5, 30.0))
    losses = run.validation_losses()
    step = min(losses, key=losses.__getitem__)
    found = read_curve(run, "steps")
    assert (found.run, found.x) == ("fox", (10, 20))
    assert (found.training, found.validation) == ((4.0, 3.0), (4.5, 3.5))
    assert found.best is not None
    assert (found.best.step, found.best.x) == (step, step)
    assert found.best.validation == pytest.approx(losses[step] / math.log(2))
    # A step of the tiny run reads 4 x 16 characters.
    assert read_curve(run, "characters").x == (640, 1280)
    assert read_curve(run, "minutes").x == (0.5, 1.5)
    with pytest.raises(SettingError, match="by must be steps, characters or minutes"):
        read_curve(run, "hours")  # type: ignore[arg-type]


def test_characters_are_counted_plan_by_plan(tiny_run: Path) -> None:
    record = Run(tiny_run).record()
    wide = replace(record.plan, first_step=20, batch_size=8)
    long = replace(record.plan, first_step=50, sequence_length=10)
    record = replace(record, plans=(record.plan, wide, long))
    # 64 characters a step, then 128 from step 20 on, then 40 from step 50 on.
    steps = (0, 10, 20, 21, 50, 60)
    read = [0, 640, 1280, 1408, 1280 + 30 * 128, 1280 + 30 * 128 + 400]
    assert [characters_read(record, step) for step in steps] == read


def test_rows_that_cannot_be_drawn_are_passed_over_and_none_at_all_is_told(tiny_run: Path) -> None:
    missing = {"step": 5, "seconds": 1.0}
    hostile = [row(-5, 1, 1, 1), row(6, 1e300, 1, 1), row(7, 1, 1, -1), missing]
    run = with_rows(tiny_run, *hostile, row(10, 4.0, 4.5, 30.0))
    with (tiny_run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(row(11, 1, 1, 1)).replace("1,", "1e999,") + "\n")
    assert read_curve(run, "steps").x == (10,)
    for rows in ((), hostile):
        with pytest.raises(RunError, match=r"has checkpoints, but its metrics hold no evaluation"):
            read_curve(with_rows(tiny_run, *rows), "steps")
    shutil.rmtree(tiny_run / "checkpoints")
    with pytest.raises(RunError, match=r"no evaluation to plot yet; .* --resume fox$"):
        read_curve(run, "steps")


def test_a_best_checkpoint_is_named_even_if_the_metrics_are_cut(tiny_run: Path) -> None:
    run = with_rows(tiny_run, row(5, 4.0, 4.5, 30.0))
    losses = run.validation_losses()
    step = min(losses, key=losses.__getitem__)
    for by, x in (("steps", step), ("characters", 64 * step), ("minutes", None)):
        best = read_curve(run, by).best  # type: ignore[arg-type]
        assert best is not None
        assert (best.step, best.x) == (step, x)
        assert best.validation == pytest.approx(losses[step] / math.log(2))


def test_the_y_axis_shows_how_training_began_and_what_is_low() -> None:
    falling = (6.0, 3.0, 2.5, 2.2, 2.1, 2.0, 2.0, 2.0, 2.0, 2.0)
    losses = curve(*falling)
    assert bits_shown([losses], []) == (2.0, 6.0)
    assert bits_shown([curve(2.0)], []) == (2.0, 2.01)
    assert bits_shown([losses, curve(7.0, 2.0)], []) == (2.0, 7.0)
    near, far, low = (
        Baseline(name="xz", title="xz", is_adaptive=True, nats=bits * math.log(2))
        for bits in (5.1, 9.0, 0.5)
    )
    assert bits_shown([losses], [near]) == pytest.approx((2.0, 6.0))
    assert bits_shown([losses], [far]) == (2.0, 6.0)
    assert bits_shown([losses], [low]) == pytest.approx((0.5, 6.0))


def test_the_y_axis_leaves_out_what_would_flatten_the_curves() -> None:
    # Four fifths of the losses are at most 2.6, which is 0.6 above the lowest; 3.2 is the limit.
    falling = (6.0, 3.0, 2.5, 2.2, 2.1, 2.0, 2.0, 2.0, 2.0, 2.0)
    failed = curve(900.0, *falling[1:])
    assert bits_shown([failed], []) == (2.0, 3.0)
    assert losses_above([failed], 3.0) == [900.0, 900.0]
    assert bits_shown([curve(*falling[:5], 50.0, *falling[6:])], []) == (2.0, 6.0)


def test_runs_share_a_text_if_both_parts_of_it_are_the_same(tiny_run: Path) -> None:
    other = Run(Path(shutil.copytree(tiny_run, tiny_run.with_name("other"))))
    assert share_a_text([Run(tiny_run), other])
    record = other.record()
    for change in ({"sha256": "0" * 64}, {"training_characters": 9, "training_ids": 9}):
        other.write_record(replace(record, corpus=replace(record.corpus, **change)))
        assert not share_a_text([Run(tiny_run), other])


def test_baselines_are_those_of_the_validation_text_after_the_training_text(tiny_run: Path) -> None:
    run = Run(tiny_run)
    assert why_no_baselines(run) is None
    ngram, xz = baselines_of(run)
    split = len(TEXT) * 9 // 10
    ids = np.array([ord(character) for character in TEXT], np.uint8)
    # 30 different characters, and the unknown one.
    losses = ngram_losses(*np.split(np.unique(ids, return_inverse=True)[1], [split]), 31)
    best = min(losses, key=lambda loss: loss.frozen)
    assert ngram.bits == pytest.approx(best.frozen / math.log(2))
    assert ngram.title == f"n-gram, {best.order} characters of context"
    nats = compressor_loss(TEXT[:split], TEXT[split:])
    assert xz == Baseline(name="xz", title="xz -9e", is_adaptive=True, nats=nats)
    assert xz.bits == pytest.approx(nats / math.log(2))


def test_why_there_are_no_baselines_is_told(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tiny_run)
    monkeypatch.setattr(curves, "MOST_CHARACTERS", len(TEXT) - 1)
    assert why_no_baselines(run) == "measuring them on 2,720 characters would take long"
    record = run.record()
    run.write_record(replace(record, corpus=replace(record.corpus, kept=False)))
    assert why_no_baselines(run) == "the run fox has not kept its text"


def test_no_baseline_compares_with_a_run_of_both_directions(
    two_way_run: Path, tiny_run_source: Path
) -> None:
    both, forward = Run(two_way_run), Run(tiny_run_source)
    reason = why_no_baselines(both)
    assert reason == "the run two-ways reads in both directions, and they read forward"
    assert share_a_direction([both, both])
    assert share_a_direction([forward, forward])
    assert not share_a_direction([both, forward])
