"""The shipped texts are found from a wheel as well as from a checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from textgen import __version__
from textgen.data.shipped import TEXTS, shipped_corpus

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)],
        check=True,
    )
    (found,) = folder.glob("textgen_lstm-*.whl")
    return found


@pytest.mark.slow
def test_a_wheel_holds_the_package_and_the_texts_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "textgen/py.typed" in names
    for name in TEXTS:
        assert f"textgen/corpora/{shipped_corpus(name).name}" in names
    entry_points = f"textgen_lstm-{__version__}.dist-info/entry_points.txt"
    assert (
        "[llm]\ntextgen = textgen.llm_plugin" in zipfile.ZipFile(wheel).read(entry_points).decode()
    )
    roots = {name.split("/")[0] for name in names}
    assert roots == {"textgen", f"textgen_lstm-{__version__}.dist-info"}


@pytest.mark.slow
def test_the_package_of_a_wheel_trains_on_its_own_fables(wheel: Path, tmp_path: Path) -> None:
    # Unpacked, and put before everything else: the checkout is out of reach.
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, 'site')\n"
        "import textgen; assert textgen.__file__.startswith(sys.argv[1]), textgen.__file__\n"
        "from textgen.terminal.cli import run_command\n"
        "sys.exit(run_command('train --steps 2 --hidden-size 4 --num-layers 1'.split()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "226,744 characters" in done.stderr
    assert (tmp_path / "checkpoints" / "fables" / "run.json").is_file()
