"""The options that say how texts are read, for all commands that read them."""

from typing import Annotated

import typer

from textgen.data.formats.decoding import Normalization
from textgen.data.formats.kinds import Kind

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
