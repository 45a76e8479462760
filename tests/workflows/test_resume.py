import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import LABELLED
from tests.workflows.trainings import FABLES, content, notes, rows, start
from textgen.data.source_rules import SourceRules
from textgen.data.streams import Streams
from textgen.data.text_rules import TextRules
from textgen.errors import DamagedError
from textgen.planning.request import Request
from textgen.runs.run import Run
from textgen.workflows.events import Event
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision
from textgen.workflows.train import start_training

SIZES: dict[str, Any] = {
    "hidden_size": 16,
    "num_layers": 1,
    "batch_size": 4,
    "sequence_length": 16,
    "dropout_rate": 0.1,
    "devices": 1,
    "seed": 5,
    "steps": 12,
    "eval_every": 4,
    "checkpoint_every": 3,
}
RULES = TextRules(source=SourceRules(field="text", labels=("kind", "language")), seed=5)


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "kinds.csv"
    path.write_text(LABELLED, encoding="utf-8")
    return path


def start_labelled(
    path: Path, name: str, *, keep_corpus: bool = True, **watch: Any
) -> Iterator[Event]:
    supervision = Supervision(keep=9, **watch)
    return start_training(
        [path], name, Request(**SIZES), supervision, rules=RULES, keep_corpus=keep_corpus
    )


@pytest.mark.slow
@pytest.mark.parametrize("keep_corpus", [True, False])
def test_a_run_with_labels_is_resumed_to_the_last_bit(records: Path, keep_corpus: bool) -> None:
    list(start_labelled(records, "whole"))
    list(start_labelled(records, "cut", keep_corpus=keep_corpus, stop_after=5))
    assert Path("checkpoints/cut/corpus.labels").exists() == keep_corpus
    list(resume_training("cut", Supervision(keep=9)))
    whole, cut = Path("checkpoints/whole"), Path("checkpoints/cut")
    assert content(whole, 12) == content(cut, 12)
    assert rows(whole) == rows(cut)
    assert not [path for path in cut.iterdir() if path.name.startswith(".tmp")]
    # The labels are trained.
    kernel = Run(whole).load(12).parameters["layers.0.label_kernel"]
    assert kernel.shape == (4, 64)
    assert (np.abs(kernel).max(axis=1) > 1e-3).all()


@pytest.mark.slow
def test_a_run_with_labels_is_verified_and_a_damaged_file_of_labels_is_not_trained_on(
    records: Path,
) -> None:
    list(start_labelled(records, "r", stop_after=5))
    run = Run(Path("checkpoints/r"))
    assert list(run.problems()) == []
    record = run.record()
    assert [field.name for field in record.config.labels] == ["kind", "language"]
    assert record.corpus.rules.documents == "row"
    path = run.path / "corpus.labels"
    shutil.copy(path, "labels")
    data = bytearray(path.read_bytes())
    data[0] ^= 3
    path.write_bytes(data)
    assert ["corpus.labels" in str(problem) for problem in run.problems()] == [True]
    with pytest.raises(DamagedError, match=r"corpus\.labels"):
        list(resume_training("r", Supervision()))
    path.unlink()
    assert ["is missing" in str(problem) for problem in run.problems()] == [True]
    shutil.copy("labels", path)
    assert list(run.problems()) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", ["training", "validation"])
def test_damage_that_training_comes_to_ends_it_and_is_not_trained_on(
    part: str, corpus: Path, whole_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    uncut = whole_run()  # before anything is changed, since other tests use it too
    for module in ("textgen.data.tokens", "textgen.runs.run"):
        monkeypatch.setattr(f"{module}.BLOCK_BYTES", 16)
    list(start(corpus, "r", keep=9, stop_after=6))
    run = Run(Path("checkpoints/r"))
    record, path = run.record(), run.path / "corpus.tokens"
    # Training comes to the last of these ids at step 10, and to the validation part at step 8.
    plan, count = record.plan, record.corpus.training_ids
    shape = plan.batch_size, plan.sequence_length, plan.seed, plan.reset_rate
    index = int(Streams(np.arange(count, dtype=np.uint32), *shape).batch(9).inputs[0, 8])
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[index if part == "training" else count + 50] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(DamagedError, match=r"corpus\.tokens.*recorded one from byte"):
        list(resume_training("r", Supervision(keep=9)))
    assert run.steps() == ([3, 6, 9] if part == "training" else [3, 6])
    assert [path.name in str(problem) for problem in run.problems()] == [True]
    # With the text as it was, training ends as if nothing had happened.
    path.write_bytes(whole)
    list(resume_training("r", Supervision(keep=9)))
    assert content(run.path, 12) == content(uncut, 12)
    assert rows(run.path) == rows(uncut)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_a_run_of_both_directions_is_resumed_to_the_last_bit(tmp_path: Path, cell: str) -> None:
    corpus = tmp_path / "fables.txt"
    corpus.write_text(FABLES, encoding="utf-8")
    both = {"direction": "both", "cell": cell, "keep": 9}
    list(start(corpus, "whole", **both))
    list(start(corpus, "cut", stop_after=5, **both))
    list(resume_training("cut", Supervision(keep=9)))
    whole, cut = Path("checkpoints/whole"), Path("checkpoints/cut")
    assert content(whole, 12) == content(cut, 12)
    assert rows(whole) == rows(cut)


@pytest.mark.slow
def test_a_run_in_bfloat16_says_so_and_is_resumed_in_it_to_the_last_bit(corpus: Path) -> None:
    for _ in start(corpus, "whole", precision="bfloat16"):
        pass
    for _ in start(corpus, "cut", precision="bfloat16", stop_after=5):
        pass
    for _ in resume_training("cut", Supervision()):
        pass
    for _ in start(corpus, "exact", precision="float32"):
        pass
    whole, cut, exact = (Path("checkpoints") / name for name in ("whole", "cut", "exact"))
    assert content(cut, 12) == content(whole, 12) != content(exact, 12)
    assert Run(cut).record().plan.precision == "bfloat16"
    assert "precision" not in Run(exact).record().to_json()["plans"][0]


@pytest.mark.slow
def test_a_run_trained_on_cudnn_goes_on_with_a_scan_where_there_is_no_gpu(corpus: Path) -> None:
    for _ in start(corpus, "cut", stop_after=5):
        pass
    run = Run(Path("checkpoints") / "cut")
    record = run.record()
    run.write_record(replace(record, plans=(replace(record.plan, backend="cudnn"),)))
    events = [*resume_training("cut", Supervision())]
    assert "was trained with --backend cudnn, which needs an NVIDIA GPU" in notes(events)
    assert run.record().plan.backend == "cudnn"
    for _ in start(corpus, "whole"):
        pass
    assert content(run.path, 12) == content(Path("checkpoints") / "whole", 12)
