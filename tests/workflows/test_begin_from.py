"""A run begins from the weights of another one."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.workflows.trainings import NETWORK, content, notes, rows
from textgen.data.source_rules import SourceRules
from textgen.data.text_rules import TextRules
from textgen.data.vocabulary import END
from textgen.errors import DamagedError, RunError, RunNotFoundError, UsageError
from textgen.planning.request import Request
from textgen.runs.lock import training_lock
from textgen.runs.metrics import VALIDATION
from textgen.runs.run import Run
from textgen.runs.summary import summarise
from textgen.settings import SamplingSettings
from textgen.training.loop import Report, Trainer
from textgen.workflows.begin_from import BeginFrom
from textgen.workflows.events import Begun, Ended, Event, Planned
from textgen.workflows.load import load_model
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision
from textgen.workflows.train import start_training

# What is asked for besides the network, which is that of the old run.
SIZES: dict[str, Any] = {
    "batch_size": 4,
    "sequence_length": 16,
    "devices": 1,
    "seed": 5,
    "eval_every": 4,
}
SIZES |= {"steps": 12, "checkpoint_every": 3, "dropout_rate": 0.1}
OTHER = "The owl asked: \u00bfwho goes there at night?\nNobody answered the owl at all.\n" * 30


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "owl.txt"
    path.write_text(OTHER, encoding="utf-8")
    return path


def begin(
    text: Path,
    name: str,
    old: str = "r",
    *,
    supervision: Supervision | None = None,
    rules: TextRules | None = None,
    keep_corpus: bool = True,
    **changes: Any,
) -> list[Event]:
    request = Request(has_weights=True, **(SIZES | changes))
    supervision = supervision or Supervision(keep=9)
    events = start_training(
        [text],
        name,
        request,
        supervision,
        rules=rules,
        begin_from=BeginFrom(name=old),
        keep_corpus=keep_corpus,
    )
    return list(events)


def written(name: str) -> str:
    generator = load_model(name).generator(seed=3)
    return "".join(generator.stream(300, SamplingSettings()))


@pytest.mark.slow
def test_without_new_characters_and_steps_it_writes_the_same_text(
    finished_run: Path, corpus: Path
) -> None:
    events = begin(corpus, "same", steps=0)
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.finished, ended.step, ended.best_step) == (True, 0, 0)
    old, new = load_model("r"), load_model("same")
    assert new.sha256 == old.sha256
    assert new.config.vocabulary.characters == old.config.vocabulary.characters
    assert written("same") == written("r")
    [begun] = [event for event in events if isinstance(event, Begun)]
    # The text is the old one, and so is its validation part.
    loss = Run(finished_run).validation_losses()[old.step]
    assert begun.loss == pytest.approx(loss, rel=1e-6)


@pytest.mark.slow
def test_new_characters_follow_the_old_ones_and_are_told(finished_run: Path, other: Path) -> None:
    events = begin(other, "new")
    record, old = Run(Path("checkpoints/new")).record(), Run(finished_run).record()
    known = old.config.vocabulary.characters
    assert record.new_characters == "".join(sorted({*OTHER} - {*known})) == ":\u00bf"
    assert record.config.vocabulary.characters == known + ":\u00bf"
    assert record.config.settings.vocab_size == old.config.settings.vocab_size + 2
    summary = summarise(Run(Path("checkpoints/new")))
    assert summary["new_characters"] == ":\u00bf"
    [planned] = [event for event in events if isinstance(event, Planned)]
    assert planned.record.new_characters == record.new_characters


@pytest.mark.slow
def test_the_first_evaluation_is_that_of_the_old_weights(finished_run: Path, other: Path) -> None:
    events = begin(other, "new")
    kinds = [type(event) for event in events if isinstance(event, Planned | Begun | Report)]
    assert kinds[:3] == [Planned, Begun, Report]
    [begun] = [event for event in events if isinstance(event, Begun)]
    run = Run(Path("checkpoints/new"))
    assert rows(run.path)[0] == {"step": 0, VALIDATION: begun.loss / math.log(2)}
    assert run.validation_losses()[0] == begun.loss
    assert run.record().ancestry[0].first_loss == begun.loss
    assert [row["step"] for row in rows(run.path)] == [0, 4, 8, 12]
    assert not run.problems()


@pytest.mark.slow
def test_old_weights_stay_the_best_if_training_gains_nothing(
    finished_run: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "evaluate", lambda self: 1.0 + (self.progress.step > 0))
    events = begin(corpus, "same", steps=12, supervision=Supervision(keep=1))
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert (ended.step, ended.best_step, ended.best_loss) == (12, 0, 1.0)
    assert written("same") == written("r")


@pytest.mark.slow
@pytest.mark.parametrize(("share", "keep"), [(0.0, True), (0.4, True), (0.0, False)])
def test_cut_and_resumed_it_equals_one_uncut(
    finished_run: Path, other: Path, share: float, keep: bool
) -> None:
    rules = TextRules(rare=31)  # one new character is rarer, the other is not
    other.write_text(OTHER + ": : :\n", encoding="utf-8")
    begin(other, "whole", forget_less=share, rules=rules, keep_corpus=keep)
    stop = Supervision(keep=9, stop_after=5)
    begin(other, "cut", forget_less=share, rules=rules, keep_corpus=keep, supervision=stop)
    # The old run is not needed any more.
    shutil.rmtree(finished_run)
    list(resume_training("cut", Supervision(keep=9)))
    whole, parts = Path("checkpoints/whole"), Path("checkpoints/cut")
    assert content(whole, 12) == content(parts, 12)
    assert rows(whole) == rows(parts)
    assert not Run(parts).problems()
    assert Run(parts).record().new_characters == ":"


@pytest.mark.slow
def test_a_share_of_each_batch_reads_the_old_text(finished_run: Path, other: Path) -> None:
    begin(other, "mixed", forget_less=0.4, steps=0)
    run, old = Run(Path("checkpoints/mixed")), Run(finished_run)
    record = run.record()
    training, validation, kept = record.corpus.parts(run.open_tokens(record))
    old_training, _ = old.open_parts(old.record())
    assert kept is not None
    assert np.asarray(kept).tolist() == np.asarray(old_training).tolist()
    decode = record.config.vocabulary.decode
    assert decode(np.concatenate([training, validation])) == OTHER
    # Two of four sequences: 0.4 of them, rounded.
    assert record.plan.old_rows == 2
    assert record.plan.new_characters_per_step == 2 * 16


@pytest.mark.slow
def test_ancestors_are_kept_in_order(finished_run: Path, corpus: Path, other: Path) -> None:
    begin(other, "child", steps=0)
    begin(corpus, "grandchild", "child", steps=0)
    sums = [load_model(name).sha256 for name in ("r", "child")]
    for name in ("r", "child"):
        shutil.rmtree(Path("checkpoints") / name)
    run = Run(Path("checkpoints/grandchild"))
    ancestry = run.record().ancestry
    assert [one.name for one in ancestry] == ["r", "child"]
    assert [one.sha256 for one in ancestry] == sums
    assert [one.step for one in ancestry][1] == 0
    assert ancestry[1].origin == (str(other),)
    assert ancestry[1].known_ids - ancestry[0].known_ids == 2
    assert run.record().new_characters == ""
    assert [one["name"] for one in summarise(run)["ancestry"]] == ["r", "child"]


@pytest.mark.slow
def test_documents_and_whole_texts_follow_each_other(finished_run: Path, other: Path) -> None:
    lines = TextRules(documents="line")
    begin(other, "lines", rules=lines, forget_less=0.5)
    config = Run(Path("checkpoints/lines")).record().config
    assert config.vocabulary.characters.endswith("\u00bf" + END)
    assert config.start == END
    begin(other, "whole", "lines", forget_less=0.5)
    record = Run(Path("checkpoints/whole")).record()
    assert record.config.vocabulary.characters == config.vocabulary.characters
    assert (record.config.start, record.corpus.documents) == ("\n", 0)
    begin(other, "again", "lines", rules=lines, steps=0)
    assert written("again") == written("lines")


@pytest.mark.slow
def test_labels_of_both_texts_keep_what_was_learnt_of_them(
    finished_run: Path, tmp_path: Path
) -> None:
    def table(name: str, *labels: str) -> Path:
        rows_ = (f"{one},the {one} fox asks the owl {n}\n" for n in range(40) for one in labels)
        path = tmp_path / f"{name}.csv"
        path.write_text("colour,text\n" + "".join(rows_), encoding="utf-8")
        return path

    rules = TextRules(source=SourceRules(field="text", labels=("colour",)), documents="row")
    begin(table("one", "red", "blue"), "one", rules=rules)
    begin(table("two", "grey", "blue"), "two", "one", rules=rules, steps=0)
    one, two = (load_model(name) for name in ("one", "two"))
    assert [field.values for field in one.config.labels] == [("blue", "red")]
    assert [field.values for field in two.config.labels] == [("blue", "grey")]
    assert one.trained is not None
    assert two.trained is not None
    for layer in range(2):
        name = f"layers.{layer}.label_kernel"
        old, new = one.trained[1][name], two.trained[1][name]
        assert old.any(axis=1).all()
        np.testing.assert_array_equal(new, [old[0], 0 * old[0]])
    begin(table("three", "red"), "three", "one", steps=0)
    plain = load_model("three")
    assert plain.config.labels == ()
    assert not any(name.endswith("label_kernel") for name in plain.parameters)


@pytest.mark.slow
def test_an_option_that_contradicts_the_old_network_is_refused(
    finished_run: Path, other: Path
) -> None:
    for option, message in (
        ({"cell": "gru"}, "--cell gru contradicts --from: the network of 'r' has cell lstm"),
        ({"hidden_size": 17}, "--hidden-size 17 contradicts --from: .* has hidden-size 16"),
    ):
        with pytest.raises(UsageError, match=message):
            begin(other, "new", **option)
    assert not Path("checkpoints/new").exists()
    begin(other, "new", steps=0, **{n: v for n, v in NETWORK.items() if n not in SIZES})


@pytest.mark.slow
def test_the_normal_form_is_that_of_the_old_run_unless_given(
    finished_run: Path, tmp_path: Path
) -> None:
    text = tmp_path / "cafe.txt"
    text.write_text(OTHER + "cafe\u0301\n" * 20, encoding="utf-8")
    begin(text, "composed", steps=0)
    assert "\u00e9" in Run(Path("checkpoints/composed")).record().new_characters
    request = Request(has_weights=True, **(SIZES | {"steps": 0}))
    asked = BeginFrom(name="r", normalization="none")
    list(start_training([text], "apart", request, Supervision(), begin_from=asked))
    assert "\u0301" in Run(Path("checkpoints/apart")).record().new_characters
    begin(text, "like-apart", "apart", steps=0)
    assert Run(Path("checkpoints/like-apart")).record().new_characters == ""


@pytest.mark.slow
def test_a_run_that_cannot_be_used_is_refused_before_anything_is_written(
    finished_run: Path, other: Path
) -> None:
    with pytest.raises(RunNotFoundError, match="no run named 'none'"):
        begin(other, "new", "none")
    with pytest.raises(UsageError, match="leave --no-keep-corpus out"):
        begin(other, "new", forget_less=0.5, keep_corpus=False)
    begin(other, "forgetful", steps=0, keep_corpus=False)
    with pytest.raises(UsageError, match="'forgetful' has not kept its text"):
        begin(other, "new", "forgetful", forget_less=0.5)
    weights = next(finished_run.glob("checkpoints/*/model.safetensors"))
    for path in finished_run.glob("checkpoints/*/model.safetensors"):
        path.write_bytes(weights.read_bytes()[:-4] + b"flip")
    with pytest.raises(DamagedError):
        begin(other, "new")
    assert not Path("checkpoints/new").exists()


@pytest.mark.slow
def test_a_run_in_training_gives_its_best_weights_so_far(finished_run: Path, other: Path) -> None:
    with training_lock(finished_run):
        said = notes(begin(other, "new", steps=0))
    assert "'r' is still in training; this run begins from its best checkpoint so far" in said
    assert "still in training" not in notes(begin(other, "later", steps=0))


@pytest.mark.slow
def test_without_a_checkpoint_it_never_starts_from_random_weights(
    finished_run: Path, other: Path
) -> None:
    begin(other, "new", supervision=Supervision(stop_after=3))
    run = Run(Path("checkpoints/new"))
    for step in run.steps():
        (run.folder(step) / "model.safetensors").write_bytes(b"")
    with pytest.raises(RunError, match=r"it began from the weights of 'r'; .* with --from"):
        list(resume_training("new", Supervision()))
    assert run.steps() == [0, 3]


@pytest.mark.slow
def test_divergence_before_the_first_checkpoint_goes_back_to_the_old_weights(
    finished_run: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(other, "calm", learning_rate=0.005)

    def evaluate(trainer: Trainer) -> float:
        is_first = trainer.progress.step == 4 and not trainer.progress.rollbacks
        return math.inf if is_first else 1.0

    monkeypatch.setattr(Trainer, "evaluate", evaluate)
    begin(other, "wild", learning_rate=0.01, checkpoint_every=12)
    # It begins again from the same weights, at half the rate.
    assert content(Path("checkpoints/wild"), 12)[0] == content(Path("checkpoints/calm"), 12)[0]
