import re
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from textgen.data.vocabulary import END, Vocabulary
from textgen.errors import SettingError, TextgenWarning, UnknownCharacterError
from textgen.generation import generator as generator_module
from textgen.generation import jax_engine
from textgen.generation.engine import Engine, Standing, Written, choose_engine
from textgen.generation.filters import softmax
from textgen.generation.generator import (
    Generator,
    Sample,
    write_side_by_side,
)
from textgen.generation.jax_engine import JaxEngine
from textgen.generation.numpy_engine import NumpyEngine
from textgen.generation.writing import Drawn, GenerationState, Writing
from textgen.network.parameters import parameter_shapes
from textgen.runs.checkpoint import read_checkpoint
from textgen.settings import ModelSettings, SamplingSettings

MODEL = ModelSettings(
    vocab_size=27, embedding_size=8, hidden_size=16, num_layers=2, dropout_rate=0.2
)
RANDOM = np.random.default_rng(0)
PARAMETERS = {
    name: (2 * RANDOM.normal(size=shape) / shape[0] ** 0.5).astype(np.float32)
    for name, shape in parameter_shapes(MODEL).items()
}
READER = NumpyEngine(MODEL, PARAMETERS)
JAX = JaxEngine(MODEL, PARAMETERS)
VOCABULARY = Vocabulary("abcdefghijklmnopqrstuvw .\n")
SETTINGS = SamplingSettings(temperature=0.9, top_k=20)


class PieceEngine(NumpyEngine):
    """Writes many characters at a time, as compiled loops do, and notes their temperatures."""

    piece = 64

    def __init__(self) -> None:
        super().__init__(MODEL, PARAMETERS)
        self.temperatures = list[float]()

    def write(
        self,
        standings: Sequence[Standing],
        uniforms: Any,
        temperatures: Any,
        *others: Any,
        **options: Any,
    ) -> Written:
        self.temperatures += temperatures.tolist()
        return super().write(standings, uniforms, temperatures, *others, **options)


@cache
def training() -> Any:
    """A text that the model likes, and would copy from."""
    session = Generator(READER, VOCABULARY, "\n", seed=1)
    return VOCABULARY.encode("".join(session.stream(4000, SamplingSettings(temperature=0.2))))


def generator(engine: Engine | None = None, sample: int = 0) -> Generator:
    return Generator(
        READER, VOCABULARY, "\n", seed=11, sample=sample, engine=engine, training=training
    )


def assert_state_after(state: GenerationState, text: str, draws: int | None = None) -> None:
    """Check that a state is the one after reading exactly a text, the start included."""
    read = generator()
    read.feed(text, continues=True)
    assert state.characters == len(text)
    assert VOCABULARY.decode(state.recent) == text
    if draws is not None:
        assert state.position == draws
    for one, other in zip(
        jax.tree.leaves(state.recurrent), jax.tree.leaves(read.settle().recurrent), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=2e-5)


def write(session: Generator, length: int, settings: SamplingSettings = SETTINGS) -> str:
    return "".join(session.stream(length, settings))


@pytest.mark.slow
def test_text_in_pieces_is_text_at_once() -> None:
    for engine in (None, JAX):
        at_once, in_pieces = generator(engine), generator(engine)
        whole = write(at_once, 600)
        assert "".join(write(in_pieces, n) for n in (1, 255, 256, 88)) == whole
        assert in_pieces.settle().position == 600
        for one, other in zip(
            at_once.settle().recurrent, in_pieces.settle().recurrent, strict=True
        ):
            np.testing.assert_allclose(one.cell, other.cell, atol=1e-5)


def test_the_engines_agree() -> None:
    assert write(generator(), 1000) == write(generator(JAX), 1000)


@pytest.mark.slow
def test_a_sample_depends_on_its_index_and_not_on_its_neighbours() -> None:
    alone = [write(generator(sample=number), 300) for number in range(5)]
    for engine in (None, JaxEngine(MODEL, PARAMETERS)):
        together = [generator(engine, number) for number in range(5)]
        columns = zip(*write_side_by_side(together, 300, SETTINGS), strict=True)
        texts = ["".join(piece.text for piece in column if piece) for column in columns]
        assert texts == alone
    assert len(set(alone)) == 5


