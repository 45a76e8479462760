"""What a user asked for when starting to train."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from textgen.errors import UsageError
from textgen.settings import (
    ModelSettings,
    TrainingSettings,
    check_number,
    setting_options,
)

DEFAULT_MINUTES = 5.0
MAX_MINUTES = 525_600  # a year
NUM_LAYERS = 2
# For a vocabulary of more ids than this, the projection to logits would take most of the time. It
# then reads the last layer alone, and has a low rank.
LARGE_VOCABULARY, PROJECTION_RANK = 2000, 64
# Settings that a user may give, by name: those of a network, and those of its training.
MODEL_OPTIONS = setting_options(ModelSettings)
TRAINING_OPTIONS = setting_options(TrainingSettings)


def projection_of(vocab_size: int, hidden_size: int, asked_rank: int | None) -> dict[str, Any]:
    """Return the settings of the projection of a network, unless the user gave others.

    Args:
        vocab_size: number of ids V.
        hidden_size: units H of each layer.
        asked_rank: rank that the user asked for; None for no wish.
    """
    if vocab_size <= LARGE_VOCABULARY or asked_rank == 0:
        return {"projected": "all"}
    rank = PROJECTION_RANK if hidden_size > PROJECTION_RANK else 0
    return {"projected": "last", "projection_rank": rank}


@dataclass(frozen=True, init=False)
class Request:
    """What a user asked for when starting to train. The plan chooses what is left open.

    Attributes:
        minutes: the time to fill, from the start of the command to the last checkpoint.
        steps: the number of steps, in place of a time.
        asked: the settings of the network and of its training that were given, by name.
        network: shape of the network whose weights are trained on; None for random weights.
    """

    minutes: float | None
    steps: int | None
    asked: Mapping[str, Any]
    network: ModelSettings | None

    def __init__(
        self,
        *,
        minutes: float | None = None,
        steps: int | None = None,
        has_weights: bool = False,
        **asked: Any,
    ) -> None:
        """Check a request.

        Args:
            minutes: the time to fill, in (0, 525600].
            steps: the number of steps, at least 1, or 0 if there are weights to begin from.
            has_weights: whether training begins from the weights of another run; see `continuing`.
            asked: any of `MODEL_OPTIONS` and `TRAINING_OPTIONS`; None and `auto` are not given.

        Raises:
            SettingError: if a value is out of range.
            TypeError: if a name is not one of these options.
        """
        given = {name: value for name, value in asked.items() if value not in (None, "auto")}
        if unknown := asked.keys() - MODEL_OPTIONS.keys() - TRAINING_OPTIONS.keys():
            raise TypeError(f"unknown settings: {', '.join(sorted(unknown))}")
        object.__setattr__(self, "minutes", minutes)
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "asked", given)
        object.__setattr__(self, "network", None)
        if steps is not None:
            check_number("steps", steps, 0 if has_weights else 1, whole=True)
        if minutes is not None:
            check_number("minutes", minutes, 0, MAX_MINUTES, open_low=True)
        if "devices" in given:
            check_number("devices", given["devices"], 1, whole=True)
        # The settings classes check the rest. Placeholders stand for the settings still open.
        self.model_settings(vocab_size=2, hidden_size=1, dropout_rate=0.0)
        placeholders = {
            "steps": 1 if steps is None else steps,
            "batch_size": 2 * given.get("devices", 1),
            "sequence_length": 1,
            "learning_rate": 1.0,
            "warmup_steps": 0,
            "eval_every": 1,
            "checkpoint_every": 1,
        }
        TrainingSettings(**(placeholders | self.training_options))

    @property
    def seconds(self) -> float:
        """The time to fill in seconds, from the start of the command to the last checkpoint."""
        return 60 * (DEFAULT_MINUTES if self.minutes is None else self.minutes)

    @property
    def own_share(self) -> float:
        """Share of each batch that reads the run's own text, not that of an old run."""
        return 1 - float(self.asked.get("forget_less", 0.0))

    @property
    def training_options(self) -> dict[str, Any]:
        """The training settings that were given, by name."""
        return {name: self.asked[name] for name in TRAINING_OPTIONS if name in self.asked}

    def model_settings(
        self, vocab_size: int, hidden_size: int, dropout_rate: float
    ) -> ModelSettings:
        """Return the shape of a network; these values count unless the user gave others.

        A network whose weights are trained on keeps its shape, except its vocabulary and its
        dropout rate.
        """
        if self.network is not None:
            rate = self.asked.get("dropout_rate", dropout_rate)
            return replace(self.network, vocab_size=vocab_size, dropout_rate=rate)
        hidden = self.asked.get("hidden_size", hidden_size)
        chosen = {
            "vocab_size": vocab_size,
            "hidden_size": hidden,
            "embedding_size": hidden,
            "num_layers": NUM_LAYERS,
            "dropout_rate": dropout_rate,
            **projection_of(vocab_size, hidden, self.asked.get("projection_rank")),
        }
        given = {name: self.asked[name] for name in MODEL_OPTIONS if name in self.asked}
        return ModelSettings(**(chosen | given))

    def continuing(self, network: ModelSettings, name: str) -> Self:
        """Return the request to train on the weights of another run.

        Args:
            network: shape of its network.
            name: its name, for the message.

        Raises:
            UsageError: if another shape was asked for.
        """
        for option in MODEL_OPTIONS.values():
            asked, old = self.asked.get(option.name), getattr(network, option.name)
            if asked not in (None, old) and option.name != "dropout_rate":
                raise UsageError(
                    f"--{option.option} {asked} contradicts --from: the network of {name!r} has "
                    f"{option.option} {old}, and its weights fit no other; leave --{option.option} "
                    "out"
                )
        request = copy.copy(self)
        object.__setattr__(request, "network", network)
        return request
