import subprocess
import sys
from pathlib import Path

import pypandoc
import pytest
from text_writers import pdf

from textgen.data.formats.office import document_text
from textgen.errors import CorpusError

PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"
    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PAGE = f"""<!doctype html><title>T</title><script>alert(1)</script>
<h1>The Fox</h1><p>A fox <em>saw</em> a <a href="x">crow</a> &amp; said “hi”.</p>
<p><img src="{PICTURE}" alt="a picture">The end.</p>"""


def converted(kind: str, path: Path) -> bytes:
    """Return the page as another kind of document, which pandoc writes."""
    target = path / f"t.{kind}"
    command = [pypandoc.get_pandoc_path(), "-f", "html", "-o", str(target), "--quiet"]
    subprocess.run(command, input=PAGE.encode(), check=True, cwd=path)
    return target.read_bytes()


@pytest.mark.parametrize("kind", ["html", "epub", "docx", "odt"])
def test_a_document_gives_its_words_without_its_markup(kind: str, tmp_path: Path) -> None:
    data = PAGE.encode() if kind == "html" else converted(kind, tmp_path)
    text = document_text(data, kind, "t")
    assert "The Fox\n\nA fox saw a crow & said “hi”.\n" in text
    assert "The end." in text
    assert "alert" not in text
    assert "picture" not in text


@pytest.mark.parametrize("kind", ["epub", "docx", "odt", "pdf"])
def test_a_damaged_document_is_one_error(kind: str) -> None:
    with pytest.raises(CorpusError, match="damaged"):
        document_text(b"PK\x03\x04 no document %PDF-1.4", kind, "t")


def test_rtf_gives_its_text_as_word_and_textedit_write_it() -> None:
    data = rb"{\rtf1\ansi\ansicpg1252 na\u239?ve caf\'e9 \ldblquote x\rdblquote\par second\par}"
    assert document_text(data, "rtf", "t").strip() == "naïve café “x”\nsecond"


def test_pdf_gives_its_text() -> None:
    assert document_text(pdf("A fox saw a crow."), "pdf", "t").strip() == "A fox saw a crow."


def test_nothing_but_the_error_is_printed_of_a_damaged_pdf() -> None:
    code = (
        "from textgen.data.formats.office import document_text\n"
        "try: document_text(b'%PDF-1.4 cut short', 'pdf', 't')\n"
        "except Exception as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("corpus 't': the PDF is damaged\n", "")


def test_an_encrypted_pdf_is_named() -> None:
    import io

    import pypdf

    writer = pypdf.PdfWriter(pypdf.PdfReader(io.BytesIO(pdf("secret"))))
    writer.encrypt("password", algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    with pytest.raises(CorpusError, match="encrypted"):
        document_text(buffer.getvalue(), "pdf", "t")


def test_a_page_cannot_read_other_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden words")
    page = f'<iframe src="{secret}"></iframe><object data="file://{secret}"></object><p>x</p>'
    assert "hidden" not in document_text(page.encode(), "html", "t")