@pytest.mark.slow
def test_samples_of_a_large_network_are_written_by_one_loop_and_stay_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(jax_engine, "LARGEST_OF_A_CORE", 0)
    engine = JaxEngine(MODEL, PARAMETERS)
    together = [generator(engine, number) for number in range(3)]
    columns = zip(*write_side_by_side(together, 200, SETTINGS), strict=True)
    texts = ["".join(piece.text for piece in column if piece) for column in columns]
    assert texts == [write(generator(sample=number), 200) for number in range(3)]


def test_without_a_prompt_the_start_character_is_read_and_not_written() -> None:
    silent, told = generator(), generator()
    told.feed("\n", continues=True)
    assert write(silent, 50) == write(told, 50)


def test_what_is_read_changes_what_is_written() -> None:
    one, other = generator(), generator()
    one.feed("abc", continues=True)
    other.feed("abd", continues=True)
    assert write(one, 100) != write(other, 100)


def test_an_unknown_character_leaves_the_state_as_it_was() -> None:
    session = generator()
    session.feed("ab", continues=True)
    before = session.settle()
    with pytest.raises(UnknownCharacterError, match=r"'Z' \(U\+005A\) at position 3"):
        session.feed("abZ", "error", continues=True)
    assert session.settle() is before


def test_a_fork_goes_its_own_way_and_a_state_can_be_returned_to() -> None:
    session = generator()
    session.feed("hello", continues=True)
    kept = session.settle()
    twin, other = session.fork(), session.fork(sample=9)
    first = write(session, 80)
    assert write(twin, 80) == first
    assert write(other, 80) != first
    session.state = kept
    assert write(session, 80) == first


def test_characters_of_a_prompt_are_read_as_the_nearest_known_ones_and_told() -> None:
    session, twin = generator(), generator()
    twin.feed("cafe...", continues=True)
    with pytest.warns(TextgenWarning, match="it reads '\u00e9' as 'e' and '\u2026' as '...'"):
        session.feed("caf\u00e9\u2026", continues=True)
    assert write(session, 30) == write(twin, 30)
    with pytest.raises(UnknownCharacterError, match=r"U\+1F642"):
        session.feed("\U0001f642", continues=True)


def test_characters_of_a_scored_text_are_replaced() -> None:
    assert generator().score("a\u2603b").shape == (3,)


def test_the_unknown_character_is_read_and_never_written() -> None:
    session = generator()
    session.feed("aZb", "replace", continues=True)
    assert session.settle().characters == 3
    text = write(session, 2000, SamplingSettings(temperature=5))
    assert "\ufffd" not in text


GOLDEN = Path(__file__).parents[1] / "golden" / "format-1" / "step-00000400"


@pytest.mark.slow
def test_both_engines_write_the_same_2000_characters_from_a_kept_checkpoint() -> None:
    checkpoint = read_checkpoint(GOLDEN)
    config = checkpoint.config
    reader = NumpyEngine(config.settings, checkpoint.parameters)
    engine = JaxEngine(config.settings, checkpoint.parameters)
    texts = []
    for writer in (None, engine):
        session = Generator(reader, config.vocabulary, config.start, seed=2, engine=writer)
        texts.append(write(session, 2000, SamplingSettings(temperature=0.8)))
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 20


def test_impossible_lengths_and_samples_are_refused_by_name() -> None:
    for length in (-3, 10.5, 10**30):
        with pytest.raises(SettingError, match="length must be"):
            generator().generate(length)  # type: ignore[arg-type]
    for sample in (-1, 2**64):
        with pytest.raises(SettingError, match="sample must be"):
            generator().fork(sample)


def test_what_is_held_back_for_ever_is_forgotten_as_it_is_given_out() -> None:
    # The last two characters may always be the beginning of the stop text.
    settings = SamplingSettings(only="e", stop=("eef",))
    session = generator()
    session.read_start()
    writing = Writing(session.settle(), session.sampler(settings))
    for _ in range(50):
        tokens = np.full(8, VOCABULARY.encode("e")[0], np.int32)
        numbers = np.zeros(8, np.float32)
        drawn = Drawn(tokens, numbers, numbers, numbers + 1)
        written = session.engine.write(
            [writing.standing],
            numbers[None],
            numbers + 1,
            session.sampler(settings),
            is_scored=False,
        )
        writing.take(drawn, written.standings[0], is_last=False)
    session.follow(writing.given)
    assert len(writing.given.drawn.tokens) <= 10
    fed = generator()
    fed.feed("\n" + "e" * 398, continues=True)
    assert session.settle().characters == fed.settle().characters
    for one, other in zip(session.settle().recurrent, fed.settle().recurrent, strict=True):
        np.testing.assert_allclose(one.cell, other.cell, atol=1e-5)


