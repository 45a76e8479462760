"""What trained networks predict on a text, for another network to learn from."""

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens
from textgen.data.vocabulary import Vocabulary
from textgen.network.model import network_function, zero_states
from textgen.runs.run import Run

# Pieces of the text that are read side by side, characters of a piece that a call reads, and
# characters before each piece that are read but not predicted. Where the text has none before it,
# its first character is read instead.
ROWS, CHUNK, LEAD = 64, 128, 256


def read_lessons(
    runs: Sequence[Path], vocabulary: Vocabulary, training: Tokens
) -> NDArray[np.float16]:
    """Return the mean of the probabilities that the last weights of several runs predict.

    Args:
        runs: folders of runs, which have the vocabulary and were trained on the text.
        vocabulary: of the text.
        training: ids of the text, [N].

    Returns:
        Probabilities of the id after each id, float16 [N, V].

    Raises:
        SystemExit: if a run has another vocabulary.
    """
    mean = np.zeros((len(training), len(vocabulary)), np.float32)
    for path in runs:
        run = Run(path)
        config = run.record().config
        if config.vocabulary.characters != vocabulary.characters:
            raise SystemExit(f"{path}: its alphabet is not that of the text")
        apply = network_function(config.settings)

        @jax.jit
        def read(parameters, states, inputs, apply=apply):  # type: ignore[no-untyped-def]
            logits, states = apply(parameters, inputs, states)
            return jax.nn.softmax(logits, axis=-1).transpose(1, 0, 2), states

        parameters = jax.tree.map(jnp.asarray, dict(run.load(run.steps()[-1]).parameters))
        states = zero_states(config.settings, ROWS)
        piece = -(-len(training) // ROWS)
        begins = np.arange(ROWS)[:, None] * piece
        ends = np.minimum(begins + piece, len(training))
        for at in range(-LEAD, piece, CHUNK):
            places = begins + np.arange(at, at + CHUNK)
            inputs = training[np.clip(places, 0, len(training) - 1)].astype(np.int32)
            found, states = read(parameters, states, inputs)
            is_own = (places >= begins) & (places < ends)
            mean[places[is_own]] += np.asarray(found)[is_own] / len(runs)
    return mean.astype(np.float16)
