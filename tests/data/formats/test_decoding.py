import codecs
import io
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.data.formats import decoding as module
from textgen.data.formats.decoding import Findings, check_encoding, decode, looks_binary
from textgen.errors import CorpusError, UsageError


def read(data: bytes, findings: Findings | None = None, **options: str) -> str:
    return "".join(decode(io.BytesIO(data), "t.txt", findings or Findings(), **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 2**20])
def test_line_ends_become_line_feeds_whatever_the_size_of_a_chunk(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", size)
    findings = Findings()
    raw = "\ufeffa\r\nb\rc\r\r\nd\u00e9\u20ac\U0001f600\r\n\ufeffe\n\nf\r\rg\r"
    text = read(raw.encode(), findings)
    assert text == "a\nb\nc\nd\u00e9\u20ac\U0001f600\ne\n\nf\n\ng\n"
    assert (findings.marks, findings.double_returns) == (1, 1)


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_decides_and_is_not_part_of_the_text(mark: bytes, encoding: str) -> None:
    assert read(mark + "naïve 中文".encode(encoding)) == "naïve 中文"


@pytest.mark.parametrize("size", [1, 4, 2**20])
def test_bytes_that_are_not_utf8_are_named_with_a_proposal(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", size)
    with pytest.raises(CorpusError, match=r"t\.txt.*not UTF-8 at line 3, byte 8"):
        read("é\nab\nc".encode() + b"\xe9 d\n")


def test_the_proposal_shows_the_offending_line_as_it_would_read() -> None:
    text = "Bonjour à tous, voilà le début.\nÇa va très bien, merci.\n"
    with pytest.raises(CorpusError) as caught:
        read(b"first\n" + text.encode("cp1252"))
    assert "it looks like cp1252: 'Bonjour à tous" in str(caught.value)
    assert str(caught.value).endswith("to read it so: --encoding cp1252")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Ça va\n", "cp1252"),
        ("Ça va très bien, merci.\n", "cp1252"),
        ("Der Fuchs läuft über die Straße.\n", "cp1252"),
        ("naïve café\n", "cp1252"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy.\n", "cp1250"),
        ("我是一只猫。\n", "gb18030"),
        ("나는 고양이로소이다.\n", "euc-kr"),
        ("Я кот и живу дома.\n", "cp1251"),
    ],
)
def test_the_most_common_encoding_that_fits_is_proposed(text: str, encoding: str) -> None:
    with pytest.raises(CorpusError, match=f"it looks like {encoding}: '{text[:5]}"):
        read(text.encode(encoding) * 8)


def test_an_encoding_that_is_named_or_guessed_is_used() -> None:
    text = "Ça va très bien, voilà le début.\n" * 3
    assert read(text.encode("cp1252"), encoding="cp1252") == text
    assert read(text.encode("cp1252"), encoding="guess") == text
    assert read(text.encode(), encoding="guess") == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_its_mark_is_proposed_and_never_read_as_nuls(encoding: str) -> None:
    data = "plain words\nand more\n".encode(encoding)
    with pytest.raises(CorpusError, match=f"looks like {encoding}: 'plain words'.*--encoding"):
        read(data)
    assert read(data, encoding=encoding) == "plain words\nand more\n"


def test_a_nul_is_refused_with_its_line() -> None:
    with pytest.raises(CorpusError, match="NUL character in line 2"):
        read(b"one\ntwo\0three, and so on\n")


@pytest.mark.slow
@given(
    st.text(st.characters(exclude_characters="\0\r\ufeff", exclude_categories=["Cs"])),
    st.integers(1, 9),
    st.sampled_from(["nfc", "nfkc"]),
)
def test_chunks_are_normalised_as_the_whole_text_is(text: str, size: int, form: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_BYTES", size)
        got = read(text.encode(), normalization=form)
    assert got == unicodedata.normalize(form.upper(), text)


def test_hangul_and_accents_in_pieces_are_composed_across_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 3)
    findings = Findings()
    decomposed = unicodedata.normalize("NFD", "한국 café が")
    assert read(decomposed.encode(), findings, normalization="nfc") == "한국 café が"
    assert findings.is_normalized


def test_a_text_in_the_right_form_counts_as_unchanged() -> None:
    findings = Findings()
    assert read("한국 café".encode(), findings, normalization="nfc") == "한국 café"
    assert not findings.is_normalized


@pytest.mark.parametrize("name", ["utf8", "cp1252", "latin-1", "utf-16", "gb18030", "guess"])
def test_encodings_of_text_are_known(name: str) -> None:
    check_encoding(name)


@pytest.mark.parametrize("name", ["", "klingon", "rot13", "hex", "zlib", "base64"])
def test_other_encodings_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="encoding"):
        check_encoding(name)


def test_binary_data_is_called_so() -> None:
    binary = bytes(random.Random(1).randbytes(3000))
    assert looks_binary(binary)
    assert looks_binary(binary.replace(b"\0", b"x"))
    with pytest.raises(CorpusError, match=r"not UTF-8 at line 1, byte .*; it looks binary, so it"):
        list(decode(io.BytesIO(binary), "a", Findings()))
    for text in ("\x1b[31mred\x1b[0m\n" * 9, "caf\u00e9 \x01" + "a" * 60, ""):
        assert not looks_binary(text.encode())
        assert not looks_binary(text.encode("utf-16"))
    assert not looks_binary("Gr\u00fc\u00dfe\x1a".encode("cp1252"))
