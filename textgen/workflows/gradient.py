"""Measure how gradients shrink on their way back through the text of runs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from textgen.data.shipped import shipped_corpus
from textgen.data.tokens import Tokens
from textgen.errors import RunNotFoundError, UsageError
from textgen.generation.model import Model
from textgen.interpretation.gradients import LEAD, GradientNorms, measure_gradients
from textgen.network.cells import CELLS
from textgen.network.model import create_model
from textgen.network.parameters import Arrays
from textgen.planning.request import Request
from textgen.runs.library import find_run
from textgen.runtime.devices import present_devices
from textgen.settings import CellName
from textgen.workflows.events import Event
from textgen.workflows.load import load_forward
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision
from textgen.workflows.train import start_training

# Settings of the runs of --compare. One small layer is trained in seconds, and shows how the cells
# differ. All are evaluated at the same steps, however fast they are, so that their curves compare.
COMPARED: dict[str, Any] = {
    "steps": 800,
    "hidden_size": 128,
    "num_layers": 1,
    "embedding_size": 32,
    "batch_size": 32,
    "sequence_length": 64,
    "dropout_rate": 0.0,
    # A plan would choose another for some cells.
    "optimizer": "adamw",
    "eval_every": 50,
    "checkpoint_every": 50,
    "patience": 0,
    "seed": 0,
}


@dataclass(frozen=True)
class Followed:
    """The gradients of a network.

    Attributes:
        run: name of the run.
        cell: cell of the network.
        is_trained: True for the parameters of the best checkpoint, False for the initial ones.
        found: norms of the gradients.
    """

    run: str
    cell: CellName
    is_trained: bool
    found: GradientNorms

    @property
    def title(self) -> str:
        """The run, the cell, and whether the network is trained, for people."""
        return f"{self.run} ({CELLS[self.cell].title}), {_describe(self.is_trained)}"

    def to_json(self) -> dict[str, Any]:
        """Return the norms as JSON can hold them."""
        half_life, hundredth = (self.found.characters_until(share) for share in (0.5, 0.01))
        return {
            "run": self.run,
            "cell": self.cell,
            "trained": self.is_trained,
            "places": self.found.places,
            "half_life": half_life if np.isfinite(half_life) else None,
            "characters_until_a_hundredth": hundredth if np.isfinite(hundredth) else None,
            "norms": self.found.norms.tolist(),
            "layers": self.found.layers.tolist(),
        }


def follow_gradients(
    names: Sequence[str | None],
    *,
    reach: int,
    places: int,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Followed]:
    """Follow the gradients of runs back through their validation text.

    Args:
        names: names of the runs; None for the newest.
        reach: number of characters to follow the gradients back.
        places: number of positions of the text to average, at least.
        tell: function that is called now and then with what is being done.

    Yields:
        The gradients of each run: of the trained network, then of the network as it began.

    Raises:
        UsageError: if a run has not kept its text, or the text is too short for the reach.
    """
    for name in names:
        model = load_forward(name, "textgen gradient")
        tokens = _validation(model, reach)
        settings = model.config.settings
        present_devices()  # JAX starts, or an error names what keeps it from that
        _, initial = create_model(settings, model.run.record().plans[0].seed)
        untrained = {key: np.asarray(array) for key, array in initial.items()}
        weights: Sequence[tuple[bool, Arrays]] = ((True, model.parameters), (False, untrained))
        for is_trained, parameters in weights:
            what = f"following gradients in {model.name}, {_describe(is_trained)}"

            def begin(done: int, of: int, what: str = what) -> None:
                tell(f"{what}: {done:,} of {of:,} positions")

            found = measure_gradients(
                settings, parameters, tokens, reach=reach, places=places, begin=begin
            )
            yield Followed(model.name, settings.cell, is_trained, found)


def train_cells(supervision: Supervision) -> Iterator[tuple[str, Event]]:
    """Train a small network of each cell on the fables, in the runs that `compared_runs` names.

    A run that exists and was interrupted is resumed. No command takes one of them for the newest
    run.

    Yields:
        The name of the run, and an event of its training.

    Raises:
        KeyboardInterrupt: if training is asked to stop before there is anything to save.
    """
    for cell, name in zip(get_args(CellName), compared_runs(), strict=True):
        try:
            find_run(name)
        except RunNotFoundError:
            request = Request(**COMPARED, cell=cell)
            events = start_training(
                [shipped_corpus()], name, request, supervision, is_measurement=True
            )
        else:
            events = resume_training(name, supervision)
        for event in events:
            yield name, event


def compared_runs() -> list[str]:
    """Return the names of the runs that compare the cells."""
    return [f"compare-{cell}" for cell in get_args(CellName)]


def _describe(is_trained: bool) -> str:
    return "trained" if is_trained else "untrained"


def _validation(model: Model, reach: int) -> Tokens:
    tokens = model.validation_tokens()
    if tokens is None:
        raise UsageError(f"the run {model.name!r} has not kept its text; train one that keeps it")
    longest = len(tokens) - LEAD - 2
    if longest < reach:
        most = f"reach is at most {longest}" if longest > 1 else "it is too short"
        raise UsageError(
            f"the validation text of the run {model.name!r} has {len(tokens):,} characters: {most}"
        )
    return tokens
