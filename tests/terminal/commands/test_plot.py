import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from textgen.evaluation.baselines import Baseline
from textgen.evaluation.curves import Best, Curve
from textgen.runs.run import Run
from textgen.terminal.cli import run_command
from textgen.terminal.commands.plot import format_curves


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")


def plot(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run_command(["plot", *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def copy_of(run: Path, name: str, **changes: object) -> Run:
    other = Run(Path(shutil.copytree(run, run.with_name(name))))
    record = other.record()
    other.write_record(replace(record, corpus=replace(record.corpus, **changes)))
    return other


def test_the_newest_run_is_drawn_beside_its_baselines(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = plot(capsys)
    assert code == 0
    assert err.startswith("measuring n-gram models and xz on 2,720 characters")
    lines = out.splitlines()
    assert lines[0] == "bits per character"
    assert "\u2812\u2812 validation   \u2802 \u2802 training   * fox: best " in out
    assert "n-gram, " in lines[-1]
    assert "xz -9e: " in lines[-1]
    assert max(map(len, lines)) <= 60
    bare = plot(capsys, "fox", "--no-baselines", "--by", "minutes")
    assert (bare[0], bare[2]) == (0, "")
    assert "xz" not in bare[1]
    assert "minutes" in bare[1]


def test_json_holds_every_point_and_nothing_is_cut(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_of(tiny_run, "fox-2")
    code, out, err = plot(capsys, "fox", "fox-2", "--json", "-q", "--by", "characters")
    assert (code, err) == (0, "")
    content = json.loads(out)
    assert content["type"] == "curves"
    rows = Run(tiny_run).metrics()
    assert (content["by"], content["share_a_text"]) == ("characters", True)
    assert [curve["run"] for curve in content["runs"]] == ["fox", "fox-2"]
    for curve in content["runs"]:
        assert curve["x"] == [64 * row["step"] for row in rows]
        for part in ("training", "validation"):
            assert curve[part] == [row[f"{part}_bits_per_character"] for row in rows]
        assert curve["best"]["x"] == 64 * curve["best"]["step"]
    assert [baseline["name"] for baseline in content["baselines"]] == ["n-gram", "xz"]


def test_runs_are_named_by_arguments_and_by_options(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_of(tiny_run, "fox-2")
    bare = ("--no-baselines", "--json")
    both = plot(capsys, "fox", "fox-2", *bare)
    assert plot(capsys, "fox", "--model", "fox-2", *bare) == both
    assert plot(capsys, "--model=fox", "--model=fox-2", *bare) == both
    code, out, err = plot(capsys, *["fox"] * 11)
    assert (code, out) == (2, "")
    assert "name at most 10 runs, got 11" in err


def test_runs_on_different_texts_have_no_baselines_and_that_is_told(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy_of(tiny_run, "other", sha256="0" * 64)
    code, out, err = plot(capsys, "fox", "other")
    assert code == 0
    assert err.count("\n") == 1
    assert "different texts" in err
    assert "xz" not in out


def test_baselines_are_measured_on_the_first_run_that_has_kept_its_text(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = copy_of(tiny_run, "other", kept=False)
    (other.path / "corpus.tokens").unlink()
    assert plot(capsys, "other")[2] == "no baselines: the run other has not kept its text\n"
    assert "xz -9e" in plot(capsys, "other", "fox")[1]


@pytest.mark.parametrize("name", ["a.png", "a.svg"])
def test_a_picture_is_drawn_instead_of_a_chart(
    tiny_run: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    Path("checkpoints/fox").rename("checkpoints/$x_1$ \u6570\x1b")
    code, out, err = plot(capsys, "--no-baselines", "-o", name)
    assert (code, out, err) == (0, "", f"saved the picture {name}\n")
    data = Path(name).read_bytes()
    assert data.startswith(b"\x89PNG" if name == "a.png" else b"<?xml")
    assert b"\x1b" not in data or name == "a.png"


def test_a_run_without_evaluations_is_told(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_run / "metrics.jsonl").unlink()
    code, out, err = plot(capsys)
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "has checkpoints, but its metrics hold no evaluation: metrics.jsonl is empty" in err
    shutil.rmtree(tiny_run / "checkpoints")
    code, out, err = plot(capsys)
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "no evaluation to plot yet; train it: textgen train --resume fox" in err


def test_the_best_checkpoint_is_named_even_if_the_metrics_are_cut(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = tiny_run / "metrics.jsonl"
    metrics.write_text(metrics.read_text().splitlines(keepends=True)[0])
    best = min(losses := Run(tiny_run).validation_losses(), key=losses.__getitem__)
    assert best == 20  # its row is gone
    for by in ("steps", "minutes"):
        out = plot(capsys, "--no-baselines", "--by", by)[1]
        assert f"fox: best {losses[best] / math.log(2):.3f} at step 20" in out


@pytest.mark.parametrize(
    ("variable", "value"), [("TERM", "dumb"), ("TERM", "linux"), ("LC_ALL", "C")]
)
def test_a_terminal_that_has_no_more_gets_ascii(
    tiny_run: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
) -> None:
    assert not plot(capsys, "--no-baselines")[1].isascii()
    monkeypatch.setenv(variable, value)
    assert plot(capsys, "--no-baselines")[1].isascii()


FALLING = tuple(6 / number for number in range(1, 11))
CURVE = Curve(
    run="one",
    x=tuple(map(float, range(10))),
    training=FALLING,
    validation=tuple(loss + 0.2 for loss in FALLING),
    best=Best(step=9, x=9.0, validation=0.8),
)


def test_runs_are_told_apart_by_letters_and_what_is_cut_is_told() -> None:
    failed = replace(CURVE, training=(*FALLING[:3], 40.0, *FALLING[4:]))
    curves = [failed, replace(CURVE, run="two", best=None)]
    baselines = [Baseline(name="xz", title="xz -9e", is_adaptive=True, nats=7.0 * math.log(2))]
    text = format_curves(
        curves, baselines, "steps", columns=60, lines=None, plain=False, colours=False
    )
    # The chart ends at the first losses of 6 and 6.2 bits.
    assert "AB\u2812\u2812 validation   ab\u2802 \u2802 training   * best checkpoint" in text
    assert "A one: best 0.800 at step 9" in text
    assert "B two: no checkpoint yet" in text
    assert "xz -9e: 7.000, above the chart" in text
    assert "^ 1 loss above the chart, the highest 40.000" in text


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("columns", [20, 47, 120])
def test_a_chart_with_its_legend_fits_the_terminal(columns: int, plain: bool) -> None:
    curves = [replace(CURVE, run=f"a-run-with-a-long-name-{number}") for number in range(3)]
    title = "n-gram, 4 characters of context"
    baselines = [Baseline(name="n-gram", title=title, is_adaptive=False, nats=math.log(2))]
    text = format_curves(
        curves, baselines, "steps", columns=columns, lines=34, plain=plain, colours=False
    )
    lines = text.splitlines()
    assert max(map(len, lines)) <= columns
    assert len(lines) < 34
    assert not plain or text.isascii()


def test_samples_are_shown_in_the_order_of_the_steps(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = Run(tiny_run).metrics()
    code, out, err = plot(capsys, "--samples")
    assert (code, err) == (0, "")
    first, second, rest = out.split("\n\n")
    assert rest == ""
    for shown, row in zip((first, second), rows, strict=True):
        heading, _, text = shown.partition("\n")
        bits = row["validation_bits_per_character"]
        assert heading == f"step {row['step']}  validation {bits:.3f} bits/char"
        assert text == row["sample"]  # a pipe gets it as it is
    lines = plot(capsys, "fox", "--samples", "--json")[1].splitlines()
    assert [json.loads(line) for line in lines] == [
        {"type": "sample", "run": "fox", **row} for row in rows
    ]
    copy_of(tiny_run, "fox-2")
    both = plot(capsys, "fox", "fox-2", "--samples")[1]
    assert both.count("fox, ") == both.count("fox-2, ") == 2


def test_a_sample_cannot_control_the_terminal(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_run / "metrics.jsonl").write_text('{"step": 1, "sample": "a\\u001b[2J\\n\\u009bb"}\n')
    assert plot(capsys, "--samples")[:2] == (0, "step 1\na\u241b[2J\n<U+009B>b\n\n")


def test_a_run_that_has_kept_no_samples_is_told(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_run / "metrics.jsonl").write_text('{"step": 1}\n')
    code, out, err = plot(capsys, "--samples")
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert "the run 'fox' has kept no samples" in err
    code, out, err = plot(capsys, "--samples", "-o", "a.png")
    assert (code, out) == (2, "")
    assert "--samples shows text, not a picture; leave --output out" in err
