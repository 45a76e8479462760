"""The picture of `--output`: it is checked before the work, and saved after it."""

from pathlib import Path
from typing import TYPE_CHECKING

from textgen.terminal.display.progress_line import ProgressLine
from textgen.terminal.output import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_output(path: Path | None) -> None:
    """Refuse a path that cannot become a picture, before any work is done.

    Args:
        path: as given with `--output`; None if it was not given.

    Raises:
        TextgenError: as `check_picture` does.
    """
    if path is not None:
        from textgen.pictures.save import check_picture

        check_picture(path)


def save_output(path: Path, figure: "Figure", *, quiet: bool) -> None:
    """Save a picture and say so.

    Raises:
        StorageError: if it cannot be written.
    """
    from textgen.pictures.save import save_picture

    with ProgressLine(quiet=quiet) as line:
        line.show("drawing the picture")
        save_picture(path, figure)
    if not quiet:
        say(f"saved the picture {path}")
