"""Load the model of a run."""

from collections.abc import Sequence
from contextlib import suppress

from textgen.data.labels import typed_labels
from textgen.errors import RunError, UsageError
from textgen.generation.mixed_model import AnyModel, MixedModel
from textgen.generation.model import Model
from textgen.runs.library import find_run, list_runs
from textgen.runs.mixed_names import find_further, find_runs, full_weights
from textgen.runs.run import Run


def load_model(name: str | None) -> Model:
    """Load the checkpoint with the lowest validation loss.

    Args:
        name: name or path of the run; None for the newest.

    Raises:
        RunNotFoundError: if there is no such run.
        DamagedError: if the run or the checkpoint is damaged.
    """
    return Model.best_of(find_run(name))


def load_forward(name: str | None, what: str, typed: Sequence[str] | None = None) -> Model:
    """Load a model as `load_model` does, for a use that needs one that reads forward alone.

    Args:
        name: name or path of the run; None for the newest.
        what: the use, such as `textgen sample`.
        typed: labels as they are typed; see `typed_labels`.

    Raises:
        UsageError: if the network reads in both directions, or the run has no such labels.
    """
    model = load_model(name)
    check_forward(model, what)
    return model.labelled(typed_labels(model.config.labels, typed or ()))


def load_mixed(
    name: str | None,
    what: str,
    typed: Sequence[str] | None = None,
    *,
    mixed: Sequence[str] = (),
) -> AnyModel:
    """Load a model as `load_forward` does, or several whose probabilities are mixed.

    Args:
        name: name or path of the run, or of several, as `a+b:0.3`; None for the newest.
        what: the use, such as `textgen sample`.
        typed: labels as they are typed; see `typed_labels`.
        mixed: names of further runs, each with or without a weight, as `b:0.3`.

    Raises:
        RunNotFoundError: if there is no such run.
        DamagedError: if a run or a checkpoint is damaged.
        UsageError: if a network reads in both directions, there are no such labels, or the weights
            do not fit.
    """
    found = find_runs(name, mixed)
    models = [_load_part(each.run, what) for each in found]
    whole = models[0] if len(found) == 1 else _mixture(models, [each.weight for each in found])
    return whole.labelled(typed_labels(whole.config.labels, typed or ()))


def load_measured(name: str | None) -> AnyModel:
    """Load a model as `load_model` does, or a mixture of several that read forward.

    Raises:
        RunNotFoundError, DamagedError, UsageError: as `load_mixed`.
    """
    is_alone = len(find_runs(name)) == 1
    return load_model(name) if is_alone else load_mixed(name, "a mixture")


def mix_with(model: Model, mixed: Sequence[str], what: str) -> AnyModel:
    """Return the mixture of a model and further runs; the model alone if there are none.

    Args:
        model: the first model. It gets the weight that the others leave.
        mixed: names of the further runs, as `load_mixed` takes them.
        what: the use, such as `textgen repl`.

    Raises:
        RunNotFoundError, DamagedError, UsageError: as `load_mixed`.
    """
    found = find_further(mixed)
    if not found:
        return model
    models = [model, *(_load_part(each.run, what) for each in found)]
    return _mixture(models, [None, *(each.weight for each in found)])


def _load_part(run: Run, what: str) -> Model:
    model = Model.best_of(run)
    check_forward(model, what)
    return model


def _mixture(models: Sequence[Model], weights: Sequence[float | None]) -> AnyModel:
    return MixedModel(tuple(models), full_weights(weights))


def check_forward(model: Model, what: str) -> None:
    """Check that a model reads forward alone.

    Raises:
        UsageError: if it reads in both directions. The message says what it is for, and names a run
            of the same text that reads forward, if there is one.
    """
    if model.config.settings.direction == "forward":
        return
    other = _same_text_forward(model.run)
    found = "train one without --direction both"
    if other is not None:
        found = f"{other.name!r} reads the same text forward"
    raise UsageError(
        f"the run {model.name!r} reads in both directions, which is for textgen restore and "
        f"textgen proofread; {what} needs a run that reads forward: {found}"
    )


def _same_text_forward(run: Run) -> Run | None:
    """Return the newest run of the same text that reads forward and has a checkpoint, if any."""
    sha256 = run.record().corpus.sha256
    for other in list_runs():
        with suppress(RunError):  # it is damaged, or was removed meanwhile
            record = other.record()
            is_forward = record.config.settings.direction == "forward"
            if is_forward and record.corpus.sha256 == sha256 and other.steps():
                return other
    return None
