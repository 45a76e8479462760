"""What a network costs where a plan trains."""

import pytest

from tests.planning.test_accelerated import CARD, network
from textgen.network.parameters import multiplications_per_character, operations_per_character
from textgen.planning.choices import BatchShape, TextSize
from textgen.planning.site import MEMORY_SHARE, SECONDS_PER_TIME_STEP, Site
from textgen.runtime.cpu_memory import memory_on_cpu

ON_CPU = Site(None, BatchShape(32, 64), 2, "float32")
ON_CARD = Site(CARD, BatchShape(512, 64), 1, "bfloat16")
MODEL = network(hidden_size=512, embedding_size=512)


def test_on_a_cpu_a_character_costs_its_products() -> None:
    assert ON_CPU.cost(MODEL, 1e11) == operations_per_character(MODEL)
    assert ON_CPU.speed(MODEL, 1000.0) == 1000 * operations_per_character(MODEL)
    assert ON_CPU.suits(MODEL, TextSize(vocab_size=66, training_characters=100))


def test_on_an_accelerator_kernels_are_started_for_each_time_step_of_each_layer() -> None:
    # Two layers, forward and backward; 512 sequences share a start.
    seconds = 4 * SECONDS_PER_TIME_STEP / 512
    assert ON_CARD.seconds_to_start(MODEL) == pytest.approx(seconds)
    cost = ON_CARD.cost(MODEL, 1e14)
    assert cost == pytest.approx(operations_per_character(MODEL) + seconds * 1e14)


def test_the_speed_that_explains_a_measurement_gives_it_back() -> None:
    speed = ON_CARD.speed(MODEL, 2e6)
    assert speed / ON_CARD.cost(MODEL, speed) == pytest.approx(2e6)


def test_a_network_suits_a_text_and_a_memory() -> None:
    weights = multiplications_per_character(MODEL)
    enough = -(-3 * weights // (2 * 24))
    text = TextSize(vocab_size=66, training_characters=enough)
    assert ON_CARD.suits(MODEL, text)
    assert not ON_CARD.suits(MODEL, TextSize(vocab_size=66, training_characters=enough - 1))
    wide = network(hidden_size=4096, embedding_size=4096)
    long = TextSize(vocab_size=66, training_characters=10**9)
    assert ON_CARD.suits(wide, long)
    assert not ON_CARD._replace(batch=BatchShape(8192, 64)).suits(wide, long)


def test_on_a_cpu_a_network_suits_the_memory_that_is_left() -> None:
    text = TextSize(vocab_size=66, training_characters=100)
    needed = memory_on_cpu(MODEL, 32, 64, 2, "float32")
    assert ON_CPU._replace(memory=int(needed / MEMORY_SHARE) + 1).suits(MODEL, text)
    assert not ON_CPU._replace(memory=int(needed / MEMORY_SHARE) - 1).suits(MODEL, text)
