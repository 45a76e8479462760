"""A trained model in memory: the best checkpoint of a run, ready to write."""

from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

from textgen.data.labels import (
    AskedLabels,
    LabelShares,
    PlacedLabels,
    label_shares,
    label_weights,
)
from textgen.data.text_rules import DocumentUnit
from textgen.data.tokens import Tokens
from textgen.errors import DamagedError
from textgen.generation.copy_index import CopyIndex
from textgen.generation.engine import Engine, LongReader
from textgen.generation.generator import Generator
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network.parameters import Arrays, with_labels
from textgen.runs.checkpoint import MODEL, Checkpoint, ModelConfig
from textgen.runs.run import Run
from textgen.runtime.cores import available_cores
from textgen.runtime.environment import prepare_jax
from textgen.settings import ModelSettings


@dataclass(frozen=True)
class Model:
    """The best checkpoint of a run, in memory.

    Where documents have labels, the network is the one of the labels that are asked for, which is
    a network without labels; see `with_labels`.

    Attributes:
        run: where it is from.
        step: of the checkpoint.
        config: settings and vocabulary; the settings are those of the network without labels.
        parameters: by name.
        sha256: of the file of the parameters, which tells one model from another.
        labels: shares of the labels that it writes with; a field that is left out is not among
            them.
        trained: shape and parameters of the network of the checkpoint.
    """

    run: Run
    step: int
    config: ModelConfig
    parameters: Arrays
    sha256: str
    labels: LabelShares = field(default_factory=dict)
    trained: tuple[ModelSettings, Arrays] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, run: Run, checkpoint: Checkpoint, sha256: str) -> "Model":
        """Return the model of a checkpoint, with all labels left out."""
        trained = checkpoint.config.settings, checkpoint.parameters
        settings, parameters = with_labels(*trained)
        config = replace(checkpoint.config, settings=settings)
        return cls(run, checkpoint.step, config, parameters, sha256, trained=trained)

    @classmethod
    def best_of(cls, run: Run) -> "Model":
        """Load the checkpoint of a run with the lowest validation loss.

        Raises:
            RunError: if the run has no checkpoint.
            DamagedError: if the run or the checkpoint is damaged.
        """
        while True:
            step = run.best_step()
            try:
                checkpoint = run.load(step)
                sha256 = run.manifest(step)["files"][MODEL]["sha256"]
            except DamagedError:
                if run.folder(step).exists():
                    raise
                continue  # its trainer has deleted it meanwhile, since a better one exists
            return cls.of(run, checkpoint, sha256)

    def labelled(self, asked: AskedLabels) -> "Model":
        """Return the model that writes with other labels.

        Args:
            asked: for each field a value, or the weights of several, of which only the proportions
                count. A field that is not among them is left out.

        Raises:
            UsageError: if there is no such field or value, or the weights are not proportions.
        """
        fields = self.config.labels
        shares = label_shares(fields, asked)
        if not shares and not self.labels:
            return self
        assert self.trained is not None
        weights = label_weights(fields, shares)
        _, parameters = with_labels(*self.trained, weights if shares else None)
        return replace(self, parameters=parameters, labels=shares)

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.run.name

    @property
    def place(self) -> str:
        """Path of the run, which tells it from another of its name."""
        return str(self.run.path)

    @property
    def main(self) -> "Model":
        """The model itself, since none is mixed with it."""
        return self

    @property
    def others(self) -> tuple[tuple["Model", float], ...]:
        """The models that are mixed with it, with their weights: none."""
        return ()

    @property
    def documents(self) -> DocumentUnit:
        """What a document of its training text is; `whole` if that is one text."""
        return self.run.record().corpus.rules.documents

    def generator(self, *, seed: int, sample: int = 0, engine: Engine | None = None) -> Generator:
        """Begin a session; without an engine it writes one character at a time with NumPy."""
        return make_generator(self, seed=seed, sample=sample, engine=engine)

    @property
    def copies(self) -> CopyIndex:
        """What opens the table of the training text for a limit of copies."""
        return CopyIndex(self.training_tokens, len(self.config.vocabulary), self.run)

    def training_tokens(self) -> Tokens | None:
        """Open the training text; None if the run has not kept it.

        Raises:
            DamagedError: if the token file is damaged.
        """
        kept = self._kept_tokens()
        return kept and kept[0]

    def validation_tokens(self) -> Tokens | None:
        """Open the validation text; None if the run has not kept it.

        Raises:
            DamagedError: if the token file is damaged.
        """
        kept = self._kept_tokens()
        return kept and kept[1]

    def validation_labels(self) -> PlacedLabels | None:
        """Return the labels in the validation text; None if it has none or was not kept.

        Raises:
            DamagedError: if the file of labels or the token file is damaged.
        """
        record, end_id = self.run.record(), self.config.vocabulary.end_id
        tokens = self.validation_tokens()
        labels = None if tokens is None else self.run.open_labels(record)
        if tokens is None or labels is None or end_id is None:
            return None
        return PlacedLabels(tokens, end_id, labels.validation)

    def _kept_tokens(self) -> tuple[Tokens, Tokens] | None:
        record = self.run.record()
        if not record.corpus.kept:
            return None
        return self.run.open_parts(record)

    def jax_engine(self) -> Engine:
        """Start JAX and return the engine for many or long samples.

        Raises:
            NotEnoughMemoryError: if there is too little memory for it.
        """
        from textgen.generation.jax_engine import JaxEngine  # only here: it costs a second

        self.check_jax_memory()
        return JaxEngine(self.config.settings, self.parameters)

    def check_jax_memory(self) -> None:
        """Check that there is memory for the engine that uses JAX; see `jax_engine`."""
        from textgen.runtime.cpu_memory import check_use  # only here: it imports JAX

        # It prepares the parameters, and each core has a copy of what was prepared.
        copies = 1 + available_cores()
        check_use(self.config.settings, copies, f"writing with the run {self.name!r} and JAX")


