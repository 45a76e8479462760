"""Find the units of a network that follow a feature of the text.

Thousands of pairs of a unit and a feature are tried, and some of them correlate by chance. So the
unit for each feature is chosen on the first half of the text. The correlation that is reported is
measured on the second half, which had no part in the choice.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.interpretation.features import FEATURES, Feature
from textgen.interpretation.gates import memory_of
from textgen.network.cells import CELLS
from textgen.network.inference import prepare_parameters, step_network
from textgen.network.parameters import Arrays
from textgen.runs.checkpoint import ModelConfig

# Number of streams into which each half is cut. All streams are read side by side.
STREAMS = 32
# Number of characters that each stream reads before the first one that is counted.
LEAD = 128
# A variance below this share of the mean square is rounding error.
ROUNDING = 1e-12


class Moments:
    """Sums over the characters of a text, from which correlations are computed.

    They take memory for F features times U units, however long the text is.
    """

    def __init__(self, num_features: int, num_units: int) -> None:
        self.count = 0
        self._x, self._xx = np.zeros((2, num_features))
        self._y, self._yy = np.zeros((2, num_units))
        self._xy = np.zeros((num_features, num_units))

    def add(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Add N characters.

        Args:
            x: features of the characters, float64 [N, F].
            y: memory of the units after the characters, float64 [N, U].
        """
        self.count += len(x)
        self._x += x.sum(axis=0)
        self._xx += (x * x).sum(axis=0)
        self._y += y.sum(axis=0)
        self._yy += (y * y).sum(axis=0)
        self._xy += x.T @ y

    def varies(self) -> NDArray[np.bool_]:
        """Return which features are not constant, bool [F]."""
        return _variance(self.count, self._x, self._xx) > 0

    def correlations(self) -> NDArray[np.float64]:
        """Return Pearson's r of every feature with every unit.

        Returns:
            float64 [F, U] in [-1, 1]; 0 where the feature or the unit is constant.
        """
        covariance = self.count * self._xy - np.outer(self._x, self._y)
        squares = np.outer(
            _variance(self.count, self._x, self._xx), _variance(self.count, self._y, self._yy)
        )
        r = np.divide(covariance, np.sqrt(squares), out=np.zeros_like(squares), where=squares > 0)
        return r.clip(-1, 1)


