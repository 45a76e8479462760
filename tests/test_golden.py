"""Checkpoints of every format there was: they load, write what they wrote, and go on."""

import shutil
from pathlib import Path

import pytest

from textgen.generation.generator import Generator
from textgen.generation.numpy_engine import NumpyEngine
from textgen.runs.checkpoint import FORMAT, read_checkpoint, verify_checkpoint
from textgen.runs.run import Run
from textgen.settings import SamplingSettings
from textgen.workflows.events import Ended, Planned
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision

GOLDEN = Path(__file__).parent / "golden"
WRITTEN = {
    "format-1/step-00000400": "said the said the said the",
    "format-2/checkpoints/step-00000300": "quick brown fox jumps over the lazy dog,",
    # A run on documents: the text ends before its length.
    "format-3/checkpoints/step-00000600": "lazy dog sings to the river.",
}


def test_there_is_one_of_every_format() -> None:
    kept = {int(name[7]) for name in WRITTEN}
    assert kept == set(range(1, FORMAT + 1))


@pytest.mark.parametrize("name", WRITTEN)
def test_a_checkpoint_of_an_older_textgen_writes_what_it_wrote(name: str) -> None:
    verify_checkpoint(GOLDEN / name)
    checkpoint = read_checkpoint(GOLDEN / name)
    reader = NumpyEngine(checkpoint.config.settings, checkpoint.parameters)
    generator = Generator(reader, checkpoint.config.vocabulary, checkpoint.config.start, seed=1)
    generator.feed("the ", continues=checkpoint.config.vocabulary.end_id is None)
    sample = generator.generate(len(WRITTEN[name]) + 1, SamplingSettings(temperature=0))
    ends = checkpoint.config.vocabulary.end_id is not None
    assert sample.finish_reason == ("end" if ends else "length")
    assert sample.text.startswith(WRITTEN[name])
    assert sample.text == WRITTEN[name] or not ends


@pytest.mark.slow
def test_a_run_of_an_older_textgen_goes_on(tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(GOLDEN / "format-2", tmp_path / "old")))
    assert run.problems() == []
    events = list(resume_training(str(run.path), Supervision()))
    (planned,) = (event for event in events if isinstance(event, Planned))
    assert planned.first_step == 300
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.finished, ended.step) == (True, 400)
    assert [row["step"] for row in run.metrics()] == list(range(50, 401, 50))
