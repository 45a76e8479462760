"""Whatever bytes a file holds, it is read as it is or refused in one line."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textgen.data.formats.decoding import encoding_of_mark
from textgen.data.prepare import prepare_text
from textgen.data.source_rules import SourceRules
from textgen.data.text_rules import TextRules
from textgen.data.tokens import open_tokens
from textgen.errors import CorpusError

MARKS = [b"\xef\xbb\xbf", b"\r\n", b"\r", b"\0", b"\n", b"\t", b"\x1b[2J", b"\xe2\x80\xae"]
WRONG = [b"\xff\xfe", b"\xed\xa0\x80", b"\x1f\x8b\x08", b"\xc3", b"\xf5\x80\x80\x80"]
GOOD = st.one_of(st.text().map(str.encode), st.sampled_from(MARKS))
# The last tenth is held out, so that the ids are in the order of the text.
RULES = TextRules(source=SourceRules(format="text", normalization="none"), fits_text=False)
UNHURRIED = settings(
    deadline=None,
    database=None,
    derandomize=True,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@UNHURRIED
@given(st.lists(GOOD, min_size=3), st.integers(1, 40))
def test_every_character_of_valid_text_is_kept(
    tmp_path: Path, parts: list[bytes], times: int
) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"".join(parts) * times)
    whole = path.read_bytes().decode().replace("\ufeff", "")
    for end in ("\r\r\n", "\r\n", "\r"):
        whole = whole.replace(end, "\n")
    try:
        made = prepare_text([path], RULES, tmp_path / "tokens")
    except CorpusError:
        assert len(whole) < 100 or "\0" in whole
        return
    count = made.training_ids + made.validation_ids
    tokens = open_tokens(tmp_path / "tokens", count, len(made.vocabulary), made.tokens_sha256)
    assert made.vocabulary.decode(tokens) == whole


@UNHURRIED
@given(st.lists(st.one_of(GOOD, st.sampled_from(WRONG), st.binary(max_size=60))))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path: Path, parts: list[bytes]) -> None:
    path = tmp_path / "odd.txt"
    path.write_bytes(b"".join(parts) * 30)
    try:
        made = prepare_text([path], RULES, tmp_path / "tokens")
        valid = True
    except CorpusError as error:
        valid = False
        message = str(error)
    if valid:
        assert made.training_characters + made.validation_characters >= 100
        if encoding_of_mark(path.read_bytes()) in (None, "utf-8-sig"):
            path.read_bytes().decode()
    else:
        assert "odd.txt" in message
        assert "\n" not in message
