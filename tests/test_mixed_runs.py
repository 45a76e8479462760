"""A checkpoint is bound to its run: one of another network, alphabet or run is noticed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import TINY
from textgen.errors import ForeignError
from textgen.runs.checkpoint import MANIFEST
from textgen.runs.files import encode_json
from textgen.runs.run import RECORD, Run
from textgen.settings import ModelSettings
from textgen.terminal.cli import run_command
from textgen.workflows.load import load_model
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision

# What differs between two runs, and the word that tells it.
KINDS = {
    "network": "network",
    "alphabet": "alphabet",
    "text": "sum of the run",
    "seed": "sum of the run",
}


def other_of(tiny_run: Path, kind: str) -> Path:
    """Return a sound run that differs from the tiny run in one thing."""
    other = Path(shutil.copytree(tiny_run, tiny_run.with_name(f"other-{kind}")))
    run = Run(other)
    record, loaded = run.record(), [run.load(step, train_state=True) for step in run.steps()]
    config = record.config
    if kind == "network":
        config = replace(config, settings=replace(config.settings, dropout_rate=0.25))
    elif kind == "alphabet":
        characters = config.vocabulary.characters
        config = replace(config, vocabulary=type(config.vocabulary)(characters[::-1]))
    elif kind == "text":
        record = replace(record, corpus=replace(record.corpus, sha256="0" * 64))
    else:
        plan = replace(record.plan, seed=record.plan.seed + 1)
        record = replace(record, plans=(plan,))
    run.remove(run.steps())
    run.write_record(replace(record, config=config))
    for checkpoint in loaded:
        run.save(replace(checkpoint, config=config))
    return other


def without_sums(run: Path) -> None:
    """Make the checkpoints of a run those of a version that did not bind them."""
    for step in Run(run).steps():
        path = Run(run).folder(step) / MANIFEST
        manifest = json.loads(path.read_text())
        del manifest["run"]
        path.write_bytes(encode_json(manifest))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["checkpoint", "record"])
def test_two_runs_that_were_mixed_are_told_apart(
    tiny_run: Path, kind: str, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other, run = other_of(tiny_run, kind), Run(tiny_run)
    assert [str(problem) for problem in run.problems() + Run(other).problems()] == []
    if kind in ("network", "alphabet"):  # which are known of older runs, too
        for each in (tiny_run, other):
            without_sums(each)
        assert Run(tiny_run).problems() == []
    if part == "record":
        shutil.copy(other / RECORD, tiny_run / RECORD)
    else:
        shutil.rmtree(run.folder(20))
        shutil.copytree(Run(other).folder(20), run.folder(20))
    before = sorted(path.name for path in (tiny_run / "checkpoints").iterdir())
    with pytest.raises(ForeignError, match=f"its {KINDS[kind]} is not that of run.json"):
        run.load(20)
    assert any(isinstance(problem, ForeignError) for problem in run.problems())
    with pytest.raises(ForeignError):
        list(resume_training("fox", Supervision(), steps=5))
    with pytest.raises(ForeignError):
        load_model("fox")
    for command in ("verify fox", "sample fox --length 5", "train --resume fox --steps 5"):
        assert run_command(command.split()) == 4
        written = capsys.readouterr()
        assert "checkpoint of another run" in written.err + written.out
        assert "Traceback" not in written.err
    # Nothing was renamed or removed, so that the user can put right what was mixed.
    assert sorted(path.name for path in (tiny_run / "checkpoints").iterdir()) == before


@pytest.mark.slow
def test_a_run_stays_bound_when_it_is_renamed_copied_and_trained_further(
    tiny_run: Path, corpus: Path
) -> None:
    run = Run(tiny_run.rename(tiny_run.with_name("renamed")))
    sums = {run.manifest(step)["run"] for step in run.steps()}
    assert sums == {run.record().sum}
    assert run_command(["train", "--resume", "renamed", "--steps", "10", "--quiet"]) == 0
    copied = Run(Path(shutil.copytree(run.path, run.path.with_name("copied"))))
    assert len(copied.record().plans) == 2
    assert {copied.manifest(step)["run"] for step in copied.steps()} == sums
    assert copied.problems() == []
    begun = run_command(["train", str(corpus), *TINY, "--from", "copied", "--run", "c", "--quiet"])
    assert begun == 2 or Run(tiny_run.with_name("c")).problems() == []


def test_a_checkpoint_of_an_older_version_is_bound_by_its_network_and_alphabet(
    tiny_run: Path,
) -> None:
    without_sums(tiny_run)
    run = Run(tiny_run)
    assert run.load(20).run_sum == ""
    assert run.problems() == []
    assert isinstance(run.load(20).config.settings, ModelSettings)
