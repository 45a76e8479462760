"""What a session needs of a model."""

from collections.abc import Sequence
from typing import Any, Protocol

from textgen.data.tokens import Tokens
from textgen.generation.generator import Generator
from textgen.runs.run import Run


class LoadedModel(Protocol):
    """What a session needs of a model."""

    @property
    def run(self) -> Run:
        """Its run."""
        ...

    @property
    def name(self) -> str:
        """Name of its run."""
        ...

    @property
    def step(self) -> int:
        """Step of its checkpoint."""
        ...

    @property
    def sha256(self) -> str:
        """SHA-256 of the file of its parameters."""
        ...

    @property
    def main(self) -> "LoadedModel":
        """The model itself, or the first one of a mixture."""
        ...

    @property
    def others(self) -> "Sequence[tuple[LoadedModel, float]]":
        """The models that are mixed with it, with their weights in (0, 1)."""
        ...

    @property
    def config(self) -> Any:
        """Its configuration, whose `settings` tell the shape of the network."""
        ...

    def generator(self, *, seed: int) -> Generator:
        """Return a generator that has read nothing."""
        ...

    def training_tokens(self) -> Tokens | None:
        """Return the ids of its training text; None if the run has not kept it."""
        ...


def mixed_in(model: LoadedModel) -> str:
    """Return what is mixed with a model as it can be typed: `b:0.3+c:0.1`; empty for nothing."""
    return "+".join(f"{other.run.title}:{weight:.3g}" for other, weight in model.others)


def steps_of(model: LoadedModel) -> str:
    """Return the step of a model in words, or those of all that are mixed: `steps 60 and 40`."""
    steps = [f"{one.step}" for one in (model.main, *(other for other, _ in model.others))]
    listed = " and ".join(filter(None, [", ".join(steps[:-1]), steps[-1]]))
    return f"step{'s' * (len(steps) > 1)} {listed}"
