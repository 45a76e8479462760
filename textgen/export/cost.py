"""What a smaller precision of the weights costs in bits per character."""

import math
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from textgen.export.weights import Precision, round_to
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network.parameters import Arrays
from textgen.runs.checkpoint import ModelConfig

# Number of characters of the validation text that are read at each precision.
MEASURED = 4096


def bits_at_each_precision(
    config: ModelConfig, parameters: Arrays, tokens: NDArray[np.int32]
) -> dict[Precision, float]:
    """Measure how well a network predicts a text with its weights at each precision.

    The text is read once from its start, with the state carried along.

    Args:
        config: settings and vocabulary; the settings are those of the network without labels.
        parameters: its arrays by name, as a page stores them or as they were trained.
        tokens: ids of the text, int32 [T] with T at least 1.

    Returns:
        Bits per character at each precision.
    """
    start = config.vocabulary.encode_start(config.start)
    found: dict[Precision, float] = {}
    for precision in get_args(Precision):
        rounded = {name: round_to(array, precision) for name, array in parameters.items()}
        engine = NumpyEngine(config.settings, rounded)
        states = engine.read(start, engine.zero_states())
        nats, _ = engine.read_scored(tokens, states)
        found[precision] = float(nats.mean(dtype=np.float64)) / math.log(2)
    return found
