"""Sessions with a model whose words are queued, or one that is random, and their transcripts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import END, Vocabulary
from textgen.errors import RunNotFoundError
from textgen.generation.engine import Standing, Written
from textgen.generation.filters import Draws
from textgen.generation.generator import Generator
from textgen.generation.numpy_engine import NumpyEngine
from textgen.generation.sampler import Sampler
from textgen.network.parameters import parameter_shapes
from textgen.runs.run import Run
from textgen.session.commands import Session
from textgen.session.conversation import Conversation, Scored
from textgen.session.messages import Message, Typed
from textgen.settings import ModelSettings, SamplingSettings

VOCABULARY = Vocabulary("\n abcdefghijklmnopqrstuvwxyz/.")
DOCUMENTS = Vocabulary(VOCABULARY.characters + END)


class QueuedEngine:
    """Writes what it is given, two characters at a time; its state is the text it has read.

    With a vocabulary of documents it writes `END` too.
    """

    settings: Any = None
    piece = 2

    def __init__(self, *texts: str, vocabulary: Vocabulary = VOCABULARY) -> None:
        self.texts, self.is_new, self.vocabulary = list(texts), True, vocabulary
        self.seen: list[tuple[str, int, float]] = []
        self.last = ("", np.float32(0), "")

    def zero_states(self) -> tuple[str, ...]:
        return ("",)

    def read(self, tokens: NDArray[np.int32], states: tuple[Any, ...]) -> tuple[Any, ...]:
        return (states[0] + self.vocabulary.decode(tokens),)

    def write(
        self,
        standings: Sequence[Standing],
        uniforms: NDArray[np.float32],
        temperatures: NDArray[np.float32],
        sampler: Sampler,
        *,
        is_scored: bool,
    ) -> Written:
        (((read,), control),), count = standings, len(temperatures)
        if self.last[:2] != (read, uniforms[0, 0]):
            self.last = (read, uniforms[0, 0], self._next(read, uniforms, temperatures))
        piece = self.last[2][:count]  # the same once more if a text has ended inside of it
        tokens = np.array([[self.vocabulary.characters.index(each) + 1 for each in piece]])
        nats = np.full(tokens.shape, np.log(2), np.float32)
        return Written(tokens, nats, [Standing((read + piece,), control)])

    def _next(
        self, read: str, uniforms: NDArray[np.float32], temperatures: NDArray[np.float32]
    ) -> str:
        count = len(temperatures)
        if self.is_new:
            first, samples = uniforms[0, 0], range(50)
            sample = next(n for n in samples if first in [Draws(s, n).take(1)[0] for s in (3, 9)])
            self.seen.append((read, sample, round(float(temperatures[0]), 6)))
        piece, self.texts[0] = self.texts[0][:count], self.texts[0][count:]
        self.is_new = not self.texts[0]
        if self.is_new:
            self.texts.pop(0)
        return piece


@dataclass
class QueuedModel:
    engine: Any
    run: Run = field(default_factory=lambda: Run(Path("queue")))
    name: str = "queue"
    step: int = 7
    sha256: str = "00"
    others: tuple[()] = ()
    config: Any = None

    @property
    def main(self) -> "QueuedModel":
        return self

    def generator(self, *, seed: int) -> Generator:
        vocabulary = self.engine.vocabulary
        start = "\n" if vocabulary.end_id is None else END
        return Generator(self.engine, vocabulary, start, seed=seed)

    def training_tokens(self) -> NDArray[np.int32] | None:
        return VOCABULARY.encode("the cat sat on the mat")


class RandomModel:
    """A network that nobody has trained."""

    def __init__(self, number: int, characters: str = VOCABULARY.characters) -> None:
        self.run, self.name, self.step = Run(Path(f"random-{number}")), f"random-{number}", number
        self.vocabulary = Vocabulary(characters)
        settings = ModelSettings(
            vocab_size=len(self.vocabulary),
            embedding_size=4,
            hidden_size=8,
            num_layers=2,
            dropout_rate=0.0,
        )
        random = np.random.default_rng(number)
        parameters = {
            name: random.normal(0, 1, shape).astype(np.float32)
            for name, shape in parameter_shapes(settings).items()
        }
        if self.vocabulary.end_id is not None:  # a document has a few characters
            parameters["projection.bias"][self.vocabulary.end_id] += 2
        self.reader = NumpyEngine(settings, parameters)
        self.sha256 = f"{number:064}"
        self.main, self.others, self.config = self, (), None

    def generator(self, *, seed: int, sample: int = 0) -> Generator:
        start = self.vocabulary.characters[0] if self.vocabulary.end_id is None else END
        return Generator(self.reader, self.vocabulary, start, seed=seed, sample=sample)

    def training_tokens(self) -> None:
        return None


MODELS = {f"random-{n}": RandomModel(n) for n in range(2)} | {
    "few": RandomModel(2, " abcd."),
    "documents": RandomModel(3, DOCUMENTS.characters),
}


def load(name: str) -> RandomModel:
    if name not in MODELS:
        raise RunNotFoundError(name, Path("checkpoints"), list(MODELS))
    return MODELS[name]


def queued(
    *texts: str, length: int = 4, vocabulary: Vocabulary = VOCABULARY
) -> tuple[Session, QueuedEngine]:
    engine = QueuedEngine(*texts, vocabulary=vocabulary)
    return Session(
        Conversation(QueuedModel(engine), SamplingSettings(), seed=3, length=length)
    ), engine


def random_session(name: str = "random-0", length: int = 12, **more: Any) -> Session:
    conversation = Conversation(MODELS[name], SamplingSettings(), seed=5, length=length)
    return Session(conversation, load=load, run_names=lambda: list(MODELS), **more)


def shown(reply: Iterator[Any]) -> Iterator[str]:
    for part in reply:
        if isinstance(part, Message):
            yield f"[{part.text}]\n"
        elif isinstance(part, Scored):
            yield f"{{{part.text}}}\n"
        elif isinstance(part, Typed):
            yield "" if part.is_seen else f"({part.text})"
        elif isinstance(part, str):
            yield part


def transcript(session: Session, *lines: str) -> str:
    """Hold a conversation and return it as it would stand on a screen."""
    text = ""
    for line in lines:
        text += f"> {line}\n" + "".join(shown(session.respond(line)))
        text += "" if text.endswith("\n") else "\n"
    return text


def text_of(session: Session) -> str:
    return "".join(turn.text for turn in session.conversation.tree.current.path())


def assert_same(state: Any, other: Any) -> None:
    """Compare two states bit for bit."""
    for each in fields(state):
        one, two = getattr(state, each.name), getattr(other, each.name)
        if each.name == "recurrent":
            for layer, twin in zip(one, two, strict=True):
                for member, same in zip(layer, twin, strict=True):
                    assert member.tobytes() == same.tobytes()
        elif each.name == "recent":
            assert one.dtype == two.dtype
            assert one.tolist() == two.tolist()
        else:
            assert one == two, each.name


STORY = (
    "the cat",
    "/set on_unknown skip",
    "UP and down",
    "/set seed 77",
    "/regen",
    "/branch here",
    "/set top_k 4",
    "/set stop \\n",
    "/set on_unknown replace",
    "Dogs " * 60,
    "",
    "/goto 1",
    "",
    "/goto here",
)
