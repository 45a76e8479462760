import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.conftest import TEXT
from tests.networks import random_network
from textgen.data.vocabulary import END, Vocabulary
from textgen.errors import CorpusError, UsageError
from textgen.evaluation.baselines import Measuring, compressor_loss, ngram_losses
from textgen.generation.model import Model
from textgen.network.model import network_function, zero_states
from textgen.restoration.reader import TwoWayReader
from textgen.runs.checkpoint import ModelConfig
from textgen.settings import OnUnknown
from textgen.workflows import evaluate as workflow
from textgen.workflows.evaluate import (
    Evaluation,
    Result,
    baseline_results,
    encode_text,
    evaluate,
    measure_missing,
    measure_network,
)
from textgen.workflows.events import Note
from textgen.workflows.load import load_measured, load_model

SPLIT = len(TEXT) * 9 // 10


@pytest.fixture(scope="module")
def model(tiny_run_source: Path) -> Model:
    return load_model(str(tiny_run_source))


class Learner:
    """In the place of dynamic evaluation, which has tests of its own and compiles for seconds."""

    def __init__(self, apply: object, settings: object) -> None:
        pass

    def measure(
        self, parameters: object, training: np.ndarray, tokens: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Yield as losses what was read: the training text's length and mean, then the rest."""
        yield np.array([len(training), np.asarray(training).mean()], np.float32)
        yield tokens[3:].astype(np.float32)


@pytest.fixture(scope="module")
def events(model: Model) -> list[Evaluation]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflow, "DynamicEvaluator", Learner)
        patch.setattr(workflow, "FEWEST_OF_XZ", 100)  # the validation text has 272 characters
        return list(evaluate(model, None))


def results(events: list[Evaluation]) -> dict[tuple[str, str], Result]:
    return {(e.predictor, e.protocol): e for e in events if isinstance(e, Result)}


def slow_nats(model: Model, text: str) -> np.ndarray:
    """The loss of every character but the first, read at one go from the zero state."""
    settings = model.config.settings
    ids = jnp.asarray(model.config.vocabulary.encode(text))
    logits, _ = network_function(settings)(
        {name: jnp.asarray(array) for name, array in model.parameters.items()},
        ids[None, :-1],
        zero_states(settings, 1),
    )
    scores = jax.nn.log_softmax(logits[:, 0])
    return -np.asarray(scores)[np.arange(len(text) - 1), ids[1:]]


@pytest.mark.slow
def test_the_network_is_measured_on_the_validation_text_by_each_protocol(
    model: Model, events: list[Evaluation]
) -> None:
    found, text = results(events), TEXT[SPLIT:]
    stream = slow_nats(model, text)
    windows = np.concatenate([stream[:256], slow_nats(model, text[256:])])
    assert found["network", "stream"].nats == pytest.approx(stream.mean(), abs=1e-5)
    assert found["network", "window"].nats == pytest.approx(windows.mean(), abs=1e-5)
    assert abs(windows.mean() - stream.mean()) > 2e-5


def test_dynamic_evaluation_reads_both_texts_and_keeps_its_losses(
    model: Model, events: list[Evaluation]
) -> None:
    found = results(events)["network", "dynamic"]
    training, text = (model.config.vocabulary.encode(part) for part in (TEXT[:SPLIT], TEXT[SPLIT:]))
    assert found.losses is not None
    assert found.losses[:2] == pytest.approx([SPLIT, training.mean()])
    assert found.losses[2:].tolist() == text[3:].tolist()
    assert found.nats == pytest.approx(float(found.losses.mean()))
    assert Measuring("LSTM 1x16, dynamic", 2 / 271) in events


