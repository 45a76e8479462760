import os
import socket
from pathlib import Path

import pytest

from textgen.errors import UsageError
from textgen.terminal.commands.configuration_file import NAME, read_tables, user_file


def test_a_file_is_read_with_the_lines_of_its_keys() -> None:
    Path(NAME).write_text(
        "# all commands\n"
        "quiet = true\n"
        "\n"
        "[train]  # a table\n"
        "minutes = 5\n"
        "  hidden_size=64\n"
        "\n"
        "[sample]\n"
        '"top-p" = 0.9\n'
        "sample.words = 1\n"
    )
    tables = {table.command: table for table in read_tables(None)}
    assert [*tables] == ["", "train", "sample"]
    assert tables["train"].values == {"minutes": 5, "hidden-size": 64}
    places = [
        tables[command].place(option)
        for command, option in (
            ("", "quiet"),
            ("train", ""),
            ("train", "minutes"),
            ("train", "hidden-size"),
            ("sample", "top-p"),
            ("sample", "unknown"),
        )
    ]
    assert places == [f"{NAME}, line {n}" for n in (2, 4, 5, 6, 9)] + [NAME]


def test_dotted_keys_name_a_command_and_an_option() -> None:
    Path(NAME).write_text("length = 3\nsample.length = 4\nsample.seed = 1\n")
    first, second = read_tables(None)
    assert (first.values, first.place("length")) == ({"length": 3}, f"{NAME}, line 1")
    assert second.values == {"length": 4, "seed": 1}
    assert second.place("seed") == f"{NAME}, line 3"


def test_the_file_here_comes_after_that_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path("home").absolute()))
    own = user_file()
    own.parent.mkdir(parents=True)
    own.write_text("length = 1\n")
    assert [(table.path, table.is_local) for table in read_tables(None)] == [(own, False)]
    Path(NAME).write_text("length = 2\n")
    assert [(table.path, table.is_local) for table in read_tables(None)] == [
        (own, False),
        (Path(NAME), True),
    ]
    Path("other.toml").write_text("length = 3\n")
    (named,) = read_tables(Path("other.toml"))
    assert (named.path, named.is_local, named.values) == (Path("other.toml"), False, {"length": 3})
    # In the folder of the user's own file, it is one file and the user's own.
    monkeypatch.chdir(own.parent)
    assert [table.is_local for table in read_tables(None)] == [False]


def test_a_relative_configuration_home_is_ignored() -> None:
    home = Path("~/.config/textgen/textgen.toml").expanduser()
    assert user_file({"XDG_CONFIG_HOME": "here"}) == home
    assert user_file({}) == home
    assert user_file({"XDG_CONFIG_HOME": "/x"}) == Path("/x/textgen/textgen.toml")


def test_no_file_is_no_table() -> None:
    assert read_tables(None) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = 1\nlength = \n", "textgen.toml, line 2: it is no TOML: Invalid value"),
        (b"[train\n", "textgen.toml, line 1: it is no TOML: Expected ']'"),
        (b"a = 1\na = 2\n", "it is no TOML: Cannot overwrite a value"),
        (b"a = [1,", "textgen.toml, line 1: it is no TOML"),
        (b"a = 1\n\xff\n", "textgen.toml, line 2: it is not UTF-8"),
        (b"#" * 2**20 + b"#", "is no file of at most 1,048,576 bytes"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(content: bytes, message: str) -> None:
    Path(NAME).write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_tables(None)
    assert message in str(caught.value)


def test_what_is_no_file_is_refused_at_once() -> None:
    os.mkfifo(NAME)
    with pytest.raises(UsageError, match="is no file"):
        read_tables(None)
    Path(NAME).unlink()
    Path(NAME).mkdir()
    with pytest.raises(UsageError, match="it is a folder, not a file"):
        read_tables(None)
    Path(NAME).rmdir()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(NAME)
    with listening, pytest.raises(UsageError, match="it is a socket or a device, not a file"):
        read_tables(None)


def test_a_named_file_must_be_there() -> None:
    with pytest.raises(UsageError, match=r"'none.toml': there is no such file or folder"):
        read_tables(Path("none.toml"))
