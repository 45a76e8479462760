import jax.numpy as jnp
import numpy as np
import pytest

from tests.networks import TOKENS, random_network
from textgen.evaluation.compiled_scoring import DynamicScorer, JaxScorer
from textgen.evaluation.protocols import DynamicEvaluator, Evaluator
from textgen.evaluation.scoring import NumpyScorer
from textgen.network.model import network_function
from textgen.runtime.devices import make_mesh


@pytest.mark.parametrize(
    "changes", [{}, {"cell": "gru"}, {"cell": "rnn", "num_layers": 1}, {"projected": "all"}]
)
def test_the_compiled_scorer_agrees_with_that_of_numpy(
    changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JaxScorer, "piece", 16)
    expected = NumpyScorer(*random_network(**changes), 3).read(TOKENS)
    scorer = JaxScorer(*random_network(**changes), 3)
    parts = [scorer.read(TOKENS[begin : begin + 16]) for begin in range(0, 50, 16)]
    assert np.concatenate(parts) == pytest.approx(expected, abs=1e-5)


def test_texts_that_stand_alone_are_scored_alike_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(JaxScorer, "rows", 4)
    monkeypatch.setattr(JaxScorer, "columns", 8)
    texts = [TOKENS[begin : begin + size] for begin, size in enumerate((9, 1, 30, 8, 17, 2, 16))]
    scorer = JaxScorer(*random_network(), 3)
    scorer.read(TOKENS[:5])
    together = scorer.read_each(texts)
    for scored, alone in zip(
        together, NumpyScorer(*random_network(), 3).read_each(texts), strict=True
    ):
        assert scored == pytest.approx(alone, abs=1e-5)
    assert scorer.read_each([]) == []


def test_the_mean_is_that_of_the_stream_protocol() -> None:
    settings, parameters = random_network()
    scorer = JaxScorer(settings, parameters, 3)
    evaluator = Evaluator(network_function(settings), settings, make_mesh(1, 1))
    weights = {name: jnp.asarray(array) for name, array in parameters.items()}
    expected = evaluator.stream(weights, np.append(3, TOKENS).astype(np.uint8))
    assert scorer.read(TOKENS).mean() == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_learning_while_reading_is_that_of_dynamic_evaluation() -> None:
    settings, parameters = random_network()
    training = np.tile(TOKENS, 30).astype(np.uint8)
    text = np.tile(TOKENS[:40], 64)  # two pieces, exactly
    evaluator = DynamicEvaluator(network_function(settings), settings)
    weights = {name: jnp.asarray(array) for name, array in parameters.items()}
    whole = np.concatenate(
        list(evaluator.measure(weights, training, np.append(3, text).astype(np.uint8)))
    )
    scorer = DynamicScorer(settings, parameters, 3, training)
    parts = [scorer.read(text[at : at + scorer.piece]) for at in range(0, 2560, scorer.piece)]
    assert len(parts) == 2
    assert np.concatenate(parts) == pytest.approx(whole, abs=1e-5)
    # The text repeats itself, and that is learnt.
    assert whole[-400:].mean() < whole[:400].mean()
