"""What a session needs of a model."""

from typing import Protocol

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

    def generator(self, *, seed: int) -> Generator:
        """Return a generator that has read nothing."""
        ...

    def training_tokens(self) -> Tokens | None:
        """Return the ids of its training text; None if the run has not kept it."""
        ...
