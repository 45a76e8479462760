"""Begin a run with the weights of another one, on another text."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import jax.numpy as jnp

from textgen.data.formats.decoding import Normalization
from textgen.data.labels import LabelField
from textgen.data.text_rules import TextRules
from textgen.data.tokens import Tokens
from textgen.data.vocabulary import END
from textgen.errors import LockedError, StorageError, UsageError
from textgen.generation.model import Model
from textgen.network.growth import grow_parameters, move_labels
from textgen.network.parameters import Arrays
from textgen.planning.request import Request
from textgen.runs.ancestry import Ancestor
from textgen.runs.checkpoint import ModelConfig
from textgen.runs.lock import training_lock
from textgen.runs.record import RunRecord
from textgen.runs.run import Run
from textgen.training.loop import Progress, Trainer
from textgen.workflows.load import load_model
from textgen.workflows.supervise import checkpoint_of, first_metrics_row


@dataclass(frozen=True, kw_only=True)
class BeginFrom:
    """From which run to begin.

    Attributes:
        name: its name or path.
        normalization: Unicode normal form of the new text; None for that of the run.
    """

    name: str
    normalization: Normalization | None = None


class Origin:
    """A run from whose weights another begins: those of its best checkpoint.

    Attributes:
        name: its name.
        model: the model of that checkpoint.
        record: its record.
    """

    def __init__(self, begin_from: BeginFrom) -> None:
        """Load the run.

        Raises:
            RunNotFoundError: if there is no such run.
            RunError: if it has no checkpoint yet.
            DamagedError: if it is damaged.
        """
        self._asked = begin_from
        self.model: Model = load_model(begin_from.name)
        self.name, self.record = self.model.name, self.model.run.record()
        settings, self._parameters = self.model.trained or (
            self.model.config.settings,
            self.model.parameters,
        )
        self._settings = settings

    def notes(self) -> Iterator[str]:
        """Yield what a user should know of the run, in one line each."""
        if is_in_training(self.model.run):
            yield (
                f"the run {self.name!r} is still in training; this run begins from its best "
                f"checkpoint so far, that of step {self.model.step}"
            )

    def continuing(self, request: Request) -> Request:
        """Return the request with the network of this run.

        Raises:
            UsageError: if the request contradicts it.
        """
        return request.continuing(self._settings, self.name)

    def rules_of(self, rules: TextRules) -> TextRules:
        """Return the rules of the new text, with the normal form of the old one by default."""
        normalization = self._asked.normalization or self.model.config.normalization
        return replace(rules, source=replace(rules.source, normalization=normalization))

    def old_text(self, request: Request) -> Tokens | None:
        """Return the training text of this run if the request mixes it in, else None.

        Raises:
            UsageError: if the run has not kept it.
            DamagedError: if it is damaged.
        """
        if not request.asked.get("forget_less"):
            return None
        text = self.model.training_tokens()
        if text is None:
            raise UsageError(
                f"the run {self.name!r} has not kept its text (--no-keep-corpus), so that none of "
                "it can be mixed in; leave --forget-less out"
            )
        return text

    def start_of(self, start: str) -> str:
        """Return the character that is read before a text, given the one that fits the new text.

        In a text without newlines it is the first character of the text, and an old choice stays.
        """
        old = self.model.config.start
        return start if {start, old} & {"\n", END} else old

    def begin(self, trainer: Trainer, config: ModelConfig) -> Ancestor:
        """Give a trainer the weights of this run, and measure them on the new text.

        Args:
            trainer: a trainer of the new run, before its first step.
            config: the model of the new run.
        """
        weights = self._weights_for(config, trainer.plan.seed)
        parameters = {name: jnp.asarray(array) for name, array in weights.items()}
        trainer.restore(trainer.fresh_state(parameters), Progress())
        return Ancestor(
            name=self.name,
            step=self.model.step,
            sha256=self.model.sha256,
            origin=self.record.corpus.origin,
            known_ids=self._settings.vocab_size,
            first_loss=trainer.evaluate(),
        )

    def _weights_for(self, config: ModelConfig, seed: int) -> Arrays:
        vocab_size = config.settings.vocab_size
        grown = grow_parameters(self._parameters, self._settings, vocab_size, seed)
        known = label_names(self.model.config.labels)
        rows = [known.index(one) if one in known else None for one in label_names(config.labels)]
        return move_labels(grown, self._settings, rows)


def label_names(fields: tuple[LabelField, ...]) -> list[tuple[str, str]]:
    """Return the field and the value of each label, in the order of their ids."""
    return [(field.name, value) for field in fields for value in field.values]


def is_in_training(run: Run) -> bool:
    """Return whether a process trains a run now."""
    try:
        # A folder that cannot be written has no process that trains.
        with suppress(StorageError), training_lock(run.path):
            pass
    except LockedError:
        return True
    return False


def save_beginning(folder: Path, record: RunRecord, trainer: Trainer) -> None:
    """Save the weights with which a run begins, and their loss, into the folder of the run.

    Raises:
        StorageError: if they cannot be written.
    """
    loss = record.ancestry[-1].first_loss
    run = Run(folder)
    run.save(checkpoint_of(trainer, record.config, loss))
    run.add_metrics([first_metrics_row(loss)])
