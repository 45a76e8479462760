import numpy as np
import pytest

from tests.networks import random_network
from textgen.network.inference import next_logits, prepare_parameters, step_network
from textgen.restoration.reader import UNKNOWN_AROUND, TwoWayReader, log_probabilities
from textgen.settings import Projected

TOKENS = np.array([[3, 1], [5, 2], [1, 1], [2, 6], [4, 3]], np.int32)


@pytest.mark.parametrize("projected", ["last", "all"])
def test_both_parts_of_the_logits_are_those_of_a_plain_loop(projected: Projected) -> None:
    settings, parameters = random_network(direction="both", projected=projected)
    reader = TwoWayReader(settings, parameters)
    before, behind = reader.parts_before(TOKENS), reader.parts_behind(TOKENS)
    halves = np.split(parameters["projection.kernel"], 2)
    for stack, kernel, parts, text in (
        ("layers", halves[0], before, TOKENS),
        ("backward", halves[1], behind[::-1] - parameters["projection.bias"], TOKENS[::-1]),
    ):
        arrays = {n.replace(stack, "layers"): a for n, a in parameters.items() if stack in n}
        arrays |= {"projection.kernel": kernel, "projection.bias": np.zeros(7, np.float32)}
        prepared = prepare_parameters({"embedding": parameters["embedding"], **arrays})
        for row in (0, 1):
            # What lies beyond the text is read as unknown characters.
            states = reader.begin(1)
            states = tuple(type(one)(*(member[0] * 0 for member in one)) for one in states)
            for token in [0] * UNKNOWN_AROUND:
                states = step_network(settings, prepared, token, states)
            for index, token in enumerate(text[:, row].tolist()):
                expected = next_logits(settings, prepared, states)
                np.testing.assert_allclose(parts[index, row], expected, atol=1e-5)
                states = step_network(settings, prepared, token, states)


def test_steps_forward_give_the_same_parts_as_the_whole_text() -> None:
    reader = TwoWayReader(*random_network(direction="both"))
    states, parts = reader.begin(2), []
    for row in TOKENS:
        parts.append(reader.before(states))
        states = reader.step(states, row)
    np.testing.assert_allclose(np.stack(parts), reader.parts_before(TOKENS), atol=1e-6)


def test_the_unknown_character_has_no_probability_and_the_others_sum_to_one() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 7)).astype(np.float32)
    probabilities = np.exp(log_probabilities(logits))
    assert (probabilities[:, 0] == 0).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    ratio = probabilities[:, 3] / probabilities[:, 5]
    np.testing.assert_allclose(ratio, np.exp(logits[:, 3] - logits[:, 5]), rtol=1e-5)
