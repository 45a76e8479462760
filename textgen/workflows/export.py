"""Export runs: as one page for the browser, or a model as a folder for a hub."""

import errno
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from textgen.errors import REASONS, StorageError, UsageError
from textgen.export.content import PageRun, pack_checkpoint, page_content
from textgen.export.cost import MEASURED, bits_at_each_precision
from textgen.export.html import MAX_PAGE_BYTES, build_page
from textgen.export.model_card import model_card
from textgen.export.weights import Precision, largest_size, page_parameters
from textgen.generation.model import Model
from textgen.network.parameters import Arrays
from textgen.runs.checkpoint import CONFIG, MODEL, model_files
from textgen.runs.files import replace_file, whole_folder, write_durably
from textgen.runtime.environment import prepare_jax
from textgen.workflows.find_units import MIN_SEARCHED, Search, find_units
from textgen.workflows.load import load_forward

# What of a run's checkpoints a page holds.
Kept = Literal["best", "all"]
# Longest text to look at that is put into a page, in characters.
TEXT_CHARACTERS = 4000
GIVEN_CHARACTERS = 100_000
# Characters of the validation text that are searched for units that follow a feature.
SEARCHED = 20_000
# How the gradients of several runs are followed: characters back, and positions averaged.
REACH, PLACES = 100, 64
CARD = "README.md"
# How the command is called where a run does not suit it.
EXPORT = "textgen export"

Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class PageOrder:
    """What a page is to hold.

    Attributes:
        runs: names of the runs, at most 3; None for the newest.
        precision: precision of the weights.
        checkpoints: which checkpoints of each run.
        text: the text to look at; None for the beginning of the first run's validation text.
        text_name: where that text is from.
    """

    runs: Sequence[str | None]
    precision: Precision = "float16"
    checkpoints: Kept = "best"
    text: str | None = None
    text_name: str = ""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written.

    Attributes:
        path: the page or the folder.
        size: its size in bytes.
        runs: names of the runs.
        bits: for each run the bits per character at each precision; empty if it was not measured.
        measured: for each run the number of characters they were measured on.
    """

    path: Path
    size: int
    runs: tuple[str, ...]
    bits: tuple[dict[Precision, float], ...] = ()
    measured: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        rows = zip(self.runs, self.bits, self.measured, strict=True) if self.bits else ()
        return {
            "path": str(self.path),
            "bytes": self.size,
            "runs": list(self.runs),
            "bits_per_character": [
                {"run": run, "characters": measured, **bits} for run, bits, measured in rows
            ],
        }


def check_target(path: Path, *, is_folder: bool, is_forced: bool) -> None:
    """Refuse a path that cannot be written, before any work is done.

    Args:
        path: the page or the folder.
        is_folder: whether it is to be a folder.
        is_forced: whether files that exist may be replaced.

    Raises:
        UsageError: if there is such a file already.
        StorageError: if the folder it is to stand in does not exist.
    """
    taken = [path / name for name in _names()] if is_folder else [path]
    for one in taken:
        if one.exists() and not is_forced:
            raise _exists(one)
    if is_folder and path.exists() and not path.is_dir():
        raise StorageError(path, "it is a file, not a folder")
    if not is_folder and path.is_dir():
        raise StorageError(path, "it is a folder, not a file")
    parent = path if path.is_dir() else path.absolute().parent
    if not parent.is_dir():
        raise StorageError(parent, "there is no such folder")
    if not os.access(parent, os.W_OK):
        raise StorageError(parent, REASONS[errno.EACCES])


def export_page(path: Path, order: PageOrder, *, is_forced: bool, tell: Tell) -> Exported:
    """Write a page.

    Args:
        path: the page.
        order: what it is to hold.
        is_forced: whether a file of this name may be replaced.
        tell: function that is called with what is being done.

    Raises:
        UsageError: if a run reads in both directions, or the page would be too large.
        StorageError: if it cannot be written.
    """
    made = make_page(order, tell)
    try:
        replace_file(path, made.page, is_new=not is_forced)
    except FileExistsError as error:
        raise _exists(path) from error
    return Exported(
        path=path,
        size=len(made.page),
        runs=tuple(run.model.name for run in made.runs),
        bits=tuple(dict(run.bits) for run in made.runs),
        measured=tuple(run.measured for run in made.runs),
    )


class Made(NamedTuple):
    """A page as UTF-8, and the runs in it."""

    page: bytes
    runs: Sequence[PageRun]


def make_page(order: PageOrder, tell: Tell = lambda _: None) -> Made:
    """Make a page.

    Args:
        order: what it is to hold.
        tell: function that is called with what is being done.

    Raises:
        UsageError: if a run reads in both directions, or the page would be too large.
    """
    models = [load_forward(name, EXPORT) for name in order.runs]
    _check_size(models, order)
    gradients = _gradients(models, tell) if len(models) > 1 else [[] for _ in models]
    runs = [
        _page_run(model, order, found, tell) for model, found in zip(models, gradients, strict=True)
    ]
    text, name = order.text, order.text_name
    if text is None:
        text, name = _validation_beginning(models[0], TEXT_CHARACTERS)
    tell("writing the page")
    weights = [
        (f"weights-{number}-{one.step}", one.weights.text)
        for number, run in enumerate(runs)
        for one in run.checkpoints
    ]
    title = " and ".join(model.name for model in models)
    page = build_page(title, page_content(runs, text, name), weights)
    return Made(page, runs)


def export_folder(path: Path, name: str | None, *, is_forced: bool) -> Exported:
    """Write the model of a run as a folder: its arrays, its configuration and a card.

    Args:
        path: the folder.
        name: name of the run; None for the newest.
        is_forced: whether files that exist in the folder may be replaced.

    Raises:
        UsageError: if the run reads in both directions.
        StorageError: if it cannot be written.
    """
    model = load_forward(name, EXPORT)
    checkpoint = model.run.load(model.step)
    loss = checkpoint.validation_loss
    card = model_card(model, None if loss is None else loss / math.log(2))
    files = model_files(checkpoint.config, checkpoint.parameters) | {CARD: card.encode()}
    try:
        if path.exists():
            for file, data in files.items():
                replace_file(path / file, data, is_new=not is_forced)
        else:
            with whole_folder(path) as folder:
                for file, data in files.items():
                    write_durably(folder / file, data)
    except FileExistsError as error:
        raise _exists(path) from error
    size = sum(map(len, files.values()))
    return Exported(path=path, size=size, runs=(model.name,))


def _names() -> tuple[str, ...]:
    return MODEL, CONFIG, CARD


def _exists(path: Path) -> UsageError:
    return UsageError(
        f"{str(path)!r} exists already; replace it with --force, or choose another name"
    )


def _check_size(models: Sequence[Model], order: PageOrder) -> None:
    """Refuse a page that would be too large, and say what would fit."""

    def size(precision: Precision, checkpoints: Kept) -> int:
        return sum(
            largest_size(_arrays(model), precision)
            * (len(model.run.steps()) if checkpoints == "all" else 1)
            for model in models
        )

    wanted = size(order.precision, order.checkpoints)
    if wanted <= MAX_PAGE_BYTES:
        return
    smaller = [
        f"{options} gives {size(precision, kept) / 1e6:.2g} MB"
        for precision in get_args(Precision)
        for kept in (order.checkpoints, "best")
        for options in [f"--weights {precision} --checkpoints {kept}"]
        if size(precision, kept) <= MAX_PAGE_BYTES
    ]
    advice = smaller[0] if smaller else "a network of this size does not fit into a page"
    raise UsageError(
        f"the page would have {wanted / 1e6:.3g} MB, and at most {MAX_PAGE_BYTES / 1e6:.3g} MB "
        f"open without trouble; {advice}"
    )


def _arrays(model: Model) -> Arrays:
    assert model.trained is not None
    return page_parameters(*model.trained)


def _page_run(
    model: Model, order: PageOrder, gradients: Sequence[dict[str, Any]], tell: Tell
) -> PageRun:
    tell(f"packing the weights of {model.name}")
    run, best = model.run, model.step
    steps = run.steps() if order.checkpoints == "all" else [best]
    losses = run.validation_losses(damaged=True)
    checkpoints = []
    for step in steps:
        arrays = _arrays(model)
        if step != best:
            loaded = run.load(step)
            arrays = page_parameters(loaded.config.settings, loaded.parameters)
        checkpoints.append(pack_checkpoint(step, losses.get(step), arrays, order.precision))
    tokens = model.validation_tokens()
    bits, measured, units = dict[Precision, float](), 0, list[dict[str, Any]]()
    if tokens is not None and len(tokens):
        tell(f"measuring what smaller weights of {model.name} cost")
        measured = min(len(tokens), MEASURED)
        plain = page_parameters(model.config.settings, model.parameters)
        beginning = np.asarray(tokens[:measured], np.int32)
        bits = bits_at_each_precision(model.config, plain, beginning)
        units = _units(model, tell)
    return PageRun(
        model=model,
        precision=order.precision,
        checkpoints=tuple(checkpoints),
        bits=bits,
        measured=measured,
        units=units,
        gradients=gradients,
    )


def _units(model: Model, tell: Tell) -> list[dict[str, Any]]:
    """Return the units that follow a feature of the validation text, as JSON can hold them."""
    tokens = model.validation_tokens()
    if tokens is None or len(tokens) < MIN_SEARCHED:
        return []
    tell(f"searching {model.name} for units that follow a feature")
    part = np.asarray(tokens[:SEARCHED], np.int32)
    *_, search = find_units(model, part, model.name)
    assert isinstance(search, Search)
    return [row for row in search.to_json()["features"] if row["unit"] is not None]


def _validation_beginning(model: Model, most: int) -> tuple[str, str]:
    """Return the beginning of a run's validation text, and its name; empty if it was not kept."""
    tokens = model.validation_tokens()
    if tokens is None:
        return "", ""
    text = model.config.vocabulary.decode(tokens[:most])
    return text, f"validation text of {model.name}"


def _gradients(models: Sequence[Model], tell: Tell) -> list[list[dict[str, Any]]]:
    """Follow the gradients of several runs; nothing of a run whose text is missing or short."""
    tell("starting JAX")
    prepare_jax()
    from textgen.workflows.gradient import follow_gradients  # only here: it starts JAX

    found = []
    for model in models:
        try:
            followed = follow_gradients([model.run.title], reach=REACH, places=PLACES, tell=tell)
            found.append([one.to_json() for one in followed])
        except UsageError:
            found.append([])
    return found
