import os
import subprocess
import sys
from pathlib import Path

import pytest

from textgen.pictures.style import PALETTE, colour_of, marker_of, own_style

# What draws and saves a picture in a process of its own.
DRAW = """
import sys
from pathlib import Path
from textgen.pictures.curves import draw_curves
from textgen.pictures.save import check_picture, save_picture
from textgen.evaluation.curves import Curve
for name in sys.argv[1:]:
    check_picture(Path(name))
    losses = (4.0, 2.0, 1.5)
    curve = Curve(run="a", x=(1.0, 2.0, 3.0), training=losses, validation=losses, best=None)
    save_picture(Path(name), draw_curves([curve], [], "steps"))
"""


def draw(folder: Path, **environment: str) -> tuple[bytes, bytes]:
    done = subprocess.run(
        [sys.executable, "-c", DRAW, "a.png", "a.svg"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return (folder / "a.png").read_bytes(), (folder / "a.svg").read_bytes()


@pytest.mark.slow
def test_settings_of_the_user_change_no_picture(tmp_path: Path) -> None:
    plain = draw(tmp_path)
    configured, here = tmp_path / "configured", tmp_path / "here"
    settings = "savefig.dpi: 20\nlines.linewidth: 9\nsvg.fonttype: none\nfont.size: 40\n"
    for folder in (configured, here):
        folder.mkdir()
        (folder / "matplotlibrc").write_text(settings + "axes.facecolor: red\n")
    assert draw(here) == plain
    assert draw(configured, MPLCONFIGDIR=str(configured), MPLBACKEND="none such") == plain
    # Not even a file that cannot be read as settings is a reason to fail, or to say something.
    (here / "matplotlibrc").write_bytes(b"nonsense: 1\n\xff\xfe")
    assert draw(here, MATPLOTLIBRC=str(here)) == plain


def test_the_settings_of_a_program_that_uses_textgen_return() -> None:
    import matplotlib

    with matplotlib.rc_context({"font.size": 33}):
        with own_style():
            assert matplotlib.rcParams["font.size"] == 14
            assert matplotlib.rcParams["text.parse_math"] is False
        assert matplotlib.rcParams["font.size"] == 33


def test_ten_curves_can_be_told_apart() -> None:
    looks = {(colour_of(number), marker_of(number)) for number in range(10)}
    assert len(looks) == 10
    assert len(set(PALETTE)) == len(PALETTE)
    assert marker_of(0) == ""


@pytest.mark.slow
def test_no_file_of_the_current_folder_is_waited_for_or_run(tmp_path: Path) -> None:
    plain, here = draw(tmp_path), tmp_path / "here"
    here.mkdir()
    os.mkfifo(here / "matplotlibrc")
    (here / "matplotlib").mkdir()
    assert draw(here, MATPLOTLIBRC="matplotlibrc") == plain
    (here / "matplotlibrc").unlink()
    (here / "matplotlibrc").write_text("text.usetex: True\nbackend: module://pwned\n")
    (here / "pwned.py").write_text("raise SystemExit(77)\n")
    assert draw(here, MATPLOTLIBRC=str(here), MPLCONFIGDIR=str(here)) == plain
