"""Write samples with a model, one after the other or side by side."""

from collections.abc import Iterator

from textgen.data.vocabulary import OnUnknown
from textgen.generation.engines import EngineName, choose_engine
from textgen.generation.generator import write_side_by_side
from textgen.settings import SamplingSettings
from textgen.workflows.loading import Model

# Side by side, so that the texts of a large order need not all be held at once.
SIDE_BY_SIDE = 64


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
) -> Iterator[tuple[int | None, str]]:
    """Write samples; sample i depends only on the seed and i.

    Args:
        model: what to write with.
        settings: how to draw.
        prompt: what each sample goes on from.
        length: new characters of each.
        num_samples: how many.
        seed: of the draws.
        on_unknown: what to do with characters of the prompt that the model does not know.
        engine: which engine writes.

    Yields:
        The index of the sample that begins with this piece, else None; and the piece.

    Raises:
        UnknownCharacterError: if the prompt has an unknown character and that is an error.
    """
    shape = model.config.settings
    chosen = choose_engine(engine, shape, length, num_samples)
    writer = model.jax_engine() if chosen == "jax" else None
    first = model.generator(seed=seed, engine=writer)
    first.feed(prompt, on_unknown)
    group = 1 if writer is None else SIDE_BY_SIDE
    for begin in range(0, num_samples, group):
        indices = range(begin, min(begin + group, num_samples))
        generators = [first.fork(sample) for sample in indices]
        pieces = write_side_by_side(generators, length, settings)
        if len(generators) == 1:
            yield begin, ""
            yield from ((None, piece) for (piece,) in pieces)
        else:
            texts = ["".join(column) for column in zip(*pieces, strict=True)] or [""] * len(indices)
            yield from zip(indices, texts, strict=True)
