"""From the name of a run to something that writes."""

import os
from collections.abc import MutableMapping
from dataclasses import dataclass

from textgen.data.tokens import Tokens
from textgen.errors import DamagedError
from textgen.generation.engines import LARGEST_OF_A_CORE, Engine, NumpyEngine
from textgen.generation.generator import Generator
from textgen.network.parameters import Arrays
from textgen.runs.checkpoint import MODEL, ModelConfig, read_manifest
from textgen.runs.compile_cache import keep_compiled
from textgen.runs.library import find_run
from textgen.runs.run import Run
from textgen.settings import ModelSettings

ONE_KERNEL = f"--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold={2**40}"


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
        tokens, split = self.run.open_tokens(record), record.corpus.training_characters
        return tokens[:split], tokens[split:]

    def jax_engine(self) -> Engine:
        """Start JAX and return the engine for many or long samples."""
        keep_compiled()
        prefer_one_kernel(self.config.settings)
        from textgen.generation.compiled import JaxEngine  # only here: it costs a second

        return JaxEngine(self.config.settings, self.parameters)


def prefer_one_kernel(
    settings: ModelSettings, environment: MutableMapping[str, str] = os.environ
) -> None:
    """Have XLA compile the loop that writes into one kernel, if JAX has not started yet.

    By itself it calls a kernel for each operation of each turn, which costs small networks a fifth
    of the time. The products of large ones take all cores only without it, and training is better
    off without it too.

    Args:
        settings: of the network.
        environment: of this process; what is set there already stays.
    """
    flags = environment.get("XLA_FLAGS", "")
    if settings.hidden_size <= LARGEST_OF_A_CORE and "xla_backend_extra_options" not in flags:
        environment["XLA_FLAGS"] = f"{flags} {ONE_KERNEL}".strip()


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
            sha256 = read_manifest(run.folder(step))["files"][MODEL]["sha256"]
        except DamagedError:
            if run.folder(step).exists():
                raise
            continue  # its trainer pruned it meanwhile, and there is a better one
        return Model(run, step, checkpoint.config, checkpoint.parameters, sha256)
