"""The options that say how texts are read, for all commands that read them."""

from typing import Annotated

import typer

from textgen.data.formats.decoding import Normalization
from textgen.data.formats.kinds import Kind
from textgen.data.source_rules import LabelFrom, SourceRules
from textgen.data.text_rules import DocumentUnit
from textgen.terminal.commands.options import takes_options
from textgen.terminal.commands.run_names import path_of

Format = Annotated[
    Kind | None,
    typer.Option(
        help="Format of the texts; by default that of each file's content and name.",
    ),
]
Field = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Field that holds the text: a column of CSV, TSV or Parquet, a dotted path in JSON. "
        "It need not be named if it is the only text field, or is called text.",
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Encoding of the texts, such as cp1252; guess takes what they look like. By default "
        "that of the byte order mark, or UTF-8.",
    ),
]
Normalize = Annotated[
    Normalization,
    typer.Option(
        help="Unicode normal form of the text: nfc writes a letter with its accent as one "
        "character, nfkc also makes plain characters of typographic ones.",
    ),
]
SkipBroken = Annotated[
    bool,
    typer.Option(
        "--skip-broken", help="Leave out records that are broken or lack the field, and count them."
    ),
]
LabelFields = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="NAME",
        help="Field of a record that holds a label of its text, such as its author; repeat it for "
        "several. Each record is then a document, unless --documents says otherwise.",
    ),
]
LabelOrigin = Annotated[
    LabelFrom | None,
    typer.Option(
        "--label-from",
        help="Take the folder or the file that a text stands in as a label of it.",
    ),
]
Documents = Annotated[
    DocumentUnit | None,
    typer.Option(
        help="What a document is, if the text is made of documents: a file, a paragraph, a line or "
        "a row of a table. Their order is drawn anew each epoch, and the network learns where "
        "they end. whole makes one text of everything; it is the default without labels.",
    ),
]
Validation = Annotated[
    str,
    typer.Option(
        metavar="SHARE|FILE",
        help="What is held out to measure the network on: a share of the text, or another text.",
    ),
]
Rare = Annotated[
    int,
    typer.Option(
        metavar="N", help="Characters that appear fewer times than this become unknown; 0 is off."
    ),
]
DropRepeats = Annotated[
    bool,
    typer.Option(
        "--drop-repeats",
        help="Leave out documents that equal an earlier one; in one whole text, files and records.",
    ),
]


# Rules of a command that is called without options; `reads_texts` puts the options in their place.
PLAIN_TEXTS = SourceRules()


def read_rules(
    format: Format = None,  # noqa: A002
    field: Field = None,
    encoding: Encoding = None,
    skip_broken: SkipBroken = False,
) -> SourceRules:
    """Return how to read texts that are not trained on, from the values of their options.

    Raises:
        UsageError: if a value is out of range.
    """
    return SourceRules(format=format, field=field, encoding=encoding, skip_broken=skip_broken)


# Gives a command the options of `read_rules` in place of its parameter `rules`.
reads_texts = takes_options("rules", read_rules)


def share_or_file(given: str) -> float | str:
    """Return a share as a number, or the name of a text as it was given.

    Raises:
        SettingError: if it is a number out of range.
    """
    if path_of(given).exists():
        return given
    try:
        return float(given)
    except ValueError:
        return given
