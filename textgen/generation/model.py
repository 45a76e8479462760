"""A trained model in memory: the best checkpoint of a run, ready to write."""

from dataclasses import dataclass

from textgen.data.text_rules import DocumentUnit
from textgen.data.tokens import Tokens
from textgen.generation.engine import Engine
from textgen.generation.generator import Generator
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network.parameters import Arrays
from textgen.runs.checkpoint import ModelConfig
from textgen.runs.run import Run


@dataclass(frozen=True)
class Model:
    """The best checkpoint of a run, in memory.

    Attributes:
        run: where it is from.
        step: of the checkpoint.
        config: settings and vocabulary.
        parameters: by name.
        sha256: of the file of the parameters, which tells one model from another.
    """

    run: Run
    step: int
    config: ModelConfig
    parameters: Arrays
    sha256: str

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.run.name

    @property
    def documents(self) -> DocumentUnit:
        """What a document of its training text is; `whole` if that is one text."""
        return self.run.record().corpus.rules.documents

    def generator(self, *, seed: int, sample: int = 0, engine: Engine | None = None) -> Generator:
        """Begin a session; without an engine it writes one character at a time with NumPy."""
        reader = NumpyEngine(self.config.settings, self.parameters)
        return Generator(
            reader,
            self.config.vocabulary,
            self.config.start,
            seed=seed,
            sample=sample,
            engine=engine,
            training=self.training_tokens,
            normalization=self.config.normalization,
        )

    def training_tokens(self) -> Tokens | None:
        """Map the training text; None if the run has not kept it.

        Raises:
            DamagedError: if the token file is damaged.
        """
        kept = self._kept_tokens()
        return kept and kept[0]

    def validation_tokens(self) -> Tokens | None:
        """Map the validation text; None if the run has not kept it.

        Raises:
            DamagedError: if the token file is damaged.
        """
        kept = self._kept_tokens()
        return kept and kept[1]

    def _kept_tokens(self) -> tuple[Tokens, Tokens] | None:
        record = self.run.record()
        if not record.corpus.kept:
            return None
        return self.run.open_parts(record)

    def jax_engine(self) -> Engine:
        """Start JAX and return the engine for many or long samples."""
        from textgen.generation.jax_engine import JaxEngine  # only here: it costs a second

        return JaxEngine(self.config.settings, self.parameters)