def test_auto_takes_numpy_for_a_little_and_jax_for_a_lot() -> None:
    big = ModelSettings(
        vocab_size=66, embedding_size=256, hidden_size=256, num_layers=2, dropout_rate=0
    )
    assert choose_engine("auto", big, 500, 1) == "numpy"
    assert choose_engine("auto", big, 100_000, 1) == "jax"
    assert choose_engine("auto", big, 500, 100) == "jax"
    assert choose_engine("numpy", big, 100_000, 1) == "numpy"
    # At 12,000 characters NumPy is sooner done, unless it has every control to see to.
    controls = SamplingSettings(top_k=9, top_p=0.9, typical_p=0.9, max_copy=9, min_p=0.1)
    assert choose_engine("auto", big, 12_000, 1) == "numpy"
    assert choose_engine("auto", big, 12_000, 1, controls) == "jax"


WORDS = ("the", "then", "hen", "a", "an", "and", "men", "mend")
# Each is compiled anew; what is missing in one is in another.
MANY = [
    (
        "ab",
        {
            "temperature": "0.4..1.5",
            "top_k": 22,
            "typical_p": 0.95,
            "top_p": 0.98,
            "min_p": 0.001,
            "repetition_penalty": 1.3,
            "repetition_window": 20,
            "forbid": "q.",
            "stop": ("wi", "ell"),
        },
    ),
    ("a th", {"temperature": "1,0.5,0.2", "words": WORDS}),
    ("ab", {"starts": ("now", "i", "tell"), "only": "abcdefilnotw .\n"}),
    ("", {"temperature": 0.2, "max_copy": 4}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("prompt", "settings"), MANY, ids=["filters", "words", "starts", "copies"])
def test_both_engines_write_the_same_and_end_in_the_state_of_what_they_show(
    prompt: str, settings: dict[str, Any]
) -> None:
    found: list[tuple[Sample, GenerationState, str]] = []
    for engine in (None, JAX):
        session = generator(engine)
        session.feed(prompt, continues=True)
        sample = session.generate(400, SamplingSettings(**settings))
        read = (prompt or "\n") + sample.text
        assert_state_after(session.settle(), read, len(sample.text))
        state = session.settle()
        # Written on with the same settings, from a state that was kept and one that was not.
        found.append((sample, state, write(session, 60, SamplingSettings(**settings))))
        session.state = state
        assert write(session, 60, SamplingSettings(**settings)) == found[-1][2]
    (one, _, after), (other, _, after_other) = found
    assert one.text == other.text
    assert one.finish_reason == other.finish_reason
    assert after == after_other
    np.testing.assert_allclose(one.bits_per_character, other.bits_per_character, rtol=1e-4)


def test_a_written_text_is_as_surprising_as_the_same_text_read() -> None:
    for settings in (SETTINGS, SamplingSettings(stop=("b",)), SamplingSettings(**MANY[3][1])):
        for engine in (None, PieceEngine()):
            session = generator(engine)
            session.feed("the ", continues=True)
            reader = session.fork()
            sample = session.generate(200, settings)
            bits = reader.score(sample.text)
            np.testing.assert_allclose(sample.bits_per_character, bits.mean(), rtol=1e-4)
            assert_state_after(reader.settle(), "the " + sample.text)


def test_a_score_is_the_logarithm_of_the_probability() -> None:
    session, expected, text = generator(), [], "the hen\n"
    states = READER.read(VOCABULARY.encode("\n"), READER.zero_states())
    for token in VOCABULARY.encode(text):
        expected.append(-np.log2(softmax(READER.logits(states))[token]))
        states = READER.read(np.array([token]), states)
    bits = session.score(text)
    np.testing.assert_allclose(bits, expected, rtol=1e-5)
    assert bits.dtype == np.float64
    assert_state_after(session.settle(), "\n" + text)
    assert session.score("", "skip").shape == (0,)


@pytest.mark.parametrize("number", [1, 3])
def test_what_looks_back_sees_the_same_in_pieces_as_at_once(number: int) -> None:
    prompt, values = MANY[number]
    settings = SamplingSettings(**{**values, "temperature": 0.7})
    whole, in_pieces = generator(), generator()
    for session in (whole, in_pieces):
        session.feed(prompt, continues=True)
    text = write(whole, 200, settings)
    assert "".join(write(in_pieces, n, settings) for n in (1, 7, 92, 100)) == text


def test_penalties_in_pieces_are_penalties_at_once() -> None:
    settings = SamplingSettings(repetition_penalty=1.6, repetition_window=30, temperature=0.5)
    whole, in_pieces = generator(), generator(PieceEngine())
    assert write(whole, 200, settings) == "".join(write(in_pieces, 50, settings) for _ in range(4))
    assert write(generator(), 200, SamplingSettings(temperature=0.5)) != write(
        generator(), 200, settings
    )


@pytest.mark.parametrize("window", [1, 3, 4, 50])
def test_the_penalty_is_for_the_last_characters_of_the_prompt_too(window: int) -> None:
    settings = SamplingSettings(temperature=0, repetition_penalty=4, repetition_window=window)
    session, text = generator(), "the end of it"
    session.feed(text, continues=True)
    found = write(session, 40, settings)
    for _ in range(40):
        states = READER.read(VOCABULARY.encode(text), READER.zero_states())
        logits = READER.logits(states).copy()
        logits[0] = -np.inf
        used = np.unique(VOCABULARY.encode(text[-window:]))
        logits[used] = np.where(logits[used] > 0, logits[used] / 4, logits[used] * 4)
        text += VOCABULARY.decode([logits.argmax()])
    assert found == text[-40:]


@pytest.mark.parametrize("engine", [NumpyEngine, JaxEngine])
def test_only_listed_words_are_written(engine: Any) -> None:
    settings = SamplingSettings(temperature=1.2, words=WORDS)
    session = generator(JAX if engine is JaxEngine else None)
    session.feed("of th", continues=True)
    text = "of th" + write(session, 400, settings)
    found = re.findall("[a-z]+", text)
    assert found[0] == "of"
    assert found[1] in ("the", "then")  # begun in the prompt
    assert set(found[1:-1]) <= set(WORDS)
    assert any(word.startswith(found[-1]) for word in WORDS)
    assert len(set(found)) > 5
    # What no listed word begins with only ends.
    session.feed(" tho", continues=True)
    assert write(session, 1, settings) in " .\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prompt", "before"), [("", ""), ("ab\n", ""), ("ab", "[^\n]*\n"), ("a\nb", "[^\n]*\n")]
)
def test_lines_begin_as_asked(prompt: str, before: str) -> None:
    settings = SamplingSettings(temperature=0.9, starts=("s", "tom ", "ab"))
    for engine in (None, JAX):
        session = generator(engine)
        session.feed(prompt, continues=True)
        sample = session.generate(2000, settings)
        assert re.fullmatch(f"{before}s[^\n]*\ntom [^\n]*\nab[^\n]*", sample.text)
        assert sample.finish_reason == "lines"
    more = session.generate(2000, SamplingSettings(temperature=0.9, starts=("h",), lines=3))
    assert more.text.count("\n") == 2


