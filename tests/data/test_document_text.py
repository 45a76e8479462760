from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.data.document_text import document_chunks
from textgen.data.documents import document_spans
from textgen.data.formats import decoding
from textgen.data.gather import gather
from textgen.data.read_report import ReadReport
from textgen.data.source_rules import SourceRules
from textgen.data.text_rules import DocumentUnit
from textgen.data.vocabulary import END

TEXTS = st.lists(st.text("ab \n", min_size=1, max_size=30), min_size=1, max_size=4)
UNITS = st.sampled_from(["file", "line", "paragraph"])


@pytest.mark.slow
@given(TEXTS, UNITS, st.sampled_from([1, 2, 5, 2**20]))
def test_documents_are_cut_as_for_training(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], unit: DocumentUnit, size: int
) -> None:
    folder = tmp_path_factory.mktemp("texts")
    paths = [folder / f"{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "CHUNK_BYTES", size)
        chunks = document_chunks(paths, SourceRules(), unit, ReadReport())
        found = "".join(text for _, text in chunks)
    gathered = gather(paths, SourceRules(), folder / "ids")
    whole = "".join(gathered.characters[number] for number in gathered.ids().tolist())
    spans = document_spans(gathered, unit).tolist()
    assert found == "".join(whole[begin:end] + END for begin, end in spans)


def test_rows_are_documents(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,tweet\n1,one\n2,"two\nlines"\n')
    for unit, wanted in (
        ("row", f"one{END}two\nlines{END}"),
        ("file", f"one\ntwo\nlines{END}"),
        ("line", f"one{END}two{END}lines{END}"),
    ):
        chunks = document_chunks([path], SourceRules(), unit, ReadReport())  # type: ignore[arg-type]
        assert "".join(text for _, text in chunks) == wanted