class GeneratingModel(Protocol):
    """What a generator needs of a model: a `Model`, or a mixture of several."""

    @property
    def config(self) -> Any:
        """Its settings, vocabulary, start, normal form and labels."""
        ...

    @property
    def parameters(self) -> Any:
        """Its arrays, as an engine takes them."""
        ...

    @property
    def labels(self) -> LabelShares:
        """Shares of the labels that it writes with."""
        ...

    def labelled(self, asked: AskedLabels) -> Self:
        """Return the model that writes with other labels."""
        ...

    @property
    def copies(self) -> CopyIndex:
        """What opens the table of the training text for a limit of copies."""
        ...

    def training_tokens(self) -> Tokens | None:
        """Return its training text."""
        ...


def make_generator(
    model: GeneratingModel, *, seed: int, sample: int = 0, engine: Engine | None = None
) -> Generator:
    """Begin a session; see `Model.generator`."""
    config = model.config

    def relabel(asked: AskedLabels) -> tuple[LabelShares, NumpyEngine, Engine]:
        labelled = model.labelled(asked)
        network = labelled.config.settings, labelled.parameters
        reader = NumpyEngine(*network)
        return labelled.labels, reader, reader if engine is None else type(engine)(*network)

    return Generator(
        NumpyEngine(config.settings, model.parameters),
        config.vocabulary,
        config.start,
        seed=seed,
        sample=sample,
        engine=engine,
        training=model.training_tokens,
        copies=model.copies,
        normalization=config.normalization,
        labels=model.labels,
        label_fields=config.labels,
        relabel=relabel if config.labels else None,
        start_reader=_start_reader,
    )


def _start_reader(engine: NumpyEngine) -> LongReader:
    """Start JAX, unless it runs already, and return what reads long texts."""
    prepare_jax()
    from textgen.generation.jax_reader import JaxReader  # only here: it costs a second

    return JaxReader(engine.settings, engine.parameters)