@pytest.mark.slow
@pytest.mark.parametrize("engine", [NumpyEngine, JaxEngine])
def test_no_more_than_the_limit_is_copied_across_the_end_of_the_prompt_too(engine: Any) -> None:
    known = VOCABULARY.decode(training())
    prompt = known[100:140]
    longest = {}
    for limit in (0, 4):
        session = generator(JAX if engine is JaxEngine else None)
        session.feed(prompt, continues=True)
        text = write(session, 400, SamplingSettings(temperature=0.2, max_copy=limit))
        text = prompt[-4:] + text
        assert len(text) == 404
        longest[limit] = max(
            size
            for begin in range(len(text))
            for size in range(min(60, len(text) - begin) + 1)
            if text[begin : begin + size] in known
        )
    assert longest[4] == 4
    assert longest[0] > 8


STUCK = [
    ({"starts": ("the",), "words": ("men",)}, ""),
    ({"starts": ("menu",), "words": ("men", "a")}, "men"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "text"), STUCK)
def test_where_nothing_is_permitted_the_text_ends_and_says_so(
    settings: dict[str, Any], text: str
) -> None:
    after = []
    for engine in (None, PieceEngine(), JAX):
        session = generator(engine)
        sample = session.generate(50, SamplingSettings(**settings))
        assert (sample.text, sample.finish_reason) == (text, "stuck")
        assert_state_after(session.settle(), "\n" + text, len(text))
        after.append(write(session, 30))
    assert len(set(after)) == 1


def test_what_was_held_back_is_shown_when_the_text_is_stuck() -> None:
    settings = SamplingSettings(starts=("menu",), words=("men",), stop=("ene",))
    for engine in (None, PieceEngine()):
        assert generator(engine).generate(50, settings).text == "men"


