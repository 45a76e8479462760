"""Log a training to Weights & Biases. Its own variables, such as WANDB_MODE, are heeded."""

import html
import os
from collections.abc import Mapping

import wandb

from textgen.tracking.trackers import LoggedRun

PROJECT = "textgen"


class WeightsAndBiases:
    """Writes to the project `textgen` of wandb, or to that of WANDB_PROJECT."""

    name = "wandb"
    is_in_folder = False

    def begin(self, run: LoggedRun) -> None:
        """Open the log with the identity of the run."""
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.name,
            id=run.identity,
            config=dict(run.settings),
            resume="allow",
            # It would put itself between the command and its terminal.
            settings=wandb.Settings(console="off"),
        )

    def log(self, step: int, scalars: Mapping[str, float], sample: str | None) -> None:
        """Write a row."""
        text = {}
        if sample is not None:
            text["sample"] = wandb.Html(f"<pre>{html.escape(sample)}</pre>", inject=False)
        self._run.log({**scalars, **text}, step=step)

    def go_back(self, step: int) -> bool:
        """Return False: what was logged stays, and its steps are not logged again."""
        return False

    def end(self) -> None:
        """Wait until everything is written."""
        self._run.finish()
