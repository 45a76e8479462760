"""textgen's engines write with random weights, which are as fast as trained ones."""

from collections.abc import Callable, Iterator
from itertools import chain, count
from typing import Any

import numpy as np
from turns import VOCAB_SIZE, Shape

from textgen.data.vocabulary import Vocabulary
from textgen.generation.engine import LARGEST_OF_A_CORE
from textgen.generation.generator import Generator, write_side_by_side
from textgen.generation.numpy_engine import NumpyEngine
from textgen.generation.writing import Piece
from textgen.network.parameters import parameter_shapes
from textgen.runtime.xla_options import prefer_one_kernel
from textgen.settings import ModelSettings, SamplingSettings


def random_network(shape: Shape, vocab_size: int) -> tuple[ModelSettings, dict[str, np.ndarray]]:
    """Make a network with random weights."""
    settings = ModelSettings(
        vocab_size=vocab_size,
        embedding_size=shape.embedding_size,
        hidden_size=shape.hidden_size,
        num_layers=shape.num_layers,
        dropout_rate=0.0,
    )
    source = np.random.default_rng(0)
    return settings, {
        name: (source.normal(size=size) * 2 / size[0] ** 0.5).astype(np.float32)
        for name, size in parameter_shapes(settings).items()
    }


def build(
    shape: Shape,
    name: str,
    settings: SamplingSettings | None = None,
    training: Any = None,
    vocabulary: Vocabulary | None = None,
) -> Callable[[], int]:
    """Return a function that writes more characters of each text with an engine.

    Args:
        shape: shape of the network; its batch size is the number of texts.
        name: name of the engine, `numpy` or `jax`.
        settings: sampling settings; temperature 0.8 by default.
        training: token ids of the training text, needed if copies are limited.
        vocabulary: the vocabulary; 65 characters by default.
    """
    vocabulary = vocabulary or Vocabulary("".join(map(chr, range(32, 32 + VOCAB_SIZE))))
    model, parameters = random_network(shape, len(vocabulary))
    reader = engine = NumpyEngine(model, parameters)
    if name == "jax":
        if model.hidden_size <= LARGEST_OF_A_CORE:
            prefer_one_kernel()
        from textgen.generation.jax_engine import JaxEngine

        engine = JaxEngine(model, parameters)

    def write(seed: int) -> Iterator[list[Piece | None]]:
        generators = [
            Generator(
                reader,
                vocabulary,
                " ",
                seed=seed,
                sample=n,
                engine=engine,
                training=lambda: training,
            )
            for n in range(shape.batch_size)
        ]
        return write_side_by_side(
            generators, 10**9, settings or SamplingSettings(), is_scored=False
        )

    # With all controls a text may get stuck; then new ones are begun.
    pieces = chain.from_iterable(map(write, count(1)))
    return lambda: sum(len(piece.text) for piece in next(pieces) if piece)
