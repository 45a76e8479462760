"""What a file holds: its kind, by its first bytes first and by its name second."""

import os
from typing import Literal, get_args

Kind = Literal[
    "text", "json", "jsonl", "csv", "tsv", "parquet", "html", "epub", "docx", "odt", "rtf", "pdf",
    "gzip", "bzip2", "xz", "zstd", "zip", "tar",
]  # fmt: skip
KINDS = get_args(Kind)
# Kinds that hold other files or other bytes.
COMPRESSED = ("gzip", "bzip2", "xz", "zstd")
ARCHIVES = ("zip", "tar")
# Kinds whose rows are records with fields.
RECORDS = ("json", "jsonl", "csv", "tsv", "parquet")
# Kinds that the extra `documents` reads.
DOCUMENTS = ("html", "epub", "docx", "odt", "rtf", "pdf")

# Number of first bytes that tell a kind.
HEAD_BYTES = 4096
# Index in a tar archive of its signature.
TAR_OFFSET = 257
SIGNATURES: tuple[tuple[bytes, Kind], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"%PDF-", "pdf"),
    (b"{\\rtf", "rtf"),
    (b"PAR1", "parquet"),
)
_ALL_SIGNATURES = tuple(signature for signature, _ in SIGNATURES)
# First bytes of other formats, and what to do about each.
UNREADABLE = (
    (b"\xd0\xcf\x11\xe0", "an old Office document; save it as .docx or as text"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "an SQLite database; export a table as CSV"),
)
_ALL_UNREADABLE = tuple(signature for signature, _ in UNREADABLE)
# Entries of a zip archive by which an office document is known.
MIMETYPES: tuple[tuple[bytes, Kind], ...] = (
    (b"mimetypeapplication/epub+zip", "epub"),
    (b"mimetypeapplication/vnd.oasis.opendocument.text", "odt"),
)
SUFFIXES: dict[str, Kind] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
}
# Beginnings of a page, in lower case.
PAGES = (b"<!doctype html", b"<html")


def kind_of(head: bytes, name: str) -> Kind:
    """Return the kind of a file.

    Formats with a signature are known by it, whatever the name is. JSON, JSON Lines, CSV, TSV and
    HTML are text too, and their names decide; bytes without a telling name, such as those of
    standard input, are JSON Lines or HTML if they begin so.

    Args:
        head: its first bytes, up to `HEAD_BYTES`.
        name: its name or path.
    """
    if head.startswith(_ALL_SIGNATURES):
        kind = next(kind for signature, kind in SIGNATURES if head.startswith(signature))
        return _packed_kind(head, name) if kind == "zip" else kind
    # A text may hold "mustard" there, but no NUL before it.
    if head[TAR_OFFSET : TAR_OFFSET + 5] == b"ustar" and b"\0" in head[:TAR_OFFSET]:
        return "tar"
    suffix = _suffix(name)
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    if not suffix:
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if start[:20].lower().startswith(PAGES):
            return "html"
        if _begins_with_object(start):
            return "jsonl"
    return "text"


def unreadable(head: bytes) -> str | None:
    """Return what a file is that cannot be read as text, by its first bytes; None if it may be."""
    if not head.startswith(_ALL_UNREADABLE):
        return None
    return next(what for signature, what in UNREADABLE if head.startswith(signature))


def _suffix(name: str) -> str:
    """Return the last suffix of a path in lower case, as `PurePath` does but faster."""
    last = os.path.basename(name)
    at = last.rfind(".")
    return last[at:].lower() if 0 < at < len(last) - 1 else ""


def _packed_kind(head: bytes, name: str) -> Kind:
    """Return the kind of a zip archive: an office document, or a plain archive."""
    for mimetype, kind in MIMETYPES:
        if mimetype in head[:120]:
            return kind
    if _suffix(name) == ".docx" or b"word/" in head:
        return "docx"
    return "zip"


def _begins_with_object(start: bytes) -> bool:
    """Return whether the first line is a JSON object."""
    import json

    first, newline, _ = start.partition(b"\n")
    if not (newline and first.startswith(b"{")):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except ValueError:
        return False
