"""The advice on how to install an extra names what works here."""

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from textgen.extras import install_command, missing_extra

Pretend = Callable[[dict[str, object] | None], None]


@pytest.fixture
def installed_from(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Make the installation look as if it came from somewhere else; None is a package index."""

    def pretend(origin: dict[str, object] | None) -> None:
        class Distribution:
            def read_text(self, name: str) -> str | None:
                assert name == "direct_url.json"
                return None if origin is None else json.dumps(origin)

        monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Distribution())

    return pretend


def checkout(folder: Path) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text("")
    return folder


def test_a_package_of_an_index_or_a_wheel_is_named(installed_from: Pretend) -> None:
    wheel = {"url": "file:///downloads/textgen_lstm-1-py3-none-any.whl", "archive_info": {}}
    for origin in (None, wheel):
        installed_from(origin)
        assert install_command("plot") == "pip install 'textgen-lstm[plot]'"


def test_a_checkout_is_named_by_its_path_or_by_a_dot_in_it(
    installed_from: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = checkout(tmp_path / "my textgen")
    installed_from({"url": folder.as_uri(), "dir_info": {"editable": True}})
    assert install_command("plot") == f"pip install -e '{folder}[plot]'"
    monkeypatch.chdir(folder)
    assert install_command("plot") == "pip install -e '.[plot]'"
    installed_from({"url": folder.as_uri(), "dir_info": {}})
    assert install_command("cuda12") == "pip install '.[cuda12]'"
    (folder / "pyproject.toml").unlink()
    assert install_command("plot") == "pip install 'textgen-lstm[plot]'"


def test_a_package_that_is_not_installed_is_named_by_its_checkout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def not_found(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", not_found)
    root = Path(__file__).parents[1]
    assert install_command("plot") == f"pip install -e '{root}[plot]'"


def test_the_advice_says_what_the_extra_is_for() -> None:
    error = missing_extra("a picture", "plot", ImportError("No module named 'matplotlib'"))
    told = "a picture needs the extra plot (No module named 'matplotlib'); install it: pip install "
    assert str(error).startswith(told)
