import numpy as np
import pytest

from tests.networks import random_network
from textgen.restoration import lengths
from textgen.restoration.lengths import log_likelihoods
from textgen.restoration.reader import TwoWayReader, log_probabilities


def chain(reader: TwoWayReader, text: list[int], before: int, behind: int, margin: int) -> float:
    """Compute the mean of both chains one prefix and one suffix at a time."""
    ids, end = np.array(text)[:, None], len(text) - behind
    forward = backward = 0.0
    for index in range(before, min(end + margin, len(text))):
        alone = reader.parts_before(ids[: index + 1])[index] + reader.unknown_behind
        forward += log_probabilities(alone)[0, text[index]]
    for index in range(max(before - margin, 0), end):
        alone = reader.parts_behind(ids[index:])[0] + reader.unknown_before
        backward += log_probabilities(alone)[0, text[index]]
    return (forward + backward) / 2


@pytest.mark.parametrize("margin", [0, 1, 5])
def test_versions_of_any_length_are_compared_by_both_chains(margin: int) -> None:
    reader = TwoWayReader(*random_network(direction="both"))
    texts = [[1, 2, 3, 4, 5], [1, 2, 6, 4, 5], [1, 2, 4, 5], [1, 2, 3, 3, 1, 4, 5]]
    arrays = [np.array(text, np.int32) for text in texts]
    found = log_likelihoods(reader, arrays, 2, 2, margin)
    expected = [chain(reader, text, 2, 2, margin) for text in texts]
    assert found == pytest.approx(expected, abs=1e-4)


def test_versions_are_compared_in_pieces_where_the_alphabet_is_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = TwoWayReader(*random_network(direction="both"))
    texts = [np.array([1, 2, one, 4, 5], np.int32) for one in range(7)]
    expected = log_likelihoods(reader, texts, 2, 2, 1)
    monkeypatch.setattr(lengths, "MOST_LOGITS", 2 * 5 * 7)  # those of two texts
    assert log_likelihoods(reader, texts, 2, 2, 1) == pytest.approx(expected, abs=1e-5)


def test_an_unknown_character_counts_the_same_in_every_version() -> None:
    reader = TwoWayReader(*random_network(direction="both"))
    texts = [np.array(text, np.int32) for text in ([1, 2, 3, 4, 0], [1, 2, 5, 4, 0])]
    near = log_likelihoods(reader, texts, 2, 2, 1)
    far = log_likelihoods(reader, texts, 2, 2, 2)
    assert far[0] - far[1] == pytest.approx(near[0] - near[1], abs=1.0)
    assert np.isfinite(far).all()
