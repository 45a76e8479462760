import pytest

from textgen.errors import SettingError
from textgen.python.given_text import check_text, file_of


def test_a_text_is_a_file_as_long_as_the_context_lasts() -> None:
    text = "one\r\ntwo \u4e2d\n"
    with file_of(text) as path:
        assert path.read_bytes().decode() == text
    assert not path.exists()
    assert not path.parent.exists()


def test_what_no_file_can_hold_is_refused() -> None:
    check_text("\U0001f98a")
    with pytest.raises(SettingError, match=r"halves of surrogate pairs, got '.ud83e'"):
        check_text("a\ud83e")
    with pytest.raises(SettingError, match="text must be a text, got b'a'"):
        check_text(b"a")
