"""Summarise a run as a dictionary that JSON can hold."""

import math
from collections import defaultdict
from statistics import median
from typing import Any

import numpy as np

from textgen.errors import RunError
from textgen.network.cells import CELLS
from textgen.network.parameters import INNER_KERNELS, parameter_count, parameter_shapes
from textgen.runs.run import Run
from textgen.settings import ModelSettings, TrainingSettings


def summarise(run: Run) -> dict[str, Any]:
    """Summarise a run: its text, its network, its plan, its progress and its loss.

    The summary of a damaged run holds only its name, its path and the problem.

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
    speeds = [row["characters_per_second"] for row in rows if "characters_per_second" in row]
    step, last = (steps[-1] if steps else 0), record.plan.last_step
    return summary | {
        "created": record.created,
        "corpus": {
            "origin": list(record.corpus.origin),
            "sha256": record.corpus.sha256,
            "characters": record.corpus.characters,
            "training_characters": record.corpus.training_characters,
            "validation_characters": record.corpus.validation_characters,
            "kept": record.corpus.kept,
            "distinct_characters": len(record.config.vocabulary.alphabet),
            "alphabet": record.config.vocabulary.alphabet,
            "documents": record.corpus.documents,
            "files": record.corpus.files,
            "passed_over": [
                {"name": name, "reason": reason} for name, reason in record.corpus.passed_over
            ],
            "rules": record.corpus.rules.to_json(),
        },
        "labels": [field.to_json() for field in record.config.labels],
        "model": {
            **record.config.settings.to_json(),
            "parameters": parameter_count(record.config.settings),
        },
        "layers": _layers(record.config.settings),
        "memory": memory_needed(record.config.settings, record.plan),
        "bytes_on_disk": run.size(),
        "plan": record.plan.to_json(),
        "step": step,
        "steps": last,
        "finished": record.plan.is_over(step, waited if isinstance(waited, int) else 0),
        "rollbacks": len(rollbacks) if isinstance(rollbacks, list) else 0,
        "checkpoints": steps,
        "best_step": best,
        "best_bits_per_character": losses[best] / math.log(2) if best in losses else None,
        "seconds": rows[-1].get("seconds", 0.0) if rows else 0.0,
        "characters_per_second": median(speeds) if speeds else None,
        "evaluations": sum("validation_bits_per_character" in row for row in rows),
        "passes": step * record.plan.new_characters_per_step / record.corpus.training_ids,
        "versions": dict(record.versions),
        "measurement": record.is_measurement,
        "ancestry": [
            one.to_json() | {"first_bits_per_character": one.first_loss / math.log(2)}
            for one in record.ancestry
        ],
        "new_characters": record.new_characters,
    }


def _layers(settings: ModelSettings) -> list[dict[str, Any]]:
    """Return the name of each layer, the shapes of its arrays and the number of its parameters."""
    layers: dict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)
    for name, shape in parameter_shapes(settings).items():
        layer, _, part = name.rpartition(".")
        layers[layer or name][part if layer else "table"] = shape
    return [
        {
            "name": name,
            "shapes": {part: list(shape) for part, shape in shapes.items()},
            "parameters": sum(int(np.prod(shape)) for shape in shapes.values()),
        }
        for name, shapes in layers.items()
    ]


def memory_needed(settings: ModelSettings, plan: TrainingSettings) -> dict[str, int]:
    """Return the memory of the weights, of the state of one text and of training, in bytes.

    All are float32. Training holds four numbers per parameter (the parameter itself, its gradient
    and two moments), or three of those for which Muon has one mean, and the states of a batch.
    """
    members = len(CELLS[settings.cell].state_type._fields)
    state = 4 * members * settings.num_layers * settings.hidden_size
    weights = 4 * parameter_count(settings)
    shapes = parameter_shapes(settings).items() if plan.optimizer == "muon" else ()
    spared = 4 * sum(math.prod(shape) for name, shape in shapes if name.endswith(INNER_KERNELS))
    return {
        "weights": weights,
        "state": state,
        "training": 4 * weights - spared + plan.batch_size * state,
    }
