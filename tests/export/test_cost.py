import numpy as np
import pytest

from tests.networks import random_model
from textgen.export.cost import bits_at_each_precision
from textgen.export.weights import round_to


def test_bits_are_those_of_the_rounded_network_and_float32_costs_nothing() -> None:
    model = random_model()
    text = "abcdef\nfade a bee\n" * 3
    tokens = model.config.vocabulary.encode(text)
    found = bits_at_each_precision(model.config, model.parameters, tokens)
    assert found["float32"] == pytest.approx(model.generator(seed=0).score(text).mean(), rel=1e-6)
    assert found["float16"] == pytest.approx(found["float32"], abs=0.01)
    rounded = {name: round_to(array, "int8") for name, array in model.parameters.items()}
    again = bits_at_each_precision(model.config, rounded, tokens)
    # Weights that were rounded to bytes lose nothing more by it.
    assert again["int8"] == pytest.approx(found["int8"], abs=1e-5)
    assert found["int8"] != found["float32"]


def test_a_network_of_zeros_has_the_entropy_of_its_alphabet_at_each_precision() -> None:
    model = random_model()
    zeros = {name: np.zeros_like(array) for name, array in model.parameters.items()}
    tokens = model.config.vocabulary.encode("abc")
    found = bits_at_each_precision(model.config, zeros, tokens)
    assert [*found] == ["float32", "float16", "int8"]
    for bits in found.values():
        assert bits == pytest.approx(np.log2(len(model.config.vocabulary)))
