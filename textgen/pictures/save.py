"""Saving a drawing."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from textgen.errors import SettingError, StorageError
from textgen.extras import missing_extra
from textgen.pictures.style import load_matplotlib, own_style
from textgen.runs.files import replace_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg")


def check_picture(path: Path) -> None:
    """Refuse a path that cannot become a picture; call this before the work.

    Raises:
        SettingError: if the name of the file does not end in .png or .svg.
        StorageError: if the folder does not exist.
        UsageError: if matplotlib cannot be imported.
    """
    if path.suffix.lower() not in FORMATS:
        raise SettingError("output", str(path), f"a file in {' or '.join(FORMATS)}")
    if not path.absolute().parent.is_dir():
        raise StorageError(path.parent, "there is no such folder")
    try:
        load_matplotlib()
    except ImportError as error:
        raise missing_extra("a picture", "plot", error) from error


def save_picture(path: Path, figure: "Figure") -> None:
    """Write a drawing, whole or not at all, in the format that the name of the file gives.

    Raises:
        StorageError: if it cannot be written.
    """
    kind, data = path.suffix.lower()[1:], io.BytesIO()
    # Without the metadata, the same drawing gives the same bytes.
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with own_style():
        figure.savefig(data, format=kind, metadata=metadata)
    replace_file(path, data.getvalue())
