import numpy as np
import pytest

from tests.networks import random_network
from textgen.restoration.lengths import log_likelihoods
from textgen.restoration.reader import TwoWayReader, log_probabilities


def chain(reader: TwoWayReader, text: list[int], begin: int, behind: int) -> float:
    """Compute the mean of both chains one prefix and one suffix at a time."""
    ids = np.array(text)[:, None]
    forward = backward = 0.0
    for index in range(begin, len(text)):
        alone = reader.parts_before(ids[: index + 1])[index] + reader.unknown_behind
        forward += log_probabilities(alone)[0, text[index]]
    for index in range(len(text) - behind):
        alone = reader.parts_behind(ids[index:])[0] + reader.unknown_before
        backward += log_probabilities(alone)[0, text[index]]
    return (forward + backward) / 2


def test_versions_of_any_length_are_compared_by_both_chains() -> None:
    reader = TwoWayReader(*random_network(direction="both"))
    texts = [[1, 2, 3, 4, 5], [1, 2, 6, 4, 5], [1, 2, 4, 5], [1, 2, 3, 3, 1, 4, 5]]
    found = log_likelihoods(reader, [np.array(text, np.int32) for text in texts], 2, 2)
    expected = [chain(reader, text, 2, 2) for text in texts]
    assert found == pytest.approx(expected, abs=1e-4)
