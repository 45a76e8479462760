"""Decode bytes as text: encodings, line ends, marks inside the text, and normalisation."""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

from textgen.errors import CorpusError, UsageError
from textgen.readable import cut, one_line

Normalization = Literal["none", "nfc", "nfkc"]

CHUNK_BYTES = 2**20
# Encodings that a byte order mark decides, the longer marks first: UTF-32's begins with UTF-16's.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MARKS = tuple(mark for mark, _ in MARKS)
MARK = "\ufeff"
# Value of `encoding` that takes the encoding which the bytes look like.
GUESS = "guess"
# Control characters that no text holds, unlike those of white space, backspace and escape.
CONTROLS = bytes({*range(32)} - {*b"\b\t\n\v\f\r\x1a\x1b"})
# Bytes from which an encoding is guessed: the first ones, and those around the offending byte.
GUESSED_BYTES = 2**16
# Encodings in the names of charset-normalizer, the most common first.
WINDOWS = ("cp1252", "cp1251", "cp1250")
COMMON = (*WINDOWS, "cp932", "gb18030", "big5", "euc_kr")
# Characters beyond ASCII of texts in Western European languages, and their largest share.
WESTERN = (
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØŒÙÚÛÜŸßàáâãäåæçèéêëìíîïñòóôõöøœùúûüÿ"
    "\u2018\u2019\u201a\u201c\u201d\u201e\u2013\u2014…«»¡¿€£§°·\u00a0"
)
MOST_ACCENTS = 0.2
# Fewest bytes by which UTF-16 is recognised.
LEAST_PROBED = 8
# Longest part of an offending line that a message shows, in columns.
SHOWN_COLUMNS = 40
# Letters of Hangul, and voice marks of half-width kana, which compose with the letter before them.
_COMPOSING = re.compile("[\u1100-\u11ff\u3131-\u318e\ua960-\ua97f\ud7b0-\ud7ff\uff9e-\uffdc]")


@dataclass
class Findings:
    """What decoding changed or noticed in a text.

    Attributes:
        encoding: encoding of the text; empty before the first bytes are read.
        marks: byte order marks inside the text, which are left out.
        returns: lines that ended in CR LF.
        old_returns: lines that ended in CR alone.
        double_returns: lines that ended in CR CR LF, which counts as one line end.
        is_normalized: whether normalisation changed any character.
    """

    encoding: str = ""
    marks: int = 0
    returns: int = 0
    old_returns: int = 0
    double_returns: int = 0
    is_normalized: bool = False


def check_encoding(name: str) -> None:
    """Check the name of an encoding.

    Raises:
        UsageError: if Python does not know an encoding of text of that name.
    """
    if name == GUESS:
        return
    try:
        b"a".decode(name)  # codecs such as rot13 are no encodings of text
        is_known = True
    except UnicodeError:
        is_known = True
    except (LookupError, ValueError):
        is_known = False
    if not is_known:
        raise UsageError(f"the encoding {name!r} is not known; utf-8, cp1252 and utf-16 are")


def decode(
    file: BinaryIO,
    name: str,
    findings: Findings,
    *,
    encoding: str | None = None,
    normalization: Normalization = "none",
) -> Iterator[str]:
    """Yield the text of a stream in chunks, with LF at the end of each line.

    Args:
        file: the bytes. It must be buffered: only the last read may return fewer bytes than asked
            for.
        name: its name in messages.
        findings: what is noticed is noted here while the text is read.
        encoding: encoding of the bytes; `guess` for the one that they look like; None for that of
            the byte order mark, or UTF-8 without one.
        normalization: Unicode normal form into which the text is brought.

    Raises:
        CorpusError: if the bytes are not in this encoding, or are not text. The message names the
            line and the byte, and proposes an encoding.
    """
    data = file.read(CHUNK_BYTES)
    decoder = _Decoder(name, findings, _encoding_of(data, encoding))
    if len(data) < CHUNK_BYTES:  # it is the whole text
        if text := cleaned(decoder.decode(data, is_last=True), normalization, findings):
            yield text
        return
    chunks = _lines_ended(decoder.chunks(data, file), findings)
    yield from chunks if normalization == "none" else _normalized(chunks, normalization, findings)


def normalized(text: str, normalization: Normalization) -> str:
    """Return a whole text in a Unicode normal form; `none` leaves it as it is."""
    return text if normalization == "none" else cleaned(text, normalization, Findings())


