"""Files of every format with random content: sound, damaged, or made to do harm."""

import bz2
import gzip
import io
import json
import lzma
import random
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from text_writers import SEVERAL, pdf, tarred, zipped

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Characters of random texts: letters, what tables and marked-up formats give a meaning, letters
# with marks, wide ones, and what people do not see.
CHARACTERS = "abc de,f\"'<&>{}\\;|\t\n\n#*_éß中한🙂\u0301\u00a0\u200b\u202e"
WORDS = ("fox", "crow", "naïve", "“so”", "a", "the", "über", "5")
# Share of the documents, most of which pandoc writes and reads in a tenth of a second each.
SLOW_SHARE = 0.04


@dataclass(frozen=True)
class Corpus:
    """A file, and what must come out of it.

    Attributes:
        name: its name.
        data: its bytes.
        texts: the texts that it must give; None if it may be refused.
    """

    name: str
    data: bytes
    texts: list[str] | None


def random_corpus(source: random.Random) -> Corpus:
    """Return a file that is sound, damaged or hostile with equal probability."""
    kind = source.choice(("sound", "damaged", "hostile"))
    if kind == "hostile":
        name, data = source.choice(HOSTILE)(source)
        return Corpus(name, data, None)
    sound = _slow(source) if source.random() < SLOW_SHARE else _sound(source)
    if kind == "sound":
        return sound
    return Corpus(sound.name, _damaged(source, sound.data), None)


def _text(source: random.Random) -> str:
    return "".join(source.choices(CHARACTERS, k=source.randrange(1, 200))).strip("\n") or "a"


def _sound(source: random.Random) -> Corpus:
    texts = [_text(source) for _ in range(source.randrange(1, 6))]
    suffix = source.choice([*SEVERAL, *ONE])
    if suffix in SEVERAL:
        data = SEVERAL[suffix](texts)
    else:
        texts = ["\n".join(texts)]
        data = ONE[suffix](texts[0])
    pack = source.choice(("", "", "gz", "xz"))
    if pack and suffix in ("csv", "tsv", "jsonl", "txt", "tar"):
        return Corpus(f"a.{suffix}.{pack}", PACKERS[pack](data), texts)
    return Corpus(f"a.{suffix}", data, texts)