def test_a_ramp_uses_its_ends_and_a_cycle_repeats_whatever_the_pieces() -> None:
    engine = PieceEngine()
    list(generator(engine).stream(101, SamplingSettings(temperature="0.2..1.2")))
    np.testing.assert_allclose(engine.temperatures, np.linspace(0.2, 1.2, 101), rtol=1e-6)
    engine = PieceEngine()
    list(generator(engine).stream(101, SamplingSettings(temperature="1,0.5,0.2")))
    np.testing.assert_allclose(engine.temperatures, ([1, 0.5, 0.2] * 34)[:101], rtol=1e-6)
    engine = PieceEngine()
    list(generator(engine).stream(1, SamplingSettings(temperature="0.2..1.2")))
    np.testing.assert_allclose(engine.temperatures, [0.2], rtol=1e-6)


@pytest.mark.parametrize("first", [1, 5, 64])
@pytest.mark.parametrize("seconds", [0, 1e9])
def test_a_text_is_the_same_however_long_its_pieces_are(
    first: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [SETTINGS, *(SamplingSettings(**settings) for _, settings in MANY)]
    expected = [generator().generate(150, settings) for settings in cases]
    monkeypatch.setattr(generator_module, "FIRST_PIECE", first)
    monkeypatch.setattr(generator_module, "PIECE_SECONDS", seconds)
    for settings, sample in zip(cases, expected, strict=True):
        found = generator(PieceEngine()).generate(150, settings)
        assert (found.text, found.finish_reason) == (sample.text, sample.finish_reason)


def test_a_state_is_read_once_it_is_settled() -> None:
    session = generator(PieceEngine())
    stream = session.stream(300, SamplingSettings(stop=("zzz",)))
    text = next(stream) + next(stream)
    assert session.settle() is session.settle() is session.state
    assert_state_after(session.state, "\n" + text, len(text))
    sample = session.generate(300, SamplingSettings(only="e", stop=("ef",), lines=1))
    # The last character of the text may always be the beginning of the stop text.
    assert len(sample.text) == 300
    kept = session.settle()
    cut = session.generate(300, SamplingSettings(temperature=0.9, top_k=20, stop=("e", "a", " ")))
    assert cut.finish_reason == "stop"
    with pytest.raises(RuntimeError, match="call settle"):
        session.state  # noqa: B018
    assert session.settle().characters == kept.characters + len(cut.text)
    session.generate(300, SamplingSettings(temperature=0.9, top_k=20, stop=("e", "a", " ")))
    session.state = kept
    assert session.settle() is session.state is kept


def test_settings_may_change_between_two_texts() -> None:
    hot, cold = SamplingSettings(temperature=2.0), SamplingSettings(temperature=0.2, words=WORDS)
    session, other = generator(), generator()
    texts = [write(session, 60, settings) for settings in (hot, cold, hot)]
    for settings, text in zip((hot, cold, hot), texts, strict=True):
        kept = other.settle()
        other = generator()
        other.state = kept
        assert write(other, 60, settings) == text
    assert session.sampler(hot) is session.sampler(SamplingSettings(temperature=2.0))
    assert session.sampler(cold) is not session.sampler(hot)


def test_length_and_settings_have_defaults() -> None:
    expected = write(generator(), 500, SamplingSettings())
    assert "".join(generator().stream()) == generator().generate().text == expected
    assert "".join(piece.text for piece in generator().pieces()) == expected


@pytest.mark.parametrize("engine", [NumpyEngine, PieceEngine, JaxEngine])
def test_a_text_broken_off_leaves_the_state_of_what_was_shown(engine: Any) -> None:
    # Much is held back: each "e", and what follows it.
    settings = SamplingSettings(temperature=0.9, top_k=20, stop=("e\n\n\n", "a b c d"))
    writer = {NumpyEngine: None, JaxEngine: JAX}.get(engine) or (
        PieceEngine() if engine is PieceEngine else None
    )
    whole = write(generator(), 400, settings)
    for count in (0, 1, 2, 3, 5):
        session = generator(writer)
        stream = session.stream(400, settings)
        text = "".join(islice(stream, count))
        stream.close()
        assert whole.startswith(text)
        assert_state_after(session.settle(), "\n" * bool(count) + text, len(text))
        assert text + write(session, 400 - len(text), settings) == whole


def test_a_fork_of_a_text_that_was_stopped_goes_on_from_what_was_shown() -> None:
    session = generator(PieceEngine())
    sample = session.generate(300, SamplingSettings(temperature=0.9, top_k=20, stop=("th",)))
    assert sample.finish_reason == "stop"
    twin, other = session.fork(), session.fork(4)
    assert_state_after(twin.settle(), "\n" + sample.text, len(sample.text))
    assert_state_after(other.settle(), "\n" + sample.text, 0)
    after = write(session, 100)
    assert write(twin, 100) == after
    assert write(other, 100) != after


@pytest.mark.parametrize("engine", [NumpyEngine, PieceEngine])
def test_samples_side_by_side_end_each_where_they_would_alone(engine: Any) -> None:
    settings = SamplingSettings(temperature=0.9, top_k=20, stop=("th", "e"), lines=4)
    alone = [generator(sample=number).generate(120, settings) for number in range(6)]
    writer = PieceEngine() if engine is PieceEngine else None
    together = [generator(writer, number) for number in range(6)]
    columns = list(zip(*write_side_by_side(together, 120, settings), strict=True))
    for session, column, sample in zip(together, columns, alone, strict=True):
        pieces = [piece for piece in column if piece is not None]
        assert Sample.of(pieces).text == sample.text
        assert pieces[-1].finish == sample.finish_reason
        assert_state_after(session.settle(), "\n" + sample.text, len(sample.text))
    assert len({len(sample.text) for sample in alone}) > 2


# The same network, whose last id is the end symbol.
OF_DOCUMENTS = Vocabulary("abcdefghijklmnopqrstuv .\n" + END)


def of_documents(engine: Engine | None, sample: int = 0) -> Generator:
    return Generator(READER, OF_DOCUMENTS, END, seed=11, sample=sample, engine=engine)


@pytest.mark.slow
@pytest.mark.parametrize("engine", [None, PieceEngine(), JAX], ids=["numpy", "pieces", "jax"])
def test_a_text_ends_where_the_end_symbol_is_drawn(engine: Engine | None) -> None:
    hot, ends = SamplingSettings(temperature=1.5), set()
    for sample in range(12):
        session = of_documents(engine, sample)
        text = session.generate(400, hot)
        assert END not in text.text
        ends.add(text.finish_reason)
        if text.finish_reason != "end":
            continue
        # The end symbol is read: the next text is a document of its own.
        state = session.settle()
        assert OF_DOCUMENTS.decode(state.recent) == END + text.text + END
        assert state.position == len(text.text) + 1
        read = of_documents(None)
        end = np.array([OF_DOCUMENTS.end_id], np.int32)
        read.feed_tokens(np.concatenate([end, OF_DOCUMENTS.encode(text.text), end]))
        for one, other in zip(state.recurrent, read.settle().recurrent, strict=True):
            np.testing.assert_allclose(one.cell, other.cell, atol=2e-5)
    assert "end" in ends


def test_a_prompt_begins_a_text_unless_it_continues_one() -> None:
    begun, told, continued = generator(), generator(), generator()
    begun.feed("the ")
    told.feed("\nthe ", continues=True)
    continued.feed("the ", continues=True)
    assert VOCABULARY.decode(begun.settle().recent) == "\nthe "
    assert write(begun, 50) == write(told, 50)
    assert write(begun, 50) != write(continued, 50)
    # Only the first text has a start before it.
    begun.feed("men")
    assert VOCABULARY.decode(begun.settle().recent).count("\nthe ") == 1


def test_the_end_is_always_permitted_but_before_the_last_given_line() -> None:
    only = SamplingSettings(temperature=1.5, only="ab")
    reasons = {of_documents(None, sample).generate(300, only).finish_reason for sample in range(9)}
    assert reasons == {"end"}
    starts = SamplingSettings(temperature=1.5, starts=("a", "b", "c"))
    for sample in range(9):
        text = of_documents(None, sample).generate(2000, starts)
        lines = text.text.split("\n")
        assert [line[:1] for line in lines[:3]] == ["a", "b", "c"] or text.finish_reason == "length"


def test_texts_are_read_in_the_normal_form_of_the_training_text() -> None:
    composed = Vocabulary("abcdefghijklmnopqrstuvw \u00e9\n")
    session = Generator(READER, composed, "\n", normalization="nfc")
    session.feed("cafe\u0301", "error")
    assert composed.decode(session.settle().recent) == "\ncaf\u00e9"
