import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from textgen.errors import SettingError, StorageError, UsageError
from textgen.pictures.save import check_picture, save_picture


def drawing() -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([1, 3, 2])
    return figure


@pytest.mark.parametrize(("name", "begin"), [("a.png", b"\x89PNG"), ("a.SVG", b"<?xml")])
def test_the_same_drawing_gives_the_same_bytes_in_the_format_of_its_name(
    tmp_path: Path, name: str, begin: bytes
) -> None:
    check_picture(tmp_path / name)
    written = []
    for _ in range(2):
        save_picture(tmp_path / name, drawing())
        written.append((tmp_path / name).read_bytes())
    assert written[0].startswith(begin)
    assert written[0] == written[1]
    assert len(list(tmp_path.iterdir())) == 1


def test_what_cannot_become_a_picture_is_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingError, match=r"\.png or \.svg, got 'a\.jpg'"):
        check_picture(Path("a.jpg"))
    with pytest.raises(StorageError, match=r"'nowhere'.*no such folder"):
        check_picture(Path("nowhere/a.png"))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"install it: pip install .*\[plot\]'$"):
        check_picture(Path("a.png"))


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no-such-folder"):
        save_picture(tmp_path / "no-such-folder" / "a.png", drawing())
