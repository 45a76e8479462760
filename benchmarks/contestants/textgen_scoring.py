"""textgen's compiled scorer, with random weights, which are as fast as trained ones."""

from collections.abc import Callable

import numpy as np
from turns import VOCAB_SIZE, Shape, take_writing_turns
from writing import random_network

from textgen.evaluation.compiled_scoring import JaxScorer


def build(shape: Shape) -> Callable[[], int]:
    """Return a function that reads on from left to right with the state carried."""
    scorer = JaxScorer(*random_network(shape, VOCAB_SIZE), 0)
    tokens = np.random.default_rng(0).integers(0, VOCAB_SIZE, scorer.piece).astype(np.int32)

    def read() -> int:
        scorer.read(tokens)
        return scorer.piece

    return read


if __name__ == "__main__":
    take_writing_turns(build)