def test_baselines_stand_under_the_protocol_that_they_follow(events: list[Evaluation]) -> None:
    found = results(events)
    ids = np.unique(list(TEXT), return_inverse=True)[1]
    orders = list(ngram_losses(ids[:SPLIT], ids[SPLIT:], 31))
    frozen = min(orders, key=lambda loss: loss.frozen)
    counting = min(orders, key=lambda loss: loss.adaptive)
    assert found["n-gram", "stream"].nats == pytest.approx(frozen.frozen)
    assert found["n-gram", "stream"].order == frozen.order
    assert found["n-gram", "dynamic"].nats == pytest.approx(counting.adaptive)
    assert found["xz", "dynamic"].nats == compressor_loss(TEXT[:SPLIT], TEXT[SPLIT:])
    assert len(found) == 6
    bits = found["xz", "dynamic"].to_json()["bits_per_character"]
    assert bits == pytest.approx(found["xz", "dynamic"].nats / math.log(2))


def test_what_is_measured_is_told_before_each_result(events: list[Evaluation]) -> None:
    kinds = [type(event) for event in events]
    assert kinds[0] is Measuring
    measuring = [event for event in events if isinstance(event, Measuring) and not event.share]
    # Work that has hardly begun may be told twice.
    assert [*dict.fromkeys(event.what for event in measuring)] == [
        "LSTM 1x16, window",
        "LSTM 1x16, stream",
        "LSTM 1x16, dynamic",
        "n-gram models",
        "xz",
    ]
    assert all(0 <= event.share < 1 for event in events if isinstance(event, Measuring))


def test_a_short_text_is_too_little_for_xz(model: Model) -> None:
    ids = np.ones(999, np.uint8)
    found = list(baseline_results(ids, ids, model.config.vocabulary))
    assert {event.predictor for event in found if isinstance(event, Result)} == {"n-gram"}
    assert found[-1] == Note(
        "xz is not measured on less than 1,000 characters: its files grow in steps of 4 bytes"
    )


