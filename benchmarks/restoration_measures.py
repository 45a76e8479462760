"""Measures of restoring and proofreading, for benchmarks and the story of damaged texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.evaluation.missing import Missing, MissingEvaluator
from textgen.generation.model import Model
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network.model import network_function
from textgen.restoration.beam import Rules
from textgen.restoration.gaps import Gap
from textgen.restoration.mistakes import Mistake, find_mistakes
from textgen.restoration.reader import log_probabilities
from textgen.restoration.restorer import CONTEXT, Group, Restorer
from textgen.runtime.devices import make_mesh
from textgen.workflows.restore import allowed_characters, two_way_reader

# Continuations of a forward network that are compared by the text behind them, and how much of it.
WIDTH, BEHIND = 64, 32
# Characters around a mistake in which a correction must give the true text, and the distance within
# which its place is right.
STRETCH, NEAR = 12, 3
KINDS = ("wrong", "missing", "added", "swapped")
Ids = NDArray[np.int32]


class Forward:
    """A network that reads forward, over several texts side by side."""

    def __init__(self, model: Model) -> None:
        self.engine = NumpyEngine(model.config.settings, model.parameters)

    def logits(self, tokens: Ids) -> NDArray[np.float32]:
        """Return the log-probabilities of each id and of one more, [N + 1, B, V], of ids [N, B]."""
        zero = self.engine.zero_states()
        rows = tokens.shape[1]
        states = tuple(type(one)(*(np.tile(m, (rows, 1)) for m in one)) for one in zero)
        found = [log_probabilities(self.engine.logits(states))]
        for row in tokens:
            states = self.engine.read(row[None], states)
            found.append(log_probabilities(self.engine.logits(states)))
        return np.stack(found)

    def continuations(self, before: Ids, count: int, width: int) -> tuple[Ids, NDArray[np.float64]]:
        """Return the likeliest continuations of a text, [K, count], and their log-probabilities."""
        states = self.engine.read(before[:, None], self._first())
        found, totals = np.zeros((1, 0), np.int32), np.zeros(1)
        for _ in range(count):
            joint = totals[:, None] + log_probabilities(self.engine.logits(states))
            best = np.argsort(-joint, axis=None)[:width]
            parents, row = np.divmod(best, joint.shape[1])
            totals = joint.ravel()[best]
            found = np.column_stack([found[parents], row]).astype(np.int32)
            taken = tuple(type(one)(*(m[parents] for m in one)) for one in states)
            states = self.engine.read(row[None].astype(np.int32), taken)
        return found, totals

    def _first(self) -> Any:
        return tuple(type(one)(*(m[None] for m in one)) for one in self.engine.zero_states())


def windows(text: Ids, size: int = 256, lead: int = 128) -> tuple[Ids, NDArray[np.bool_]]:
    """Cut a text into columns of `lead` + `size` ids of which the last `size` are scored."""
    begins = np.arange(lead, len(text) - size, size)
    index = begins + np.arange(-lead, size)[:, None]
    return text[index], np.arange(lead + size) >= lead


def one_missing(both: Model, text: Ids) -> Missing:
    """Measure how well single missing characters are predicted by a network of both directions."""
    settings = both.config.settings
    evaluator = MissingEvaluator(network_function(settings), settings, make_mesh(None, 32))
    *_, found = evaluator.whole(dict(both.parameters), text.astype(np.uint16))
    return found


def mean_of(logits: NDArray[np.floating], ids: Ids) -> Missing:
    """Return the mean loss of log-probabilities [..., V] and the share of right characters."""
    chosen = np.take_along_axis(logits, ids[..., None], -1)[..., 0]
    right = float((logits.argmax(-1) == ids).mean())
    return Missing(-float(chosen.mean()), right, ids.size)


def stream_of(forward: Model, text: Ids) -> Missing:
    """Measure the same of a network that reads forward, which knows the text before alone."""
    ids, is_scored = windows(text)
    return mean_of(Forward(forward).logits(ids)[:-1][is_scored], ids[is_scored])


def gap_errors(
    both: Model, forward: Model, text: Ids, length: int, count: int
) -> NDArray[np.float64]:
    """Measure gaps of one length at random places.

    Returns:
        Shares of their characters that are restored wrongly: by the restorer, by the likeliest
        continuation of the forward network, and by that network if its likeliest continuations are
        compared by the characters behind them.
    """
    restorer, reader = restorer_of(both), Forward(forward)
    decode = both.config.vocabulary.decode
    source, wrong = np.random.default_rng(length), np.zeros(3)
    for begin in source.integers(CONTEXT, len(text) - 2 * CONTEXT, count).tolist():
        end = begin + length
        before, truth = text[begin - CONTEXT : begin], text[begin:end]
        behind = text[end : end + CONTEXT]
        group = Group(decode(before), (Gap(length, length),), (), decode(behind))
        filled = restorer.best(group, 1)[0].texts[0]
        wrong[0] += sum(a != b for a, b in zip(filled, decode(truth), strict=True))
        found, totals = reader.continuations(before, length, WIDTH)
        wrong[1] += (found[0] != truth).sum()
        follow = np.tile(behind[:BEHIND], (len(found), 1))
        ids = np.column_stack([np.tile(before[-64:], (len(found), 1)), found, follow]).T
        logits = reader.logits(ids)[:-1][-BEHIND:]
        totals = totals + np.take_along_axis(logits, ids[-BEHIND:, :, None], -1)[..., 0].sum(0)
        wrong[2] += (found[int(totals.argmax())] != truth).sum()
    return wrong / (count * length)


def restorer_of(model: Model) -> Restorer:
    """Return a restorer without constraints."""
    vocabulary = model.config.vocabulary
    return Restorer(two_way_reader(model), vocabulary, Rules(allowed_characters(vocabulary)))


def plant(text: Ids, vocab_size: int, seed: int) -> tuple[Ids, list[Mistake]]:
    """Plant a mistake in every 100 to 300 characters; return the text and the corrections."""
    source = np.random.default_rng(seed)
    out, planted = list[int](), list[Mistake]()
    index, following = 0, int(source.integers(100, 300))
    while index < len(text):
        if index < following or index + 1 >= len(text) or text[index] == text[index + 1]:
            out.append(int(text[index]))
            index += 1
            continue
        kind = KINDS[int(source.integers(4))]
        here, after = int(text[index]), int(text[index + 1])
        other = int(source.integers(1, vocab_size))
        while other == here:
            other = int(source.integers(1, vocab_size))
        found, meant, read = {
            "wrong": ([other], [here], 1),
            "missing": ([], [here], 1),
            "added": ([other], [], 0),
            "swapped": ([after, here], [here, after], 2),
        }[kind]
        planted.append(Mistake(len(out), kind, tuple(found), tuple(meant), 0.0, 1.0))  # type: ignore[arg-type]
        out += found
        index += read
        following = index + int(source.integers(100, 300))
    return np.array(out, np.int32), planted


def mended(text: Ids, one: Mistake, low: int, high: int) -> bytes:
    """Return a stretch of a text with one correction."""
    end = one.position + len(one.found)
    return np.concatenate(
        [text[low : one.position], np.int32([*one.meant]), text[end:high]]
    ).tobytes()


def precision(text: Ids, planted: Sequence[Mistake], told: Sequence[Mistake]) -> list[float]:
    """Return the precision when half of the mistakes are found.

    Returns:
        The share of the suggestions that correct a mistake rightly, and of those that are at the
        right place; none if half of the mistakes are never found.
    """
    places = exact = 0
    open_ones = list(planted)
    for number, one in enumerate(told, start=1):
        near = [other for other in open_ones if abs(other.position - one.position) <= NEAR]
        if near:
            open_ones.remove(near[0])
            places += 1
            low, high = max(one.position - STRETCH, 0), one.position + STRETCH
            exact += mended(text, one, low, high) == mended(text, near[0], low, high)
        if places * 2 >= len(planted):
            return [exact / number, places / number]
    return []


def mistakes_told(both: Model, damaged: Ids) -> list[Mistake]:
    """Return what `textgen proofread` tells, the most certain first."""
    reader, allowed = two_way_reader(both), allowed_characters(both.config.vocabulary)
    told = [one for _, found in find_mistakes(reader, damaged, allowed) for one in found]
    return sorted(told, key=lambda one: (-one.certainty, -one.gain))


def surprises_told(forward: Model, damaged: Ids) -> list[Mistake]:
    """Return the characters that surprise a forward network, the most surprising first.

    The suggestion is the character that it finds likeliest there.
    """
    ids, is_scored = windows(damaged)
    logits = Forward(forward).logits(ids)[:-1]
    guesses = []
    for column in range(ids.shape[1]):
        for row in np.flatnonzero(is_scored).tolist():
            here, best = int(ids[row, column]), int(logits[row, column].argmax())
            surprise = float(logits[row, column, best] - logits[row, column, here])
            position = 128 + column * 256 + row - 128
            guesses.append(Mistake(position, "wrong", (here,), (best,), surprise, 0.0))
    return sorted(guesses, key=lambda one: -one.gain)