def _variance(
    count: int, total: NDArray[np.float64], squares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return count^2 times the variance, or exactly 0 where it is only rounding error."""
    variance = count * squares - total * total
    return np.where(variance > ROUNDING * count * squares, variance, 0.0)


class Finding(NamedTuple):
    """The unit that follows a feature best.

    Attributes:
        feature: the feature.
        layer: number of the unit's layer, counted from 1.
        unit: number of the unit in its layer, counted from 0.
        chosen: Pearson's r on the first half of the text, by which the unit was chosen.
        tested: Pearson's r on the second half of the text.
    """

    feature: Feature
    layer: int
    unit: int
    chosen: float
    tested: float


class Example(NamedTuple):
    """A part of the text that was read, and what a unit does there.

    Attributes:
        found: the feature and its unit.
        text: T characters.
        memory: memory of the unit after each character, float32 [T].
        values: the feature at each character, float64 [T].
    """

    found: Finding
    text: str
    memory: NDArray[np.float32]
    values: NDArray[np.float64]


def read_halves(
    config: ModelConfig,
    parameters: Arrays,
    tokens: NDArray[np.int32],
    values: NDArray[np.float64],
) -> Iterator[tuple[Moments, Moments]]:
    """Read a text and sum up the features of its characters and the memory of the units.

    The text is read as streams side by side. Each stream first reads the 128 characters before its
    own, or the start character and what follows it if there are fewer.

    Args:
        config: settings and vocabulary of the model.
        parameters: arrays by name, as in `textgen.network.parameters`.
        tokens: ids, int32 [T] with T at least 2.
        values: features of the characters, float64 [F, T].

    Yields:
        After each step the sums over the first and over the second half of the text, with the units
        of all layers side by side. The same two objects grow until the text has been read.
    """
    starts, ends, halves = _streams(len(tokens))
    settings = config.settings
    shape = (len(values), settings.num_layers * settings.hidden_size)
    moments = Moments(*shape), Moments(*shape)
    steps = _read_streams(config, parameters, tokens, starts, int(np.max(ends - starts)))
    for step, memory in enumerate(steps):
        positions = starts + step
        for number, half in enumerate(moments):
            rows = np.flatnonzero((halves == number) & (positions < ends))
            half.add(values[:, positions[rows]].T, memory[rows].astype(np.float64))
        yield moments


def read_memory(
    config: ModelConfig,
    parameters: Arrays,
    tokens: NDArray[np.int32],
    starts: Sequence[int],
    length: int,
) -> NDArray[np.float32]:
    """Return the memory of all units in some parts of a text, as `read_halves` reads them.

    Args:
        config: settings and vocabulary of the model.
        parameters: arrays by name, as in `textgen.network.parameters`.
        tokens: ids, int32 [T].
        starts: index of the first character of each of the S parts.
        length: number of characters of a part, at least 1.

    Returns:
        float32 [S, length, U], with the units of all layers side by side.
    """
    steps = _read_streams(config, parameters, tokens, np.array(starts), length)
    return np.stack(list(steps), axis=1)


def _read_streams(
    config: ModelConfig,
    parameters: Arrays,
    tokens: NDArray[np.int32],
    starts: NDArray[np.int64],
    length: int,
) -> Iterator[NDArray[np.float32]]:
    """Read S streams side by side; each first reads up to 128 characters before its own.

    Yields:
        For each of `length` steps the memory of the units of all layers, float32 [S, U].
    """
    settings = config.settings
    cell, prepared = CELLS[settings.cell], prepare_parameters(parameters)
    given = np.concatenate([config.vocabulary.encode_start(config.start), tokens])
    zero = cell.fill_state(np.zeros((len(starts), settings.hidden_size), np.float32))
    states = (zero,) * settings.num_layers
    for step in range(-LEAD, length):
        positions = starts + step
        begun = (positions >= 0)[:, None]
        if not begun.all():  # the start character, at position -1, is read from the zero state
            states = tuple(type(zero)(*(begun * member for member in state)) for state in states)
        read = given[np.clip(positions + 1, 0, len(tokens))]
        states = step_network(settings, prepared, read, states)
        if step >= 0:
            yield np.concatenate([memory_of(state) for state in states], axis=1)


def _streams(length: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cut both halves of a text of `length` characters into streams.

    Returns:
        For each stream the index of its first character, the index after its last one, and the
        number of its half, 0 or 1; each int64 [S].
    """
    middle, starts, ends, halves = length // 2, list[int](), list[int](), list[int]()
    for number, (begin, end) in enumerate(((0, middle), (middle, length))):
        size = -(-(end - begin) // STREAMS)
        for start in range(begin, end, size):
            starts.append(start)
            ends.append(min(start + size, end))
            halves.append(number)
    return np.array(starts), np.array(ends), np.array(halves)


def choose_units(
    first: Moments, second: Moments, hidden_size: int, features: Sequence[Feature] = FEATURES
) -> list[Finding | None]:
    """Choose the unit for each feature on one half of a text and test it on the other.

    Args:
        first: sums over the half to choose on.
        second: sums over the half to test on.
        hidden_size: number of units in a layer.
        features: the F features that were summed up.

    Returns:
        For each feature its finding; None if the feature is constant in one of the halves.
    """
    chosen, tested = first.correlations(), second.correlations()
    findings: list[Finding | None] = []
    for row, varies in enumerate(first.varies() & second.varies()):
        best = int(np.argmax(np.abs(chosen[row])))
        layer, unit = divmod(best, hidden_size)
        found = Finding(
            features[row], layer + 1, unit, float(chosen[row, best]), float(tested[row, best])
        )
        findings.append(found if varies else None)
    return findings


def choose_part(values: NDArray[np.float64], starts: Sequence[int], length: int) -> int:
    """Choose the part of a text in which a feature varies most; return its first index.

    Args:
        values: the feature at each character, float64 [T].
        starts: index of the first character of each part, in rising order; at least one.
        length: number of characters of a part. The last parts may reach beyond the text.
    """
    return max(starts, key=lambda start: float(values[start : start + length].var()))
