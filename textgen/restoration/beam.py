"""Fill the gaps of a text jointly: by a search for the likeliest filling, or by drawing one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import UNKNOWN_ID
from textgen.generation.constraints import BETWEEN_WORDS, OUTSIDE, WordTable
from textgen.network.inference import States
from textgen.restoration.reader import TwoWayReader, log_probabilities

# Number of fillings that are kept while characters are added.
WIDTH = 32


@dataclass(frozen=True)
class Filling:
    """One way to fill the gaps of a text.

    Attributes:
        tokens: ids of the characters of all gaps, in the order of the text, int32 [G].
        nats: surprise of each of them, given all known characters and those filled in before it,
            float64 [G]. The probability of the filling is exp(-sum).
    """

    tokens: NDArray[np.int32]
    nats: NDArray[np.float64]

    @property
    def log_probability(self) -> float:
        """Natural logarithm of the probability of the whole filling, at most 0."""
        return -float(self.nats.sum())


@dataclass(frozen=True)
class Rules:
    """What may be filled in.

    Attributes:
        allowed: which ids may be filled in, bool [V]; never the unknown character.
        words: the only words that a gap may stand in; None for any.
    """

    allowed: NDArray[np.bool_]
    words: WordTable | None = None


@dataclass(frozen=True)
class _Hypotheses:
    """Beginnings of fillings: K of them.

    Attributes:
        states: states of the forward layers after the text so far, members float32 [K, H].
        totals: log-probabilities, float64 [K].
        tokens: ids filled in so far, int32 [K, g].
        nats: their surprise, float64 [K, g].
        nodes: node of the word table, int64 [K].
        in_gap: whether the word so far has a gap, which binds it to the list, bool [K].
    """

    states: States
    totals: NDArray[np.float64]
    tokens: NDArray[np.int32]
    nats: NDArray[np.float64]
    nodes: NDArray[np.int64]
    in_gap: NDArray[np.bool_]

    def taken(self, rows: NDArray[np.intp]) -> "_Hypotheses":
        return _Hypotheses(
            states=tuple(type(one)(*(member[rows] for member in one)) for one in self.states),
            totals=self.totals[rows],
            tokens=self.tokens[rows],
            nats=self.nats[rows],
            nodes=self.nodes[rows],
            in_gap=self.in_gap[rows],
        )


def fill(
    reader: TwoWayReader,
    tokens: NDArray[np.int32],
    is_gap: NDArray[np.bool_],
    rules: Rules,
    *,
    width: int = WIDTH,
) -> list[Filling]:
    """Find the likeliest fillings of all gaps of a text.

    The probability of a filling is the product over its characters, from left to right, of the
    probability of each given all known characters and the ones filled in before it. Characters that
    are not filled in yet are read as unknown ones, as in training. The search keeps the best
    `width` beginnings; if there are no more of them, it is exact.

    Args:
        reader: the network.
        tokens: ids of the text, int32 [N]; those in gaps do not matter.
        is_gap: which characters are missing, bool [N].
        rules: what may be filled in.
        width: number of fillings to keep, at least 1.

    Returns:
        Up to `width` fillings, the likeliest first; none if no filling keeps to the rules.
    """

    def choose(scores: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.intp]:
        return _largest((totals[:, None] + scores).ravel(), width)

    return _search(reader, tokens, is_gap, rules, choose, rows=1)


def draw(
    reader: TwoWayReader,
    tokens: NDArray[np.int32],
    is_gap: NDArray[np.bool_],
    rules: Rules,
    uniforms: NDArray[np.float32],
    temperature: float,
) -> list[Filling]:
    """Draw fillings of all gaps of a text at random; see `fill`.

    Args:
        reader: the network.
        tokens: ids of the text, int32 [N]; those in gaps do not matter.
        is_gap: which characters are missing, bool [N], G of them.
        rules: what may be filled in.
        uniforms: random numbers in [0, 1), float32 [K, G].
        temperature: divides the logarithms of the probabilities, above 0.

    Returns:
        K fillings, in the order of the rows; fewer if the rules leave nothing to draw.
    """
    columns = iter(uniforms.T)

    def choose(scores: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.intp]:
        scaled = np.exp((scores - scores.max(1, keepdims=True)) / temperature)
        levels = np.cumsum(scaled, 1)
        row = (levels > next(columns)[:, None] * levels[:, -1:]).argmax(1)
        flat: NDArray[np.intp] = np.arange(len(row)) * scores.shape[1] + row
        return flat

    return _search(reader, tokens, is_gap, rules, choose, rows=len(uniforms))


_Choose = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.intp]]


def _search(
    reader: TwoWayReader,
    tokens: NDArray[np.int32],
    is_gap: NDArray[np.bool_],
    rules: Rules,
    choose: _Choose,
    rows: int,
) -> list[Filling]:
    """Fill gaps from left to right; `choose` picks what to go on with at each missing character."""
    known = np.where(is_gap, UNKNOWN_ID, tokens)
    behind = reader.parts_behind(known[:, None])[:, 0]
    found = _Hypotheses(
        states=reader.begin(rows),
        totals=np.zeros(rows),
        tokens=np.zeros((rows, 0), np.int32),
        nats=np.zeros((rows, 0)),
        nodes=np.full(rows, BETWEEN_WORDS),
        in_gap=np.zeros(rows, bool),
    )
    for index, is_missing in enumerate(is_gap.tolist()):
        row = np.full(len(found.totals), known[index])
        if is_missing:
            logits = log_probabilities(reader.before(found.states) + behind[index])
            scores = np.where(rules.allowed & _permitted(found, rules), logits, -np.inf)
            scores = scores.astype(np.float64)
            alive = np.flatnonzero(np.isfinite(scores).any(1))
            if not len(alive):
                return []
            found, scores = found.taken(alive), scores[alive]
            parents, row = np.divmod(choose(scores, found.totals), scores.shape[1])
            step = scores[parents, row]
            found = found.taken(parents)
            found = replace(
                found,
                totals=found.totals + step,
                tokens=np.column_stack([found.tokens, row]).astype(np.int32),
                nats=np.column_stack([found.nats, -step]),
            )
        found, row = _follow(found, row, rules, is_missing=is_missing)
        if not len(row):
            return []
        found = replace(found, states=reader.step(found.states, row))
    return [Filling(*pair) for pair in zip(found.tokens, found.nats, strict=True)]


def _permitted(found: _Hypotheses, rules: Rules) -> NDArray[np.bool_]:
    """Return which ids the words permit next, bool [K, V]; the word table alone decides."""
    if rules.words is None:
        return np.ones((len(found.nodes), len(rules.allowed)), bool)
    return np.stack([rules.words.permitted(node) for node in found.nodes.tolist()])


def _follow(
    found: _Hypotheses, row: NDArray[np.intp], rules: Rules, *, is_missing: bool
) -> tuple[_Hypotheses, NDArray[np.intp]]:
    """Follow the words by one character, int [K], and drop those that no listed word continues.

    A word without a gap may be any.
    """
    words = rules.words
    if words is None:
        return found, row
    ends = words.breaks[row]
    after = words.base[found.nodes] + row
    is_listed = (found.nodes != OUTSIDE) & (words.owner[after] == found.nodes)
    nodes = np.where(ends, BETWEEN_WORDS, np.where(is_listed, after, OUTSIDE))
    fits = np.where(ends, words.is_word[found.nodes], is_listed)
    alive = np.flatnonzero(fits | ~found.in_gap)
    in_gap = ~ends & (found.in_gap | is_missing)
    return replace(found, nodes=nodes, in_gap=in_gap).taken(alive), row[alive]


def _largest(values: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Return the indices of the largest finite values, in falling order."""
    count = min(count, int(np.isfinite(values).sum()))
    best = np.argpartition(-values, count - 1)[:count]
    return best[np.argsort(-values[best], kind="stable")]
