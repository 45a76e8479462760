from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TEXT
from tests.networks import random_network
from textgen.data.vocabulary import END, Vocabulary
from textgen.generation.model import Model
from textgen.restoration.beam import Rules, fill
from textgen.restoration.gaps import Gap, parse_gaps
from textgen.restoration.lengths import log_likelihoods
from textgen.restoration.reader import TwoWayReader
from textgen.restoration.restorer import APART, CONTEXT, MARGIN, Group, Restorer, group_gaps
from textgen.workflows.load import load_model
from textgen.workflows.restore import allowed_characters, two_way_reader

FOX = TEXT.splitlines()[0] + "\n"


@pytest.fixture(scope="module")
def model(two_way_run_source: Path) -> Model:
    return load_model(str(two_way_run_source))


def best(model: Model, text: str) -> tuple[str, ...]:
    vocabulary = model.config.vocabulary
    rules = Rules(allowed_characters(vocabulary))
    restorer = Restorer(two_way_reader(model), vocabulary, rules)
    (group,), _ = group_gaps(parse_gaps(text))
    return restorer.best(group, 1)[0].texts


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("the quick br_wn fox", ("o",)),
        ("the quick _____ fox jumps", ("brown",)),
        ("the q__ck br_wn f_x jumps", ("ui", "o", "o")),
        ("the quick [...] fox jumps over", ("brown",)),
        ("the [2-8] brown fox jumps", ("quick",)),
        ("over the lazy [...], and the dog [4-7] on", ("dog", "sleeps")),
    ],
)
def test_a_language_in_which_all_is_certain_is_restored_exactly(
    model: Model, text: str, filled: tuple[str, ...]
) -> None:
    assert best(model, FOX + text) == filled


def test_a_letter_that_the_letter_after_it_decides_is_restored(model: Model) -> None:
    # A network that reads forward alone can only guess: both syllables are equally frequent.
    syllables = ["ax", "by", "by", "ax", "ax", "by", "ax", "by"]
    text = FOX + "axbyax" + "".join(f"_{letters[1]}" for letters in syllables) + "axby"
    assert best(model, text) == tuple(letters[0] for letters in syllables)


def test_alternatives_are_all_fillings_ranked_by_the_probability_of_the_passage() -> None:
    vocabulary = Vocabulary("abc")
    reader = TwoWayReader(*random_network(direction="both", vocab_size=4))
    restorer = Restorer(reader, vocabulary, Rules(allowed_characters(vocabulary)))
    group = Group("ab", (Gap(1, 1), Gap(2, 2)), ("c",), "ba")
    every = [*map("".join, product("abc", repeat=3))]
    texts = [vocabulary.encode(f"ab{one[0]}c{one[1:]}ba") for one in every]
    tokens, is_gap = vocabulary.encode("abacaaba"), np.array([0, 0, 1, 0, 1, 1, 0, 0], bool)
    rules = Rules(allowed_characters(vocabulary))
    joint = {
        vocabulary.decode(one.tokens): one.log_probability
        for one in fill(reader, tokens, is_gap, rules, width=27)
    }
    passages = log_likelihoods(reader, texts, 2, 2, MARGIN)
    scores = np.exp(
        [(joint[one] + 2 * nats) / 3 for one, nats in zip(every, passages, strict=True)]
    )
    shares = dict(zip(every, scores / scores.sum(), strict=True))
    found = restorer.best(group, 100)
    assert ["".join(one.texts) for one in found] == sorted(every, key=lambda one: -shares[one])
    for one in found:
        name = "".join(one.texts)
        assert one.probability == pytest.approx(shares[name], rel=1e-4)
        for place, certainty in enumerate([*one.certainties[0], *one.certainties[1]]):
            sum_of_same = sum(
                share for other, share in shares.items() if other[place] == name[place]
            )
            assert certainty == pytest.approx(sum_of_same, rel=1e-4)


def test_drawn_fillings_depend_on_the_seed_and_their_number_alone(model: Model) -> None:
    vocabulary = model.config.vocabulary
    rules = Rules(allowed_characters(vocabulary))
    restorer = Restorer(two_way_reader(model), vocabulary, rules)
    (group,), _ = group_gaps(parse_gaps(FOX + "ax____by"))
    few, many = (restorer.drawn(group, n, 5, 2.0, 0) for n in (3, 9))
    # How many are drawn together decides the last bits of their probabilities.
    assert [one.texts for one in many[:3]] == [one.texts for one in few]
    for one, other in zip(many, few, strict=False):
        assert one.probability == pytest.approx(other.probability, rel=1e-4)
    assert len({one.texts for one in many}) > 1
    assert restorer.drawn(group, 3, 6, 2.0, 0) != few


def test_gaps_are_filled_jointly_unless_much_known_text_is_between_them() -> None:
    near, far, gap = "n" * (APART - 1), "f" * APART, Gap(1, 1)
    groups, rest = group_gaps(["a", gap, near, gap, gap, far, Gap(2, 4), "z" * 200])
    assert rest == "z" * 200
    assert groups == [
        Group("a", (gap, gap, gap), (near, ""), far + END * 3 + "z" * (CONTEXT - APART - 3)),
        Group(far, (Gap(2, 4),), (), "z" * CONTEXT),
    ]


def test_many_gaps_are_filled_in_several_groups() -> None:
    groups, rest = group_gaps([Gap(10, 10), "a", Gap(10, 10), "b", Gap(10, 10)])
    assert [(group.before, len(group.gaps)) for group in groups] == [("", 2), ("b", 1)]
    assert (groups[0].behind, groups[1].behind, rest) == ("b" + END * 10, "", "")
