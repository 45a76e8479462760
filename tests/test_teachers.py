"""The benchmark of networks that learn from the predictions of others."""

from pathlib import Path

import jax
import numpy as np
import pytest
from ablation import Experiment, Recipe
from teachers import LEAD, ROWS, read_lessons

from textgen.data.vocabulary import Vocabulary
from textgen.network.model import network_function, zero_states
from textgen.runs.run import Run


def test_lessons_are_the_mean_of_what_the_runs_predict(tiny_run: Path) -> None:
    run = Run(tiny_run)
    config = run.record().config
    piece = 2 * LEAD
    ids = np.random.default_rng(0).integers(1, len(config.vocabulary), piece * ROWS, np.uint8)
    first = run.steps()[-1]
    lessons = read_lessons([tiny_run, tiny_run], config.vocabulary, ids)
    begin = 3 * piece
    inputs = ids[None, begin - LEAD : begin + piece].astype(np.int32)
    parameters = dict(run.load(first).parameters)
    apply = network_function(config.settings)
    logits, _ = apply(parameters, inputs, zero_states(config.settings, 1))
    expected = jax.nn.softmax(logits[LEAD:, 0])
    np.testing.assert_allclose(lessons[begin : begin + piece], expected, atol=1e-3)
    with pytest.raises(SystemExit, match="its alphabet is not that of the text"):
        read_lessons([tiny_run], Vocabulary("ab"), ids)


@pytest.mark.slow
def test_a_network_taught_the_characters_that_follow_learns_as_without_teachers() -> None:
    ids = np.random.default_rng(0).integers(0, 5, 500, np.uint8)
    sure = np.zeros((len(ids), 5), np.float16)
    sure[np.arange(len(ids) - 1), ids[1:]] = 1
    recipe = Recipe(layers=1, hidden=8, batch=4, length=10, taught=1.0)
    states = [
        experiment.advance(experiment.fresh(), 0, 8)
        for experiment in (
            Experiment(recipe, ids, 5, seed=0, devices=1, lessons=sure),
            Experiment(Recipe(layers=1, hidden=8, batch=4, length=10), ids, 5, 0, 1, None),
            Experiment(recipe, ids, 5, seed=0, devices=1, lessons=np.full_like(sure, 0.2)),
        )
    ]
    taught, alone, unsure = (state.parameters["projection.kernel"] for state in states)
    np.testing.assert_allclose(taught, alone, atol=1e-5)
    assert np.abs(unsure - alone).max() > 1e-3
