import stat

from textgen.terminal.repl.external_editor import text_to_edit


def test_a_text_to_edit_is_private_and_goes_away() -> None:
    with text_to_edit("one\ntwo") as path:
        assert path.read_text() == "one\ntwo\n"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.parent.exists()
    with text_to_edit("") as path:
        assert path.read_bytes() == b""
