"""Record the gates and states of a network that reads in both directions."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from textgen.generation.filters import surprise
from textgen.interpretation.gates import Watched, by_name, likeliest, step_watched
from textgen.network.cells import CELLS
from textgen.network.parameters import Arrays
from textgen.restoration.reader import TwoWayReader
from textgen.runs.checkpoint import ModelConfig


def watch_both(
    config: ModelConfig, parameters: Arrays, tokens: NDArray[np.int32], layer: int
) -> tuple[Watched, Watched]:
    """Read a text from both sides, and record what a layer of each direction does.

    What lies beyond the text is read as unknown. A character is predicted from all others.

    Args:
        config: settings and vocabulary of the model.
        parameters: arrays by name, as in `textgen.network.parameters`.
        tokens: ids, int32 [T] with T at least 1.
        layer: number of the layer, counted from 1.

    Returns:
        The layer that reads forward and the one that reads backward. The values at a character are
        those after it was read. Surprise and guesses are the same in both.
    """
    settings, characters = config.settings, config.vocabulary.characters
    reader = TwoWayReader(settings, parameters)
    # One more character, whose id does not matter, is predicted from the text before it.
    column = np.append(tokens, tokens[-1])[:, None]
    before = reader.parts_before(column)[:, 0]
    behind = np.concatenate([reader.parts_behind(column[:-1])[:, 0], reader.unknown_behind])
    logits = before + behind
    pairs = zip(logits[:-1], tokens.tolist(), strict=True)
    bits = np.array([surprise(row, token) for row, token in pairs]) / np.log(2)
    guesses = [likeliest(characters, row) for row in logits]
    text = config.vocabulary.decode(tokens)
    forward = Watched(text, layer, _quantities(reader, "layers", tokens, layer), bits, guesses)
    backward = {
        name: values[::-1]
        for name, values in _quantities(reader, "backward", tokens[::-1], layer).items()
    }
    return forward, replace(forward, quantities=backward, direction="backward")


def _quantities(
    reader: TwoWayReader, stack: str, tokens: NDArray[np.int32], layer: int
) -> dict[str, NDArray[np.float32]]:
    """Return what a layer of one direction does at each id in the order in which it reads them."""
    states, rows = reader.begin(1, stack), []
    for token in tokens:
        prepared = reader.prepared[stack]
        states, row = step_watched(reader.settings, prepared, token[None], states, layer)
        rows.append([values[0] for values in row])
    return by_name(CELLS[reader.settings.cell], rows)