def cleaned(text: str, normalization: Normalization, findings: Findings) -> str:
    """Return a whole text as `decode` would: without marks, with LF and in a normal form."""
    text = _line_feeds(text.replace(MARK, ""), findings)
    return text if normalization == "none" else _in_form(text, normalization, findings)


def _encoding_of(data: bytes, encoding: str | None) -> str:
    """Return the encoding of a text by its first bytes, and by what a user has named."""
    if encoding == GUESS:
        return encoding_of_mark(data) or _guess(data) or "utf-8"
    return encoding or encoding_of_mark(data) or "utf-8"


class _Decoder:
    """Decodes a text chunk by chunk; see `decode`."""

    def __init__(self, name: str, findings: Findings, encoding: str) -> None:
        self._name, self._findings, self._encoding = name, findings, encoding
        findings.encoding = encoding.removesuffix("-sig")
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._bytes_before = self._lines_before = 0
        self._is_first = True

    def chunks(self, data: bytes, file: BinaryIO) -> Iterator[str]:
        """Yield the text of some bytes and of the rest of a file."""
        while True:
            # A short read is the last one. Reading on would make a terminal wait for new input.
            is_last = len(data) < CHUNK_BYTES
            if text := self.decode(data, is_last=is_last):
                yield text
            if is_last:
                return
            self._bytes_before += len(data)
            self._lines_before += _count_newlines(data)
            data = file.read(CHUNK_BYTES)

    def decode(self, data: bytes, *, is_last: bool) -> str:
        """Return the text of the next bytes, without byte order marks."""
        pending = self._decoder.getstate()[0]
        try:
            text = self._decoder.decode(data, final=is_last)
        except UnicodeDecodeError as error:
            line = self._lines_before + error.object[: error.start].count(b"\n") + 1
            byte = self._bytes_before - len(pending) + error.start + 1
            wrong = error.object[error.start]
            where = f"line {line:,}, byte {byte:,} (0x{wrong:02x})"
            problem = f"not {self._encoding.removesuffix('-sig').upper()} at {where}"
            problem += _proposal(error.object, error.start, self._encoding)
            raise CorpusError(self._name, problem) from error
        if self._is_first:
            text, self._is_first = text.removeprefix(MARK), not text
        if "\0" in text:
            line = self._lines_before + text[: text.index("\0")].count("\n") + 1
            raise CorpusError(self._name, _nul_problem(data, self._encoding, line))
        if MARK in text:
            self._findings.marks += text.count(MARK)
            text = text.replace(MARK, "")
        return text


def _count_newlines(data: bytes) -> int:
    import numpy as np  # five times as fast as `count`; this module is imported without NumPy

    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord("\n")))


def encoding_of_mark(head: bytes) -> str | None:
    """Return the encoding that a byte order mark at the beginning decides; None without one."""
    if not head.startswith(_MARKS):
        return None
    return next(encoding for mark, encoding in MARKS if head.startswith(mark))