def _slow(source: random.Random) -> Corpus:
    """Return a PDF, or a document that pandoc writes. Spaces may change in both."""
    import pypandoc

    suffix = source.choice(("html", "epub", "docx", "odt", "rtf", "pdf"))
    text = "\n\n".join(" ".join(source.choices(WORDS, k=9)) for _ in range(source.randrange(1, 9)))
    if suffix == "pdf":
        letters = "".join(one for one in text if one == " " or (one.isascii() and one.isalpha()))
        return Corpus("a.pdf", pdf(letters), None)
    command = [pypandoc.get_pandoc_path(), "-f", "markdown", "-t", suffix, "-s", "-o", "-"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
    return Corpus(f"a.{suffix}", done.stdout, None)


def _damaged(source: random.Random, data: bytes) -> bytes:
    """Flip bits, cut, repeat, leave out or put in bytes, up to three times."""
    changed = bytearray(data)
    for _ in range(source.randrange(1, 4)):
        size = len(changed)
        begin = source.randrange(size) if size else 0
        end = min(begin + source.randrange(1, 60), size)
        match source.randrange(5):
            case 0 if size:
                changed[begin] ^= 1 << source.randrange(8)
            case 1:
                del changed[begin:]
            case 2:
                changed[begin:begin] = changed[begin:end] * source.randrange(1, 4)
            case 3:
                del changed[begin:end]
            case _:
                changed[begin:begin] = source.randbytes(source.randrange(1, 30))
    return bytes(changed)


ONE: dict[str, Callable[[str], bytes]] = {
    "txt": str.encode,
    "utf-8-sig.txt": lambda text: text.encode("utf-8-sig"),
    "utf-16.txt": lambda text: text.encode("utf-16"),
    "utf-32.txt": lambda text: text.encode("utf-32"),
    "gz": lambda text: gzip.compress(text.encode()),
    "bz2": lambda text: bz2.compress(text.encode()),
    "xz": lambda text: lzma.compress(text.encode()),
    "zst": lambda text: zstd.compress(text.encode()),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "xz": lzma.compress}


def _random_bytes(source: random.Random) -> tuple[str, bytes]:
    suffixes = ("txt", "csv", "json", "jsonl", "zip", "gz", "rtf", "pdf", "parquet", "")
    return f"a.{source.choice(suffixes)}", source.randbytes(source.randrange(400))


def _signature_alone(source: random.Random) -> tuple[str, bytes]:
    """Return random bytes after the first bytes of some format."""
    starts = (
        b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PK\x05\x06",
        b"%PDF-1.4\n", b"{\\rtf1", b"PAR1", b"\xff\xfe", b"\xff\xfe\0\0", b"\xef\xbb\xbf",
    )  # fmt: skip
    return "a", source.choice(starts) + source.randbytes(source.randrange(300))


def _bomb(source: random.Random) -> tuple[str, bytes]:
    data = b"a" * source.choice((10**6, 10**7))
    return source.choice(
        (
            ("a.gz", gzip.compress(data)),
            ("a.bz2", bz2.compress(data)),
            ("a.xz", lzma.compress(data)),
        )
    )


def _evil_names(source: random.Random) -> tuple[str, bytes]:
    names = ("../{}", "/etc/{}", "a/../../{}", "C:\\{}", "..\\{}", "a\n{}", "\x1b[2J{}", "ü{}.txt")
    name = source.choice(names).format
    if source.random() < 0.5:
        return "a.zip", zipped(["evil", "words"], name)
    kinds = (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
    return "a.tar", tarred(["evil", "words"], name, source.choice(kinds))


def _nested(source: random.Random) -> tuple[str, bytes]:
    """Return archives in archives, or a file that is compressed again and again."""
    data = zipped(["words"])
    for _ in range(source.randrange(1, 60)):
        data = gzip.compress(data, 1)
    if source.random() < 0.5:
        return "a.gz", data
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("b.gz", data)
    return "a.zip", buffer.getvalue()


def _deep(source: random.Random) -> tuple[str, bytes]:
    depth = source.choice((10, 1000, 100_000))
    return source.choice(
        (
            ("a.json", b"[" * depth),
            ("a.json", b'{"a":' * depth),
            ("a.jsonl", b"[" * depth + b"]" * depth),
            ("a.json", b"[" + b"9" * depth + b"]"),
            ("a.rtf", b"{\\rtf1 " + b"{" * depth),
            ("a.csv", b"," * depth + b"\n" + b"x," * depth),
            ("a.csv", b'a,text\n1,"' + b"x" * depth),
            ("a.tsv", b"\t\n" * depth),
        )
    )


def _wrong_sizes(source: random.Random) -> tuple[str, bytes]:
    """Return an archive whose numbers do not fit its content."""
    data = bytearray(source.choice((zipped, tarred))(["words " * 50, "more"]))
    for _ in range(3):
        begin = source.randrange(len(data) - 4)
        data[begin : begin + 4] = source.choice((b"\xff" * 4, bytes(4), b"7777", b"\0\0\0\x80"))
    return source.choice(("a.zip", "a.tar", "a")), bytes(data)


def _odd_records(source: random.Random) -> tuple[str, bytes]:
    values: list[Any] = [None, 3, 1e999, True, [], {}, "", "\ud800", "\0", "text", {"text": "x"}]
    rows = [{source.choice(("text", "a", "")): source.choice(values)} for _ in range(9)]
    if source.random() < 0.5:
        return "a.json", json.dumps(rows).encode()
    return "a.jsonl", "\n".join(map(json.dumps, rows)).encode()


HOSTILE = (
    _random_bytes,
    _signature_alone,
    _bomb,
    _evil_names,
    _nested,
    _deep,
    _wrong_sizes,
    _odd_records,
)
