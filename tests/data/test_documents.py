from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.data import documents as module
from textgen.data.documents import document_spans
from textgen.data.gather import Gathered, gather
from textgen.data.source_rules import SourceRules
from textgen.data.text_rules import DocumentUnit

LINES = st.lists(st.text("ab c", max_size=6), min_size=1, max_size=12)


def gathered(folder: Path, *texts: str, name: str = "{}.txt") -> Gathered:
    paths = [folder / name.format(number) for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return gather(paths, SourceRules(), folder / "ids")


def documents(found: Gathered, unit: DocumentUnit) -> list[str]:
    text = "".join(found.characters[number] for number in found.ids().tolist())
    return [text[begin:end] for begin, end in document_spans(found, unit).tolist()]


@pytest.mark.slow
@given(st.lists(LINES, min_size=1, max_size=3), st.sampled_from([1, 2, 5, 2**20]))
def test_lines_and_paragraphs_are_those_of_the_texts(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[str]], at_once: int
) -> None:
    texts = [text for lines in files if (text := "\n".join(lines))]
    if not texts:
        return
    found = gathered(tmp_path_factory.mktemp("texts"), *texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_ONCE", at_once)
        lines = documents(found, "line")
        paragraphs = documents(found, "paragraph")
    assert lines == [line for text in texts for line in text.split("\n") if line]
    wanted = []
    for text in texts:
        group: list[str] = []
        for line in [*text.split("\n"), ""]:
            if line:
                group.append(line)
            elif group:
                wanted.append("\n".join(group))
                group = []
    assert paragraphs == wanted


def test_files_and_rows_are_documents_without_the_newlines_at_their_ends(tmp_path: Path) -> None:
    found = gathered(tmp_path, "a poem\nof two lines\n\n", "another\n")
    assert documents(found, "file") == ["a poem\nof two lines", "another"]
    table = gathered(tmp_path, 'id,tweet\n1,one\n2,"two\nlines"\n', name="{}.csv")
    assert documents(table, "row") == ["one", "two\nlines"]
    assert documents(table, "file") == ["one\ntwo\nlines"]
    assert documents(table, "whole") == ["one\ntwo\nlines"]