def looks_like_utf16(data: bytes) -> str | None:
    """Return the kind of UTF-16 that bytes without a mark look like: every second one is NUL."""
    probe = data[:8000]
    if len(probe) < LEAST_PROBED or b"\0" not in probe:
        return None
    nuls = [probe[start::2].count(0) for start in (0, 1)]
    half = max(len(probe) // 2, 1)
    for mine, other, encoding in ((1, 0, "utf-16-le"), (0, 1, "utf-16-be")):
        if nuls[mine] > 0.4 * half and nuls[other] < 0.05 * half:
            return encoding
    return None


def looks_binary(data: bytes) -> bool:
    """Return whether bytes look like no text: they hold NULs, or many other control characters."""
    if encoding_of_mark(data) or looks_like_utf16(data):
        return False
    return b"\0" in data or len(data) - len(data.translate(None, CONTROLS)) > len(data) // 50


def _nul_problem(data: bytes, used: str, line: int) -> str:
    wide = looks_like_utf16(data) if used == "utf-8" else None
    if wide:
        line_shown = _shown_line(data, 0, wide)
        return f"it looks like {wide}: {line_shown!r}; to read it so: --encoding {wide}"
    return f"it holds a NUL character in line {line:,}, so it is not text; remove it"


def _proposal(data: bytes, start: int, used: str) -> str:
    """Return what to do about bytes that are not in an encoding.

    Args:
        data: the bytes of a chunk.
        start: index of the offending byte.
        used: encoding that does not fit.
    """
    if looks_binary(data):
        return "; it looks binary, so it is not text"
    begin = max(start - GUESSED_BYTES // 2, 0)
    found = _guess(data[begin : begin + GUESSED_BYTES])
    if found is None or codecs.lookup(found).name == codecs.lookup(used).name:
        return "; name its encoding with --encoding"
    shown = _shown_line(data, start, found)
    return f"; it looks like {found}: {shown!r}; to read it so: --encoding {found}"


def _guess(data: bytes) -> str | None:
    """Return the encoding that bytes look like; None if they look like none.

    UTF-8 comes first. Short texts are often guessed wrong.
    """
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
        return looks_like_utf16(data) or "utf-8"
    except UnicodeDecodeError:
        pass
    from charset_normalizer import from_bytes

    matches = from_bytes(data[:GUESSED_BYTES])
    best = matches.best()
    if best is None:
        return None
    # Several encodings may fit equally well; the most common of them is proposed.
    fit = (best.chaos, best.coherence)
    fitting = [match for match in matches if (match.chaos, match.coherence) == fit]
    equal = [name for match in fitting for name in match.could_be_from_charset]
    found = next((name for name in COMMON if name in equal), best.encoding)
    if found not in WINDOWS and _is_western(data):
        found = "cp1252"  # a short text with few accents is often taken for Chinese or Baltic
    return found.replace("_", "-")


def _is_western(data: bytes) -> bool:
    """Return whether bytes are a text in cp1252 with a few accented letters and typographic marks.

    In Chinese, Japanese and Korean encodings most bytes are not ASCII.
    """
    high = data.translate(None, bytes(range(128)))
    shown = high.decode("cp1252", "replace")
    return len(high) < MOST_ACCENTS * len(data) and not shown.strip(WESTERN)


def _shown_line(data: bytes, index: int, encoding: str) -> str:
    """Return the line around a byte as another encoding reads it, cut and safe to show."""
    if encoding.startswith(("utf-16", "utf-32")):
        line = data[:400].decode(encoding, "replace").removeprefix(MARK).split("\n", 1)[0]
        return cut(one_line(line), SHOWN_COLUMNS)
    begin = max(data.rfind(b"\n", 0, index) + 1, index - 100)
    end = data.find(b"\n", index)
    end = min(end if end >= 0 else len(data), index + 200)
    before = data[begin:index].decode(encoding, "replace")[-SHOWN_COLUMNS // 2 :]
    return cut(one_line(before + data[index:end].decode(encoding, "replace")), SHOWN_COLUMNS)


def _lines_ended(chunks: Iterator[str], findings: Findings) -> Iterator[str]:
    """Replace CR LF, CR and CR CR LF by LF."""
    held = ""
    for chunk in chunks:
        text = held + chunk
        held = ""
        if "\r" in text:
            # Carriage returns at the end may belong to a line feed in the next chunk.
            body = text.rstrip("\r")
            held, text = text[len(body) :], body
            text = _line_feeds(text, findings)
        if text:
            yield text
    if held:
        yield _line_feeds(held, findings)


def _line_feeds(text: str, findings: Findings) -> str:
    if "\r" not in text:
        return text
    if "\r\r\n" in text:
        findings.double_returns += text.count("\r\r\n")
        text = text.replace("\r\r\n", "\n")
    findings.returns += (pairs := text.count("\r\n"))
    findings.old_returns += text.count("\r") - pairs
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _normalized(
    chunks: Iterator[str], normalization: Normalization, findings: Findings
) -> Iterator[str]:
    """Bring a text into a normal form, chunk by chunk."""
    held = ""
    for chunk in chunks:
        text = held + chunk
        # The last letter may compose with the beginning of the next chunk.
        end = next((n for n in range(len(text) - 1, -1, -1) if _begins_anew(text[n])), 0)
        held = text[end:]
        if end:
            yield _in_form(text[:end], normalization, findings)
    if held:
        yield _in_form(held, normalization, findings)


def _in_form(text: str, normalization: Normalization, findings: Findings) -> str:
    """Return a text in a normal form, NFC or NFKC."""
    form: Literal["NFC", "NFKC"] = "NFC" if normalization == "nfc" else "NFKC"
    if text.isascii() or unicodedata.is_normalized(form, text):
        return text
    findings.is_normalized = True
    return unicodedata.normalize(form, text)


def _begins_anew(character: str) -> bool:
    """Return whether a character never composes with the one before it."""
    return unicodedata.category(character)[0] != "M" and not _COMPOSING.match(character)
