r"""Measure what a session that learns gains on the text that follows.

    python benchmarks/learning_session.py fables=alice.txt plays=another.txt --unwrap alice.txt

Each RUN=TEXT names a run and a text that it has not read. The network learns the first characters
of a stretch of the text as a session does, and then predicts the 2,000 characters after them, with
the weights that it has learnt and with those that it was trained with. Stretches begin at several
points of the text; the longest is measured at the first point alone. Losses are those of one stream
in nats per character. `worst` is the smallest gain of a stretch.

With `--settings RATE,DECAY` other settings of learning are measured, several at a time.
"""

import argparse
import re
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.generation.learning import Learnt, TextLearner
from textgen.generation.model import Model
from textgen.runtime.environment import prepare_jax
from textgen.settings import LearningSettings
from textgen.workflows.load import load_model

NEXT = 2000


class Gain(NamedTuple):
    """What learning a stretch gained.

    Attributes:
        without: loss on the characters after it of the network that has not learnt, in nats.
        learnt: loss of the network that has learnt.
        seconds: time that learning took.
    """

    without: float
    learnt: float
    seconds: float


def read_text(path: Path, *, unwrap: bool) -> str:
    """Return a text; with `unwrap` the lines of a paragraph are joined."""
    text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    if unwrap:
        text = re.sub(r"(?<!\n)\n[ \t]*(?!\s)", " ", text)
    return re.sub(r"\n[ \t]+", "\n", text)


def loss(learner: TextLearner, learnt: Learnt, tokens: NDArray[np.int32]) -> tuple[float, float]:
    """Return the losses on the next characters with the trained and with the learnt weights."""
    begin = learnt.segments * learner.segment
    following = tokens[: begin + NEXT + 1]
    trained = learner.measure(learner.trained.weights, learnt.trained_states, following, begin)
    return trained, learner.measure(learnt.weights, learnt.states, following, begin)


def measure(learner: TextLearner, tokens: NDArray[np.int32], counts: list[int]) -> dict[int, Gain]:
    """Learn one stretch, and return what was gained after each number of characters."""
    found, seconds, begun = {}, 0.0, time.perf_counter()
    for learnt in learner.learn(tokens[: max(counts) + 1]):
        if learnt.characters in counts:
            seconds += time.perf_counter() - begun
            found[learnt.characters] = Gain(*loss(learner, learnt, tokens), seconds)
            begun = time.perf_counter()
    return found


def report(
    model: Model, text: str, settings: LearningSettings, counts: list[int], starts: int
) -> None:
    """Measure all stretches of a text, and print a row for each number of characters."""
    tokens = model.config.vocabulary.encode(text, "skip")
    learner = TextLearner(
        model.config.settings, model.parameters, model.training_tokens(), settings
    )
    measure(learner, tokens[:NEXT], [learner.segment])  # compiles, which is not timed
    longest = max(counts)
    shorter = [count for count in counts if count != longest or starts == 1]
    room = len(tokens) - max(shorter, default=0) - NEXT - 1
    stretches = [measure(learner, tokens, counts)]
    for begin in np.linspace(0, room, starts).astype(int).tolist()[1:]:
        stretches.append(measure(learner, tokens[begin:], shorter))
    for count in counts:
        gains = [stretch[count] for stretch in stretches if count in stretch]
        without, learnt = (float(np.mean([g[i] for g in gains])) for i in (0, 1))
        worst = min(gain.without - gain.learnt for gain in gains)
        speed = float(np.mean([gain.seconds for gain in gains])) / count * 1000
        print(
            f"| {model.name} {model.config.settings.size} | {settings.learning_rate:g}, "
            f"{settings.decay:g} | {count:,} | {len(gains)} | {without:.4f} | {learnt:.4f} | "
            f"{without - learnt:.4f} | {worst:.4f} | {speed:.2f} |",
            flush=True,
        )


def main() -> None:
    """Measure the pairs that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="+", metavar="RUN=TEXT")
    parser.add_argument("--counts", type=int, nargs="+", default=[500, 2000, 10000, 50000])
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--unwrap", nargs="*", default=[], metavar="TEXT")
    parser.add_argument("--settings", nargs="*", default=[], metavar="RATE,DECAY")
    options = parser.parse_args()
    prepare_jax()
    chosen = [LearningSettings()]
    if options.settings:
        pairs = [tuple(map(float, each.split(","))) for each in options.settings]
        chosen = [LearningSettings(learning_rate=rate, decay=decay) for rate, decay in pairs]
    print(
        "| run | rate, decay | learnt | stretches | without | with | gain | worst "
        "| s per 1,000 characters |\n|---|---|---|---|---|---|---|---|---|"
    )
    for pair in options.pairs:
        run, _, path = pair.partition("=")
        text = read_text(Path(path), unwrap=path in options.unwrap)
        for settings in chosen:
            report(load_model(run), text, settings, options.counts, options.starts)


if __name__ == "__main__":
    main()
