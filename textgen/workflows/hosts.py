"""Train with several processes: what process 0 tells the others, and what they do."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np

from textgen.data.labels import LabelField
from textgen.data.prepare import prepare_text
from textgen.data.tokens import open_tokens
from textgen.data.vocabulary import Vocabulary
from textgen.errors import CorpusError, TextgenError, UsageError
from textgen.runs.record import CorpusRecord
from textgen.runs.run import TOKENS, labels_of
from textgen.runtime.collectives import all_reduce_seconds
from textgen.runtime.devices import make_mesh, product_speed
from textgen.runtime.together import Together
from textgen.settings import ModelSettings, Precision, TrainingSettings
from textgen.training.loop import Trainer
from textgen.workflows.supervise import TrainerText, make_trainer

CorpusPlace = Literal["shared", "local"]
# Characters of a text that is made up for a measurement.
RANDOM_CHARACTERS = 200_000


def place_of(
    folder: Path, corpus: CorpusRecord, vocabulary: Vocabulary, labels: Sequence[LabelField]
) -> dict[str, Any]:
    """Return where the text of a run is, for the other processes, as JSON can hold it.

    Args:
        folder: folder of the token file.
        corpus: what is known of the text.
        vocabulary: its characters.
        labels: fields of the labels of its documents.
    """
    return {
        "folder": str(folder.absolute()),
        "corpus": corpus.to_json(),
        "characters": vocabulary.characters,
        "labels": [field.to_json() for field in labels],
    }


def random_text(vocab_size: int, validation: int) -> TrainerText:
    """Make up a text for a measurement, the same in all processes.

    Args:
        vocab_size: number of its characters.
        validation: length of the validation part, which is the beginning of the training part.
    """
    source = np.random.default_rng(0)
    text = source.integers(1, vocab_size, RANDOM_CHARACTERS).astype(np.uint8)
    return text, text[:validation], None, None, None


def open_text(place: Mapping[str, Any], where: CorpusPlace) -> TrainerText:
    """Open the text that process 0 trains on.

    Args:
        place: what `place_of` returned there, or the arguments of `random_text`.
        where: `shared` to read the run's own token file, `local` to read this host's copy of the
            sources again.

    Raises:
        UsageError: if the folder of the run is not there.
        CorpusError: if this host's text is another one.
    """
    if "corpus" not in place:
        return random_text(**place)
    corpus = CorpusRecord.from_json(place["corpus"])
    vocabulary = Vocabulary(place["characters"])
    fields = tuple(map(LabelField.from_json, place["labels"]))
    with tempfile.TemporaryDirectory() as own:
        path = Path(place["folder"]) / TOKENS
        if where == "local":
            path = Path(own) / TOKENS
            origin = [Path(one) for one in corpus.origin]
            found = prepare_text(origin, corpus.rules, path, vocabulary)
            if found.sha256 != corpus.sha256:
                raise CorpusError(origin[0], "it is another text than on the first host")
        elif not path.exists():
            raise UsageError(
                # The folder of the run itself still has another name.
                f"the folder {str(path.parents[1])!r} is not shared with this host; share it, or "
                "give --corpus local if each host has the text"
            )
        # The open file can be read after it is removed.
        tokens = open_tokens(path, corpus.tokens, len(vocabulary), corpus.tokens_sha256)
        training, validation, old = corpus.parts(tokens)
        return training, validation, vocabulary.end_id, labels_of(path, corpus, fields), old


def share_speed(
    together: Together | None, devices: int, precision: Precision, repeats: int = 1
) -> float:
    """Measure the speed of matrix products on all devices; see `product_speed`."""
    mesh = make_mesh(devices, devices)
    if together is None:
        return product_speed(mesh, repeats=repeats, precision=precision)
    if together.leads:
        together.say("speed", devices=devices, precision=precision, repeats=repeats)
    with together.working("speed"):
        return product_speed(mesh, repeats=repeats, precision=precision)


def share_reduction(together: Together, devices: int, size: int, count: int) -> float:
    """Measure an all-reduce between all devices; see `all_reduce_seconds`."""
    mesh = make_mesh(devices, devices)
    if together.leads:
        together.say("reduce", devices=devices, size=size, count=count)
    with together.working(f"reduce {size}"):
        return all_reduce_seconds(mesh, size, count)


def follow(together: Together, where: CorpusPlace) -> int:
    """Do what process 0 says until all is over.

    Args:
        together: the processes.
        where: where this process reads the text.

    Returns:
        The exit code of process 0.

    Raises:
        LostProcessError: if another process is lost.
    """
    trainer: Trainer | None = None
    while True:
        call = together.hear()
        if call.name == "end":
            return int(call.values["code"])
        if call.name == "speed":
            share_speed(together, **call.values)
        elif call.name == "reduce":
            share_reduction(together, **call.values)
        elif call.name == "trainer":
            trainer = None  # its memory is freed before another one is made
            with suppress(TextgenError):  # process 0 tells it
                trainer = _make_trainer(together, call.values, where)
        elif trainer is not None:
            trainer.follow(call)


def _make_trainer(together: Together, values: Mapping[str, Any], where: CorpusPlace) -> Trainer:
    model = ModelSettings.from_json(values["model"])
    plan = TrainingSettings.from_json(values["plan"])
    try:
        text = open_text(values["text"], where)
    except TextgenError as error:
        together.agree(error)
        raise
    return make_trainer(model, plan, *text, together=together)
