"""The card of a model for a hub: what it is, what it was trained on, and how to use it."""

from html import escape

from textgen import __version__
from textgen.export.content import trained_config
from textgen.generation.model import Model
from textgen.network.cells import CELLS
from textgen.network.parameters import parameter_count
from textgen.readable import one_line

CARD = """\
---
license: unknown
library_name: textgen
pipeline_tag: text-generation
tags: [character-level, recurrent, {cell}]
---

# {name}

A character-level {title} network that was trained with textgen {version}. It reads a text character
by character and predicts the next one.

## The network

| | |
|---|---|
| cell | {title} |
| layers x units | {size} |
| parameters | {parameters:,} |
| alphabet | {alphabet:,} characters{ends} |

## What it was trained on

The text itself is not part of this folder. Its SHA-256 after normalisation is

    {sha256}

It has {training:,} characters for training and {validation:,} for validation. This checkpoint is
that of step {step:,} of {last_step:,}.

## How well it predicts

| protocol | text | bits per character |
|---|---|---|
| {protocol} | validation | {bits} |

The state is carried along the text. Numbers of other protocols, such as windows from a zero state,
cannot be compared with it.

## How to write with it

    pip install textgen-lstm
    textgen sample {name_in_shell} --length 500 --seed 1

That command wants the whole run. With this folder alone, a few lines of NumPy write: `config.json`
holds the settings and the vocabulary, and the metadata of `model.safetensors` the equations. The
page `docs/model-file.md` of textgen shows the lines.

## What it may repeat

A network can repeat stretches of its training text word for word, names and addresses among them.
Publish it only if that text may be published. `textgen trace` tells what it has copied.
"""


def model_card(model: Model, bits: float | None) -> str:
    """Return the card in Markdown.

    Args:
        model: the model, which reads forward.
        bits: validation loss of its checkpoint in bits per character; None if it was not measured.
    """
    config, record = trained_config(model), model.run.record()
    settings, corpus = config.settings, record.corpus
    return CARD.format(
        cell=settings.cell,
        name=escape(one_line(model.name)),
        name_in_shell=model.run.reference,
        title=CELLS[settings.cell].title,
        version=__version__,
        size=settings.size,
        parameters=parameter_count(settings),
        alphabet=len(config.vocabulary.alphabet),
        ends=" and a symbol for the end of a text" if config.vocabulary.end_id else "",
        sha256=corpus.sha256,
        training=corpus.training_characters,
        validation=corpus.validation_characters,
        step=model.step,
        last_step=record.plan.last_step,
        protocol="stream, a part of the text in 64 pieces",
        bits="not measured" if bits is None else f"{bits:.4f}",
    )
