"""Texts come out of a file of each format as the usual writer of the format put them in."""

import bz2
import gzip
import json
import lzma
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pypandoc
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from text_writers import SEVERAL, tarred

from textgen.data.formats import decoding
from textgen.data.prepare import prepare_text
from textgen.data.read_report import ReadReport
from textgen.data.source_rules import SourceRules
from textgen.data.sources import read_sources
from textgen.data.text_rules import DocumentUnit, TextRules
from textgen.data.tokens import open_tokens
from textgen.data.vocabulary import END

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Files with control characters are passed over in archives, where nobody has named them. Half a
# character and a byte order mark are no text.
CHARACTERS = st.characters(exclude_characters="\ufeff", exclude_categories=["Cs", "Cc"])
TEXTS = st.lists(st.text(CHARACTERS | st.sampled_from("\n\t"), min_size=1), min_size=1, max_size=4)
WORDS = st.lists(st.text("abcdefäß", min_size=1, max_size=9), min_size=1, max_size=9)
PARAGRAPHS = st.lists(WORDS.map(" ".join), min_size=1, max_size=4)


# Writers of files with several texts, by the end of the name.
EVERY: dict[str, Callable[[list[str]], bytes]] = SEVERAL | {
    "tar.gz": lambda texts: gzip.compress(tarred(texts)),
    "tar.zst": lambda texts: zstd.compress(tarred(texts)),
    "jsonl.xz": lambda texts: lzma.compress(SEVERAL["jsonl"](texts)),
}
# Writers of files with one text.
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
THOROUGH = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50
)


def read(path: Path) -> list[str]:
    """Return the texts of a file: its records, or the files inside it."""
    texts = [""]
    for _, pieces in read_sources([path], SourceRules(normalization="none"), ReadReport()):
        for piece in pieces:
            texts[-1] += piece.text
            texts += [""] * piece.is_end
    return texts[:-1]


@pytest.mark.parametrize("suffix", EVERY)
@THOROUGH
@given(texts=TEXTS, size=st.sampled_from([8, 11, 2**20]))
def test_a_file_of_several_texts_gives_each_of_them(
    tmp_path: Path, suffix: str, texts: list[str], size: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(EVERY[suffix](texts))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "CHUNK_BYTES", size)
        assert read(path) == texts


@pytest.mark.parametrize("suffix", ONE)
@THOROUGH
@given(texts=TEXTS, size=st.sampled_from([8, 11, 2**20]))
def test_a_file_of_one_text_gives_it(
    tmp_path: Path, suffix: str, texts: list[str], size: int
) -> None:
    path, text = tmp_path / f"a.{suffix}", "\n".join(texts)
    path.write_bytes(ONE[suffix](text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "CHUNK_BYTES", size)
        assert read(path) == [text]


@pytest.mark.parametrize("kind", ["html", "epub", "docx", "odt", "rtf"])
@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=3
)
@example(paragraphs=["a first one & <more>", "naïve “quotes”", "5 * 5 * 5 is not 5_5_5"])
@given(paragraphs=PARAGRAPHS)
def test_a_document_that_pandoc_writes_gives_its_paragraphs(
    tmp_path: Path, kind: str, paragraphs: list[str]
) -> None:
    path = tmp_path / f"a.{kind}"
    # The text is given as a document of pandoc, in which nothing needs to be escaped.
    blocks = [
        {
            "t": "Para",
            "c": [
                one
                for word in paragraph.split(" ")
                for one in ({"t": "Space"}, {"t": "Str", "c": word})
            ][1:],
        }
        for paragraph in paragraphs
    ]
    document = {"pandoc-api-version": [1, 23], "meta": {}, "blocks": blocks}
    command = [pypandoc.get_pandoc_path(), "-f", "json", "-s", "-o", str(path), "--quiet"]
    subprocess.run(command, input=json.dumps(document).encode(), check=True)
    (text,) = read(path)
    assert [one for one in text.split("\n") if one.strip()] == paragraphs


# Texts of several lines and paragraphs, of which the documents of each unit are cut by hand.
FILES = st.lists(st.text("ab \n", min_size=1, max_size=40), min_size=4, max_size=9)


def by_hand(texts: list[str], unit: DocumentUnit) -> list[str]:
    """Return the documents of files, or of the records of a table."""
    if unit == "row":
        return texts
    if unit == "file":
        return [found for text in texts if (found := text.rstrip("\n"))]
    between = "\n\n+" if unit == "paragraph" else "\n+"
    parts = [part for text in texts for part in re.split(between, text.strip("\n"))]
    return [part for part in parts if part]


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["file", "line", "paragraph", "row"])
@THOROUGH
@given(texts=FILES, seed=st.integers(0, 9), share=st.floats(0.1, 0.5))
def test_the_documents_of_a_run_are_those_of_its_source(
    tmp_path: Path, unit: DocumentUnit, texts: list[str], seed: int, share: float
) -> None:
    # Every text is long enough to be trained on, and no two are equal.
    texts = [f"{number} {text}{'x' * 30}" for number, text in enumerate(texts)]
    suffix = "tsv" if unit == "row" else "zip"
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(EVERY[suffix](texts))
    rules = TextRules(documents=unit, seed=seed, validation=share)
    made = prepare_text([path], rules, tmp_path / "tokens")
    count = made.training_ids + made.validation_ids
    tokens = open_tokens(tmp_path / "tokens", count, len(made.vocabulary), made.tokens_sha256)
    text = made.vocabulary.decode(tokens[:])
    parts = [text[: made.training_ids], text[made.training_ids :]]
    # Each part begins with an end symbol, and each document has one after it.
    assert all(part[0] == part[-1] == END for part in parts)
    found = [document for part in parts for document in part[1:-1].split(END)]
    assert sorted(found) == sorted(by_hand(texts, unit))
    assert made.documents == len(found)
