from functools import cache, partial
from typing import Any

import jax
import numpy as np
import pytest

from tests.networks import random_network
from textgen.evaluation import missing
from textgen.evaluation.missing import AROUND, PIECE, MissingEvaluator
from textgen.network.model import network_function, zero_states
from textgen.runtime.devices import make_mesh

SETTINGS, PARAMETERS = random_network(direction="both", projected="all")
TEXT = np.random.default_rng(2).integers(1, 7, 2 * PIECE + 70).astype(np.uint8)


@cache
def evaluator() -> MissingEvaluator:
    return MissingEvaluator(network_function(SETTINGS), SETTINGS, make_mesh(2, 2))


def expected_losses() -> tuple[Any, Any]:
    """Predict each character alone, from the piece that it is in and what is around that."""
    apply = jax.jit(network_function(SETTINGS), static_argnames="count")
    nats, right = [], []
    for begin in range(0, len(TEXT), PIECE):
        index = np.arange(begin - AROUND, begin + PIECE + AROUND)
        inside = (index >= 0) & (index < len(TEXT))
        ids = np.where(inside, TEXT[np.clip(index, 0, len(TEXT) - 1)], 0)[None].astype(np.int32)
        states = zero_states(SETTINGS, 1)
        logits, _ = apply(PARAMETERS, ids, states, count=len(index) - 1)
        for place in range(AROUND, AROUND + min(PIECE, len(TEXT) - begin)):
            row = np.asarray(logits[place - 1, 0], np.float64)
            target = ids[0, place]
            nats.append(np.log(np.exp(row).sum()) - row[target])
            right.append(row.argmax() == target)
    return np.mean(nats), np.mean(right)


@pytest.mark.slow
def test_every_character_of_a_text_is_predicted_once_from_all_others_around_it() -> None:
    *_, last = evaluator().whole(PARAMETERS, TEXT)
    nats, right = expected_losses()
    assert last.characters == len(TEXT)
    assert last.nats == pytest.approx(nats, rel=1e-4)
    assert last.right == pytest.approx(right, abs=1e-9)


def test_a_part_of_a_short_text_is_the_whole() -> None:
    *_, last = evaluator().whole(PARAMETERS, TEXT)
    assert evaluator().part(PARAMETERS, TEXT) == pytest.approx(last.nats)


@pytest.mark.slow
def test_a_large_vocabulary_is_measured_as_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    *_, last = evaluator().whole(PARAMETERS, TEXT)
    monkeypatch.setattr(missing, "MAX_ONE_HOT", 1)
    # What was compiled before is not used again for a function of its own.
    apply = partial(network_function(SETTINGS))
    in_pieces = MissingEvaluator(apply, SETTINGS, make_mesh(2, 2))
    *_, found = in_pieces.whole(PARAMETERS, TEXT)
    assert found.nats == pytest.approx(last.nats, rel=1e-5)
    assert found[1:] == last[1:]
