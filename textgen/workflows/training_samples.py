"""The text that a network writes after each evaluation, to show what it has learnt so far."""

import time

import numpy as np

from textgen.data.vocabulary import END, Vocabulary
from textgen.generation.generator import Generator
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network.parameters import multiplications_per_character, with_labels
from textgen.runs.checkpoint import ModelConfig
from textgen.settings import ModelSettings, SamplingSettings
from textgen.training.loop import Trainer

# Length of a sample in characters, and the most multiplications for it: a network that needs an
# accelerator writes slowly on a core.
SAMPLED_CHARACTERS, SAMPLED_MULTIPLICATIONS = 240, 2e9
# Characters that are written to time a sample. The first ones take longer.
TIMED_CHARACTERS = 16
# First code point of the characters that stand for a vocabulary while a sample is timed. None above
# it is a surrogate, and they are more than a vocabulary can have.
STAND_INS = 0xE000


def sample_text(trainer: Trainer, config: ModelConfig) -> str | None:
    """Write a text with the weights as they are now; labels are left out.

    The same weights at the same step write the same text. Training is not changed.

    Args:
        trainer: the trainer; the step seeds the draws.
        config: the model that it trains.

    Returns:
        The text, without white space at its ends. Documents stand on lines of their own. None if
        the network reads in both directions, and so cannot write.
    """
    if config.settings.direction != "forward":
        return None
    generator = Generator(
        _engine(trainer), config.vocabulary, config.start, seed=trainer.progress.step
    )
    documents, left = list[str](), _length(config.settings)
    while left > 0:
        document = "".join(generator.stream(left, SamplingSettings()))
        documents.append(document.removesuffix(END).strip())
        left -= len(document) + 1  # an empty document counts too
    return "\n".join(filter(None, documents))


def sampling_seconds(trainer: Trainer) -> float:
    """Return about how long `sample_text` takes, by writing a shorter text; the state is kept."""
    settings = trainer.model
    if settings.direction != "forward":
        return 0.0
    stand_ins = "".join(map(chr, range(STAND_INS, STAND_INS + settings.vocab_size - 1)))
    begun = time.perf_counter()
    generator = Generator(_engine(trainer), Vocabulary(stand_ins), stand_ins[0])
    for _ in generator.stream(1):
        pass
    started = time.perf_counter()
    length = _length(settings)
    timed = min(TIMED_CHARACTERS, length)
    for _ in generator.stream(timed):
        pass
    return started - begun + (time.perf_counter() - started) * length / timed


def _engine(trainer: Trainer) -> NumpyEngine:
    parameters = {name: np.asarray(array) for name, array in trainer.state.parameters.items()}
    return NumpyEngine(*with_labels(trainer.model, parameters))


def _length(settings: ModelSettings) -> int:
    most = int(SAMPLED_MULTIPLICATIONS / multiplications_per_character(settings))
    return min(SAMPLED_CHARACTERS, max(most, 1))
