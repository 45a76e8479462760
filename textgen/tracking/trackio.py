"""Log a training to trackio, which keeps it on this machine unless it is told otherwise."""

from collections.abc import Mapping

import trackio

from textgen.tracking.trackers import LoggedRun

PROJECT = "textgen"


class Trackio:
    """Writes to the project `textgen` of trackio; `trackio show --project textgen` shows it."""

    name = "trackio"
    is_in_folder = False

    def begin(self, run: LoggedRun) -> None:
        """Open the log of the run's name; a new run gets a new log."""
        self._run = trackio.init(
            project=PROJECT,
            name=run.name,
            config={name: value for name, value in run.settings.items() if value is not None},
            resume="allow" if run.is_known else "never",
            embed=False,
        )

    def log(self, step: int, scalars: Mapping[str, float], sample: str | None) -> None:
        """Write a row."""
        text = {} if sample is None else {"sample": sample}
        self._run.log({**scalars, **text}, step=step)

    def go_back(self, step: int) -> bool:
        """Return False: what was logged stays, and its steps are not logged again."""
        return False

    def end(self) -> None:
        """Wait until everything is written."""
        # The method of the run would leave it to be finished again when Python exits.
        trackio.finish()
