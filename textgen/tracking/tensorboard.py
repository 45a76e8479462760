"""Log a training to TensorBoard, through tensorboardX: event files in the folder of the run."""

from collections.abc import Mapping
from pathlib import Path

import tensorboardX
from tensorboardX.summary import hparams

from textgen.tracking.trackers import LoggedRun

FOLDER = "tensorboard"
# Name of the samples among the texts.
SAMPLES = "sample"


class TensorBoard:
    """Writes event files to RUN/tensorboard; `tensorboard --logdir checkpoints` shows all runs."""

    name = "tensorboard"
    is_in_folder = True

    def begin(self, run: LoggedRun) -> None:
        """Open a new event file beside those that are there, and write the settings once."""
        self._folder = run.folder / FOLDER
        self._open(None)
        if not run.is_known:
            values = {
                name: value if isinstance(value, bool | int | float | str) else str(value)
                for name, value in run.settings.items()
            }
            for summary in hparams(values, {"val/loss": 0.0}):
                self._writer.file_writer.add_summary(summary)
            self._writer.flush()

    def log(self, step: int, scalars: Mapping[str, float], sample: str | None) -> None:
        """Write a row, and let readers see it at once."""
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)
        if sample is not None:
            # Texts are shown as Markdown; indented lines are shown as they are.
            self._writer.add_text(SAMPLES, _indented(sample), step)
        self._writer.flush()

    def go_back(self, step: int) -> bool:
        """Begin a new event file, which says that the rows from the step on do not count."""
        self._writer.close()
        self._open(step)
        return True

    def end(self) -> None:
        """Close the event file."""
        self._writer.close()

    def _open(self, purge_step: int | None) -> None:
        # Two files that were begun within one second would have the same name.
        number = len([*Path(self._folder).glob("events.*")])
        self._writer = tensorboardX.SummaryWriter(
            str(self._folder), purge_step=purge_step, filename_suffix=f".{number}"
        )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))