def test_without_the_training_text_the_rest_is_measured(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model("fox")
    record = model.run.record()
    model.run.write_record(replace(record, corpus=replace(record.corpus, kept=False)))
    (tiny_run / "corpus.tokens").unlink()
    text, _ = encode_text("the quick fox", "a", model.config, "error")
    first, *rest = evaluate(model, text)
    assert isinstance(first, Note)
    assert "dynamic, n-gram and xz are not measured" in first.text
    assert set(results(rest)) == {("network", "window"), ("network", "stream")}
    with pytest.raises(UsageError, match=r"not kept its text; .* textgen evaluate fox FILE"):
        next(evaluate(model, None))


def test_a_text_too_long_for_simple_models_is_told(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "MAX_TEXT", len(TEXT) - 1)
    monkeypatch.setattr(workflow, "measure_network", lambda *arguments: iter(()))
    assert list(evaluate(model, None)) == [
        Note("n-gram and xz are not measured on more than 2,719 characters")
    ]


def configured(characters: str, start: str = "\n") -> ModelConfig:
    settings, _ = random_network(vocab_size=len(characters) + 1)
    return ModelConfig(settings, Vocabulary(characters), start)


@pytest.mark.parametrize("text", ["the quick fox\njumps", "t"])
def test_a_stream_agrees_with_the_score_of_the_same_text(model: Model, text: str) -> None:
    tokens, _ = encode_text(text, "a.txt", model.config, "error")
    (found,) = (
        one
        for one in measure_network(model.config.settings, model.parameters, None, tokens)
        if isinstance(one, Result) and one.protocol == "stream"
    )
    bits = model.generator(seed=0).score(text)
    assert len(bits) == len(tokens) - 1 == len(text)
    assert found.bits == pytest.approx(bits.mean(), rel=1e-5)


def test_unknown_characters_are_counted_and_treated_as_told() -> None:
    config = configured("\nabe")
    text = "ab\u00e9\na\u00e9\u2603b"
    for rule, ids in (("skip", [1, 2, 3, 1, 2, 3]), ("replace", [1, 2, 3, 0, 1, 2, 0, 0, 3])):
        tokens, unknown = encode_text(text, "a.txt", config, rule)  # type: ignore[arg-type]
        assert tokens.tolist() == ids
        assert (unknown, tokens.dtype) == (3, np.uint8)
    assert encode_text("ab\u00e9", "a.txt", config, "nearest")[0].tolist() == [1, 2, 3, 4]
    assert encode_text("ab", "a.txt", config, "error")[1] == 0
    documents = configured("\nab" + END, start=END)
    assert encode_text(f"ab{END}b{END}", "a.txt", documents, "error")[0].tolist() == [
        *(4, 2, 3, 4, 3, 4)
    ]


@pytest.mark.parametrize(
    ("text", "rule", "message"),
    [
        ("", "error", "'a.txt': the text is empty"),
        ("xx", "skip", "'a.txt': it holds no character that the model knows"),
        (
            "ab\nb\nax",
            "error",
            r"'x' \(U\+0078\) at line 3, column 2; .* nearest, skip or replace$",
        ),
        ("x", "nearest", r"'x' \(U\+0078\) at line 1, column 1; choose --on-unknown skip or re"),
    ],
)
def test_a_text_that_cannot_be_measured_is_told(text: str, rule: OnUnknown, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        encode_text(text, "a.txt", configured("\nab"), rule)


@pytest.mark.slow
def test_a_network_of_both_directions_has_a_protocol_of_its_own(two_way_run: Path) -> None:
    model = load_model("two-ways")
    *measuring, result = evaluate(model, None)
    assert all(isinstance(one, Measuring) for one in measuring)
    assert isinstance(result, Result)
    assert (result.protocol, result.title) == ("missing", "LSTM 1x48, both directions")
    held_out = model.validation_tokens()
    assert held_out is not None
    column = np.asarray(held_out[:])[:, None]
    reader = TwoWayReader(model.config.settings, model.parameters)
    logits = (reader.parts_before(column) + reader.parts_behind(column))[:, 0]
    # What lies more than 64 characters away is left out, which changes little.
    assert result.right == pytest.approx((logits.argmax(1) == column[:, 0]).mean(), abs=0.01)
    # A text that is given begins with the start, which is not measured.
    tokens, _ = encode_text("the quick brown fox", "fox", model.config, "error")
    *_, given = evaluate(model, tokens)
    *_, alone = measure_missing(model.config.settings, model.parameters, tokens[1:])
    assert given == alone


def test_the_right_share_is_told_in_json_alone_where_it_was_measured() -> None:
    result = Result(predictor="network", title="n", protocol="missing", nats=1.0, right=0.5)
    assert result.to_json()["right"] == 0.5
    other = Result(predictor="network", title="n", protocol="stream", nats=1.0)
    assert "right" not in other.to_json()


@pytest.mark.slow
def test_a_run_mixed_with_itself_is_as_good_as_it_is_alone(
    tiny_run: Path, events: list[Evaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "DynamicEvaluator", Learner)
    found = [each for each in evaluate(load_measured("fox+fox"), None) if isinstance(each, Result)]
    assert found[0].title == "mixture of 2 x LSTM 1x16"
    alone, mixed = results(events), results([*found])
    for protocol in ("window", "stream", "dynamic"):
        expected = alone["network", protocol].nats
        assert mixed["network", protocol].nats == pytest.approx(expected, rel=1e-5)
    # The text that both were trained on is counted once.
    assert mixed["n-gram", "stream"].nats == alone["n-gram", "stream"].nats


@pytest.mark.slow
def test_a_mixture_of_labelled_runs_is_measured_without_its_labels(
    labelled_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "DynamicEvaluator", Learner)
    notes = [each for each in evaluate(load_measured("kinds+kinds"), None) if type(each) is Note]
    assert Note("a mixture is measured with the labels left out") in notes


def test_a_measurement_is_stopped_between_two_steps_of_a_protocol(model: Model) -> None:
    calls = list[int]()

    def check() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    events = evaluate(model, None, check)
    assert isinstance(next(events), Measuring)
    with pytest.raises(KeyboardInterrupt):
        list(events)
    assert len(calls) == 2
