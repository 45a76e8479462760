"""Names of several runs that write together: `a+b`, or with weights `a:0.7+b:0.3`."""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from textgen.errors import RunNotFoundError, SettingError, UsageError
from textgen.runs.library import existing_run, find_run, list_runs
from textgen.runs.names import runs_folder
from textgen.runs.run import Run

# Largest difference from 1 of the sum of weights that are all given, as of three times 0.333.
ROUNDED = 2e-3


class WeightedRun(NamedTuple):
    """A run, and the weight of its probabilities in (0, 1); None if none was given."""

    run: Run
    weight: float | None


def find_runs(name: str | None, further: Sequence[str] = ()) -> list[WeightedRun]:
    """Find the runs that a name stands for: one, or several that are joined by a plus.

    A run of the whole name takes precedence, and so does a longer name that holds a plus.

    Args:
        name: name or path of a run, or of several; None for the newest run.
        further: names of further runs, with or without weights.

    Raises:
        RunNotFoundError: if there is no such run.
        UsageError: if one run alone has a weight.
        SettingError: if a weight is not in (0, 1).
    """
    first = [WeightedRun(find_run(None), None)] if name is None else _joined(name, name)
    found = first + find_further(further)
    if len(found) == 1 and found[0].weight is not None:
        raise UsageError(f"{name!r} gives a weight to one run alone; mix two as in a:0.7+b:0.3")
    return found


def find_further(names: Sequence[str]) -> list[WeightedRun]:
    """Find the runs that are mixed with another one; see `find_runs`."""
    return [each for name in names for each in _joined(name, name)]


def _joined(name: str, whole: str) -> list[WeightedRun]:
    """Return the runs of a name, which is the end of a whole one."""
    parts = name.split("+")
    for end in range(len(parts), 0, -1):
        first = _weighted("+".join(parts[:end]))
        if first is not None:
            rest = parts[end:]
            return [first, *(_joined("+".join(rest), whole) if rest else [])]
    missing = _split_weight(parts[0])[0] or whole
    raise RunNotFoundError(missing, runs_folder(), [run.name for run in list_runs()])


def _weighted(text: str) -> WeightedRun | None:
    """Return the run of a name with or without a weight; None if there is no such run."""
    if not text:
        return None
    if (run := existing_run(text)) is not None:
        return WeightedRun(run, None)
    name, weight = _split_weight(text)
    if weight is None or (run := existing_run(name)) is None:
        return None
    if not 0 < weight < 1:
        raise SettingError("the weight of a run", text, "in (0, 1), as in other:0.3")
    return WeightedRun(run, weight)


def _split_weight(text: str) -> tuple[str, float | None]:
    found = re.fullmatch(r"(.+):\s*([-+]?[0-9]*[.,]?[0-9]+(?:e-?[0-9]+)?|nan|inf)", text, re.I)
    return (found[1], float(found[2].replace(",", "."))) if found else (text, None)


def full_weights(weights: Sequence[float | None]) -> tuple[float, ...]:
    """Return the weights of all runs, whose sum is 1. Those that are not given share the rest.

    >>> full_weights([None, 0.25])
    (0.75, 0.25)

    Raises:
        UsageError: if the sum of those that are given leaves nothing for the others, or is not 1.
    """
    given = [weight for weight in weights if weight is not None]
    total = math.fsum(given)
    missing = len(weights) - len(given)
    if missing and total >= 1:
        raise UsageError(
            f"the weights add up to {total:.4g}, which leaves nothing for the run without one; "
            "they must add up to less than 1"
        )
    if not missing and abs(total - 1) > ROUNDED:
        raise UsageError(
            f"the weights add up to {total:.4g}; they must add up to 1, or leave one of them out"
        )
    if not missing:
        return tuple(weight / total for weight in given)
    return tuple((1 - total) / missing if weight is None else weight for weight in weights)
