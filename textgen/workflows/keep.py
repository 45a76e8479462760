"""Make a run of what a network has learnt in a session."""

from dataclasses import asdict, replace
from datetime import UTC, datetime

import jax.numpy as jnp

from textgen.errors import UsageError
from textgen.evaluation.protocols import Evaluator, bits_per_character
from textgen.generation.learning import Learnt
from textgen.generation.model import Model
from textgen.network.model import network_function
from textgen.network.parameters import Arrays
from textgen.runs.ancestry import Ancestor
from textgen.runs.checkpoint import Checkpoint, ModelConfig
from textgen.runs.library import run_exists_error, run_path
from textgen.runs.metrics import VALIDATION
from textgen.runs.record import RunRecord
from textgen.runs.run import Run, write_derived_run
from textgen.runtime.devices import make_mesh
from textgen.training.loop import Progress
from textgen.workflows.supervise import installed_versions


def keep_learnt(model: Model, learnt: Learnt, name: str) -> Run:
    """Write what was learnt as a run of its own, with the text of the run that it was learnt from.

    The new run has made no training step. It can be trained further like any other.

    Args:
        model: the model that has learnt, without what it learnt.
        learnt: what it has learnt.
        name: name or path of the new run.

    Raises:
        RunExistsError: if a run of that name exists.
        SettingError: if the name is not valid for a folder.
        DamagedError: if the text of the run is damaged or missing.
        StorageError: if the new run cannot be written; nothing is left of it.
    """
    path = run_path(name)
    if path.exists():
        raise run_exists_error(path)
    record, validation = model.run.record(), model.validation_tokens()
    if validation is None:
        raise UsageError(f"the run {model.name!r} has not kept its text, which a new run needs")
    settings = model.config.settings
    evaluator = Evaluator(network_function(settings), settings, make_mesh(1, 1))
    before, after = (
        evaluator.part({name: jnp.asarray(one) for name, one in weights.items()}, validation)
        for weights in (model.parameters, learnt.arrays)
    )
    config, parameters = _whole_network(model, learnt)
    ancestor = Ancestor(
        name=model.name,
        step=model.step,
        sha256=model.sha256,
        origin=record.corpus.origin,
        known_ids=settings.vocab_size,
        first_loss=before,
        learnt_characters=learnt.characters,
    )
    plan = replace(record.plan, first_step=0, steps=0, warmup_steps=0, forget_less=0.0)
    checkpoint = Checkpoint(0, after, asdict(Progress()), config, parameters, {})
    new = RunRecord(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        corpus=record.corpus,
        config=config,
        plans=(plan,),
        versions=installed_versions(),
        ancestry=(*record.ancestry, ancestor),
    )
    row = {"step": 0, VALIDATION: bits_per_character(after)}
    try:
        return write_derived_run(path, model.run, new, checkpoint, [row])
    except FileExistsError as error:
        raise run_exists_error(path) from error


def _whole_network(model: Model, learnt: Learnt) -> tuple[ModelConfig, Arrays]:
    """Return the network with its labels, which were left out while it learnt."""
    if model.trained is None:
        return model.config, learnt.arrays
    settings, parameters = model.trained
    return replace(model.config, settings=settings), {**parameters, **learnt.arrays}
