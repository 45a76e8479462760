"""From the name of a run to something that writes."""

from dataclasses import dataclass

from textgen.data.tokens import Tokens
from textgen.errors import DamagedError
from textgen.generation.engines import Engine, NumpyEngine
from textgen.generation.generator import Generator
from textgen.network.parameters import Arrays
from textgen.runs.checkpoint import MODEL, ModelConfig, read_manifest
from textgen.runs.compile_cache import keep_compiled
from textgen.runs.library import find_run
from textgen.runs.run import Run


@dataclass(frozen=True)
class Model:
    """The best checkpoint of a run, in memory.

    Attributes:
        run: where it is from.
        step: of the checkpoint.
        config: settings and vocabulary.
        parameters: by name.
    """

    run: Run
    step: int
    config: ModelConfig
    parameters: Arrays

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
        )

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file of the parameters, which tells one model from another.

        Raises:
            DamagedError: if the checkpoint is gone or damaged by now.
        """
        return str(read_manifest(self.run.folder(self.step))["files"][MODEL]["sha256"])

    def training_tokens(self) -> Tokens | None:
        """Map the training text; None if the run has not kept it.

        Raises:
            DamagedError: if the token file is damaged.
        """
        record = self.run.record()
        if not record.corpus.kept:
            return None
        return self.run.open_tokens(record)[: record.corpus.training_characters]

    def jax_engine(self) -> Engine:
        """Start JAX and return the engine for many or long samples."""
        keep_compiled()
        from textgen.generation.compiled import JaxEngine  # only here: it costs a second

        return JaxEngine(self.config.settings, self.parameters)


def load_model(name: str | None) -> Model:
    """Read the checkpoint of lowest validation loss.

    Args:
        name: name or path of the run; None for the newest.

    Raises:
        RunNotFoundError: if there is no such run.
        DamagedError: if anything that is read is damaged.
    """
    run = find_run(name)
    while True:
        step = run.best_step()
        try:
            checkpoint = run.load(step)
        except DamagedError:
            if run.folder(step).exists():
                raise
            continue  # its trainer pruned it meanwhile, and there is a better one
        return Model(run, step, checkpoint.config, checkpoint.parameters)
