"""The text of pages, books and office documents, by the readers of the extra `documents`.

Pandoc reads HTML, EPUB, DOCX and ODT, in its sandbox; striprtf reads RTF and pypdf reads PDF.
"""

import io
import logging
import subprocess
from pathlib import Path

from textgen.data.formats.decoding import Findings, decode
from textgen.errors import CorpusError
from textgen.extras import missing_extra

# Longest time that pandoc may take for a document, in seconds, and its largest heap.
MAX_SECONDS = 300
MAX_HEAP = "2g"
# Documents of more bytes than this are read with a remark, since they are held in memory whole.
LARGE_BYTES = 2**26
FILTER = Path(__file__).with_name("no_pictures.lua")


def document_text(data: bytes, kind: str, name: str, *, encoding: str | None = None) -> str:
    """Return the text of a document.

    Args:
        data: the document.
        kind: `html`, `epub`, `docx`, `odt`, `rtf` or `pdf`.
        name: its name in messages.
        encoding: encoding of a page in HTML, as for `decode`.

    Raises:
        UsageError: if the extra `documents` is not installed.
        CorpusError: if the document is damaged or encrypted.
    """
    try:
        if kind == "pdf":
            return _pdf_text(data, name)
        if kind == "rtf":
            return _rtf_text(data, name)
        if kind == "html":
            # Pandoc reads UTF-8 alone.
            chunks = decode(io.BytesIO(data), name, Findings(), encoding=encoding)
            data = "".join(chunks).encode()
        return _pandoc_text(data, kind, name)
    except ImportError as error:
        raise missing_extra(f"reading {name!r}", "documents", error) from error


def _pandoc_text(data: bytes, kind: str, name: str) -> str:
    import pypandoc

    command = [
        pypandoc.get_pandoc_path(),
        "--sandbox",
        f"--from={kind}",
        "--to=plain",
        "--wrap=none",
        f"--lua-filter={FILTER}",
        *("+RTS", f"-M{MAX_HEAP}", "-RTS"),
    ]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=MAX_SECONDS)
    except subprocess.TimeoutExpired as error:
        problem = f"pandoc has not read the document within {MAX_SECONDS} seconds"
        raise CorpusError(name, problem) from error
    if done.returncode:
        raise CorpusError(name, f"the document is damaged, or is no {kind.upper()} document")
    return done.stdout.decode("utf-8", "replace")


def _rtf_text(data: bytes, name: str) -> str:
    from striprtf.striprtf import rtf_to_text

    try:
        # The format is ASCII; its escapes name other characters.
        return str(rtf_to_text(data.decode("latin-1"), errors="replace"))  # type: ignore[no-untyped-call]
    except (ValueError, LookupError) as error:
        raise CorpusError(name, "the RTF document is damaged") from error


def _pdf_text(data: bytes, name: str) -> str:
    import pypdf

    # It would print what it finds wrong with a file, beside the error.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise CorpusError(name, "the PDF is encrypted; save a copy without a password")
        return "\n".join(page.extract_text() for page in reader.pages)
    except CorpusError:
        raise
    # A damaged file ends in errors of many kinds.
    except Exception as error:
        raise CorpusError(name, "the PDF is damaged") from error
