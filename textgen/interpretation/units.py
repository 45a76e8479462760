"""Find the units of a network that follow a feature of the text.

Thousands of pairs of a unit and a feature are tried, some of which go together by chance. So each
feature's unit is chosen on the first half of the text, and what is reported is how well the two
agree on the second half, which had no part in the choice.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.interpretation.features import FEATURES, Feature
from textgen.interpretation.gates import memory_of
from textgen.network.cells import CELLS
from textgen.network.inference import fold_scales, step_layers
from textgen.network.parameters import Arrays
from textgen.runs.checkpoint import ModelConfig

# Streams of each half that are read side by side, and what each reads before it counts.
STREAMS = 32
LEAD = 128
# Shares of a mean square below which a variance is nothing but rounding.
ROUNDING = 1e-12


class Moments:
    """Sums over the characters read so far, from which correlations follow.

    Their size is that of features times units, however long the text is.
    """

    def __init__(self, num_features: int, num_units: int) -> None:
        self.count = 0
        self._x, self._xx = np.zeros((2, num_features))
        self._y, self._yy = np.zeros((2, num_units))
        self._xy = np.zeros((num_features, num_units))

    def add(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Take in N characters: their features, float64 [N, F], and units, float64 [N, U]."""
        self.count += len(x)
        self._x += x.sum(axis=0)
        self._xx += (x * x).sum(axis=0)
        self._y += y.sum(axis=0)
        self._yy += (y * y).sum(axis=0)
        self._xy += x.T @ y

    def varies(self) -> NDArray[np.bool_]:
        """Return which features are not the same everywhere, bool [F]."""
        return _variance(self.count, self._x, self._xx) > 0

    def correlations(self) -> NDArray[np.float64]:
        """Return Pearson's r of every feature with every unit, float64 [F, U] in [-1, 1].

        It is 0 where one of the two never varies.
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
    """Return count^2 times the variance; exactly 0 where it is nothing but rounding."""
    variance = count * squares - total * total
    return np.where(variance > ROUNDING * count * squares, variance, 0.0)


class Finding(NamedTuple):
    """The unit that follows a feature best.

    Attributes:
        feature: which.
        layer: of the unit, counted from 1.
        unit: counted from 0.
        chosen: Pearson's r on the first half of the text, by which it was chosen.
        tested: Pearson's r on the second half.
    """

    feature: Feature
    layer: int
    unit: int
    chosen: float
    tested: float


def read_halves(
    config: ModelConfig,
    parameters: Arrays,
    tokens: NDArray[np.int32],
    values: NDArray[np.float64],
) -> Iterator[tuple[Moments, Moments]]:
    """Read a text, and take in each character's features and the units' memory after it.

    The text is read as streams side by side, each after the 128 characters before it, the first
    ones after the start character.

    Args:
        config: of the model.
        parameters: the network's.
        tokens: ids, int32 [T] with T at least 2.
        values: of each character, float64 [F, T].

    Yields:
        The sums over the first and over the second half, which grow from time to time; at last they
        are whole. The units of all layers stand side by side.
    """
    settings = config.settings
    cell, folded = CELLS[settings.cell], fold_scales(settings, parameters)
    starts, ends, halves = _streams(len(tokens))
    shape = (len(values), settings.num_layers * settings.hidden_size)
    moments = Moments(*shape), Moments(*shape)
    given = np.concatenate([config.vocabulary.encode(config.start), tokens])
    zero = cell.fill_state(np.zeros((len(starts), settings.hidden_size), np.float32))
    states = (zero,) * settings.num_layers
    for step in range(-LEAD, int(np.max(ends - starts))):
        places = starts + step
        begun = (places >= 0)[:, None]
        if not begun.all():  # the start character is read from the zero state, at place -1
            states = tuple(type(zero)(*(begun * member for member in state)) for state in states)
        read = given[np.clip(places + 1, 0, len(tokens))]
        states = tuple(after for _, after in step_layers(cell, folded, read, states))
        if step >= 0:
            memory = np.concatenate([memory_of(state) for state in states], axis=1)
            for number, half in enumerate(moments):
                rows = np.flatnonzero((halves == number) & (places < ends))
                half.add(values[:, places[rows]].T, memory[rows].astype(np.float64))
            yield moments


def _streams(length: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Cut both halves of a text into streams; return where they start, their ends and halves."""
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
    """Choose each feature's unit on one half of a text and test it on the other.

    Args:
        first: sums over the half to choose on.
        second: sums over the half to test on.
        hidden_size: units of a layer.
        features: of the sums.

    Returns:
        For each feature a finding; None if it does not vary in both halves.
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
