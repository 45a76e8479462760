"""The extras of textgen: packages that are installed only for what needs them."""

import json
import shlex
from pathlib import Path
from urllib.parse import unquote, urlsplit

from textgen.errors import UsageError

DISTRIBUTION = "textgen-lstm"


def missing_extra(need: str, extra: str, error: ImportError) -> UsageError:
    """Return an error that says what an extra is needed for, and how to install it here.

    Args:
        need: what needs the extra, such as `a picture`.
        extra: name of the extra in pyproject.toml.
        error: what the import of the extra's package raised.
    """
    command = install_command(extra)
    return UsageError(f"{need} needs the extra {extra} ({error}); install it: {command}")


def install_command(extra: str) -> str:
    """Return a command that adds an extra to this installation.

    A checkout is named by its path, or by `.` in it. A package from a wheel or an index is named.
    """
    # Only a missing extra needs these modules.
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        recorded = distribution(DISTRIBUTION).read_text("direct_url.json") or "{}"
    except PackageNotFoundError:  # the package was not installed, but is read where it lies
        return _of_folder(Path(__file__).parents[1], extra, is_editable=True)
    origin = json.loads(recorded)
    # PEP 610 gives the origin of a folder, an archive or a repository as a URL.
    folder = Path(unquote(urlsplit(origin.get("url", "")).path)) if "dir_info" in origin else None
    if folder is None:
        return _of_package(extra)
    return _of_folder(folder, extra, is_editable=origin["dir_info"].get("editable", False))


def _of_folder(folder: Path, extra: str, *, is_editable: bool) -> str:
    if not (folder / "pyproject.toml").is_file():
        return _of_package(extra)
    place = "." if folder.resolve() == Path.cwd() else str(folder)
    return f"pip install {'-e ' if is_editable else ''}{shlex.quote(f'{place}[{extra}]')}"


def _of_package(extra: str) -> str:
    return f"pip install '{DISTRIBUTION}[{extra}]'"
