"""Write samples with a model, one after the other or side by side."""

from collections.abc import Iterator

from textgen.data.vocabulary import OnUnknown
from textgen.generation.engines import EngineName, choose_engine
from textgen.generation.generator import Piece, write_side_by_side
from textgen.settings import SamplingSettings
from textgen.workflows.loading import Model

# Side by side, so that the texts of a large order need not all be held at once.
SIDE_BY_SIDE = 64
# What a line and a sentence are taken for where they decide how long a text is.
LINE_CHARACTERS = 80
SENTENCE_CHARACTERS = 120


def write_samples(
    model: Model,
    settings: SamplingSettings,
    *,
    prompt: str,
    length: int,
    num_samples: int,
    seed: int,
    on_unknown: OnUnknown,
    engine: EngineName,
) -> Iterator[tuple[int, Piece]]:
    """Write samples; sample i depends only on the seed and i.

    Args:
        model: what to write with.
        settings: how to draw.
        prompt: what each sample goes on from.
        length: new characters of each, at most.
        num_samples: how many.
        seed: of the draws.
        on_unknown: what to do with characters of the prompt that the model does not know.
        engine: which engine writes.

    Yields:
        The number of a sample and a piece of it: one sample after the other, each with one piece at
        least, the last one saying why the sample ends.

    Raises:
        UnknownCharacterError: if the prompt has an unknown character and that is an error.
        UsageError: if the settings cannot be used with this model.
    """
    shape = model.config.settings
    expected = expected_length(settings, length)
    chosen = choose_engine(engine, shape, expected, num_samples)
    # Before JAX is started, so that a setting that cannot be used is told at once.
    first = model.generator(seed=seed)
    first.sampler(settings)
    first.feed(prompt, on_unknown)
    if chosen == "jax":
        first.engine = model.jax_engine()
    group = SIDE_BY_SIDE if chosen == "jax" else 1
    for begin in range(0, num_samples, group):
        indices = range(begin, min(begin + group, num_samples))
        generators = [first.fork(sample) for sample in indices]
        pieces = write_side_by_side(generators, length, settings)
        if len(generators) == 1:
            yield begin, Piece("", 0.0, None if length else "length")
            yield from ((begin, piece) for (piece,) in pieces if piece)
        else:
            yield from zip(indices, _whole(list(pieces), len(indices)), strict=True)


def expected_length(settings: SamplingSettings, length: int) -> int:
    """Return how long a text may be expected to become, by the settings alone."""
    lines, sentences = settings.last_line, settings.sentences
    return min(
        length,
        lines * LINE_CHARACTERS if lines else length,
        sentences * SENTENCE_CHARACTERS if sentences else length,
    )


def _whole(steps: list[tuple[Piece | None, ...]], count: int) -> Iterator[Piece]:
    for row in range(count):
        pieces = [piece for step in steps if (piece := step[row])]
        text, nats = "".join(piece.text for piece in pieces), sum(piece.nats for piece in pieces)
        yield Piece(text, nats, pieces[-1].finish if pieces else "length")
