"""What a run is, in numbers and words that JSON can hold."""

import math
from typing import Any

from textgen.errors import RunError
from textgen.network.parameters import parameter_count
from textgen.runs.run import Run


def summarise(run: Run) -> dict[str, Any]:
    """Describe a run: its text, network and plan, how far it came and how good it got.

    A run that is damaged is described by its name and the problem alone.

    Returns:
        A dictionary; losses are in bits per character.
    """
    summary: dict[str, Any] = {"name": run.name, "path": str(run.path)}
    try:
        record = run.record()
        steps = run.steps()
        losses = run.validation_losses()
        rows = run.metrics()
        progress = run.progress()
        best = run.best_step() if steps else None
    except RunError as error:
        return summary | {"problem": str(error)}
    waited, rollbacks = progress.get("waited"), progress.get("rollbacks")
    step, last = (steps[-1] if steps else 0), record.plan.last_step
    return summary | {
        "created": record.created,
        "corpus": {
            "origin": list(record.corpus.origin),
            "sha256": record.corpus.sha256,
            "characters": record.corpus.characters,
            "distinct_characters": len(record.config.vocabulary) - 1,
        },
        "model": {
            **record.config.settings.to_json(),
            "parameters": parameter_count(record.config.settings),
        },
        "plan": record.plan.to_json(),
        "step": step,
        "steps": last,
        "finished": record.plan.is_over(step, waited if isinstance(waited, int) else 0),
        "rollbacks": len(rollbacks) if isinstance(rollbacks, list) else 0,
        "checkpoints": steps,
        "best_step": best,
        "best_bits_per_character": losses[best] / math.log(2) if best in losses else None,
        "seconds": rows[-1].get("seconds", 0.0) if rows else 0.0,
        "characters_per_second": rows[-1].get("characters_per_second") if rows else None,
        "versions": dict(record.versions),
    }
