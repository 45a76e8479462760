import lzma
import math
from collections import Counter

import numpy as np
import pytest

from textgen.data.vocabulary import Vocabulary
from textgen.evaluation import baselines
from textgen.evaluation.baselines import (
    Baseline,
    Measuring,
    NGramLoss,
    compressor_loss,
    measure_baselines,
    ngram_losses,
)

RANDOM = np.random.default_rng(5)


def text(length: int, kinds: int) -> np.ndarray:
    """Ids in which each depends on the one before it."""
    steps = RANDOM.choice(3, length, p=[0.6, 0.3, 0.1])
    return (np.cumsum(steps) % kinds + 1).astype(np.uint8)


def slow_loss(
    training: np.ndarray, validation: np.ndarray, vocab_size: int, order: int, *, adaptive: bool
) -> float:
    """The same model, one character at a time, with dictionaries."""
    whole, split = [*training.tolist(), *validation.tolist()], len(training)

    def context_at(place: int, length: int) -> tuple[int, ...]:
        return tuple([-1, *whole][max(place + 1 - length, 0) : place + 1])

    def probability(place: int, length: int) -> float:
        if length < 0:
            return 1 / vocab_size
        lower = probability(place, length - 1)
        counted = [p for p in range(place) if p < split or adaptive]
        follow = Counter(
            whole[p] for p in counted if context_at(p, length) == context_at(place, length)
        )
        total = sum(follow.values())
        trained = Counter((context_at(p, length), whole[p]) for p in range(split))
        occurrences = Counter(trained.values())
        once, twice = occurrences[1], occurrences[2]
        discount = (once + 1) / (once + 2 * twice + 3)
        if not total:
            return lower
        higher = max(follow[whole[place]] - discount, 0)
        return (higher + discount * len(follow) * lower) / total

    places = range(split + 1, len(whole))
    return -sum(math.log(probability(place, order)) for place in places) / len(places)


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_the_ngram_losses_are_those_of_a_model_counted_one_character_at_a_time(order: int) -> None:
    training, validation = text(90, 5), text(30, 6)
    found = list(ngram_losses(training, validation, vocab_size=8, max_order=3))[order]
    assert found.order == order
    slow = [slow_loss(training, validation, 8, order, adaptive=a) for a in (False, True)]
    assert [found.frozen, found.adaptive] == pytest.approx(slow, abs=1e-12)


@pytest.mark.parametrize("vocab_size", [8, 10**4, 2**55])
def test_ngrams_are_numbered_in_the_same_way_whether_they_are_listed_or_sorted(
    vocab_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, validation = text(90, 5), text(30, 6)  # with 2**55 ids they are sorted stably
    monkeypatch.setattr(baselines, "MOST_LISTED", 0 if vocab_size == 8 else baselines.MOST_LISTED)
    for order, found in enumerate(ngram_losses(training, validation, vocab_size, max_order=2)):
        slow = [
            slow_loss(training, validation, vocab_size, order, adaptive=a) for a in (False, True)
        ]
        assert [found.frozen, found.adaptive] == pytest.approx(slow, abs=1e-12)


def test_an_adaptive_ngram_model_learns_a_text_that_the_training_text_does_not_foretell() -> None:
    training, validation = text(400, 3), np.tile([4, 5, 6, 7], 100).astype(np.uint8)
    *_, last = ngram_losses(training, validation, vocab_size=9, max_order=2)
    assert last.adaptive < 0.2 < last.frozen


def test_a_character_never_seen_costs_what_the_uniform_distribution_leaves_for_it() -> None:
    # Order 0 after `1 1 2`: c = 3, N = 2, n_1 = 1, n_2 = 1, D = 2/6.
    (loss,) = ngram_losses(np.array([1, 1, 2]), np.array([1, 3]), vocab_size=4, max_order=0)
    assert loss.frozen == pytest.approx(-math.log(1 / 3 * 2 * 1 / 4 / 3))
    assert loss.adaptive == pytest.approx(-math.log(1 / 3 * 2 * 1 / 4 / 4))


def test_the_best_order_is_another_one_where_counts_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = [NGramLoss(0, 2.0, 1.0), NGramLoss(1, 1.5, 1.2), NGramLoss(2, 1.6, 0.1)]
    monkeypatch.setattr(baselines, "ngram_losses", lambda *arguments: iter(losses))
    ids = np.ones(9, np.uint8)
    found = list(measure_baselines(ids, ids, Vocabulary("a"), includes_xz=False))
    title = "n-gram, {} of context"
    assert [one for one in found if isinstance(one, Baseline)] == [
        Baseline(
            name="n-gram",
            title=title.format("1 character"),
            is_adaptive=False,
            nats=1.5,
            order=1,
        ),
        Baseline(
            name="n-gram",
            title=title.format("2 characters"),
            is_adaptive=True,
            nats=0.1,
            order=2,
        ),
    ]
    assert Measuring("xz") not in found


@pytest.mark.slow
def test_the_compressor_is_charged_for_what_the_second_text_adds() -> None:
    first = "".join(map(chr, RANDOM.integers(97, 123, 20_000)))
    # Said again it costs nothing; new letters at random cost ln 26 nats, and xz a little more.
    assert compressor_loss(first, first) < 0.02
    other = "".join(map(chr, RANDOM.integers(97, 123, 20_000)))
    assert math.log(26) < compressor_loss(first, other) < 1.1 * math.log(26)
    assert compressor_loss("", first) == pytest.approx(
        (len(lzma.compress(first.encode(), preset=9 | lzma.PRESET_EXTREME)) - 32)
        * 8
        * math.log(2)
        / 20_000
    )
