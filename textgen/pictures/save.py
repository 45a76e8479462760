"""Saving a drawing. Matplotlib, of the extra `plot`, is imported only when it is needed."""

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from textgen.errors import SettingError, StorageError, UsageError
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
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"cannot import matplotlib, which a picture needs ({error}); "
            "install it: pip install 'textgen-lstm[plot]'"
        ) from error


def save_picture(path: Path, figure: "Figure") -> None:
    """Write a drawing, whole or not at all, in the format that the name of the file gives.

    Raises:
        StorageError: if it cannot be written.
    """
    # The metadata and the hash salt make the same drawing give the same bytes.
    import matplotlib

    kind, data = path.suffix.lower()[1:], io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": "textgen"}), warnings.catch_warnings():
        # A character that the font does not have is drawn as a box, without a warning.
        warnings.filterwarnings("ignore", "Glyph")
        figure.savefig(data, format=kind, dpi=150, metadata=metadata, bbox_inches="tight")
    replace_file(path, data.getvalue())
