"""Sessions that learn, with a run that was trained for a few steps."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.session.sessions import queued, random_session, text_of, transcript
from textgen.errors import UsageError
from textgen.evaluation.protocols import DynamicEvaluator, DynamicSettings
from textgen.generation.generator import Generator
from textgen.generation.model import Model
from textgen.network.model import network_function
from textgen.session.commands import Session
from textgen.session.conversation import Conversation
from textgen.settings import LearningSettings, SamplingSettings
from textgen.training.online import Learner
from textgen.workflows.keep import keep_learnt
from textgen.workflows.load import load_model

TYPED = "a red fox and a dog jump over the lazy brown cow. "


@pytest.fixture
def begin(tiny_run: Path) -> Callable[..., Session]:
    """Return a function that begins a session in which each turn waits for what is learnt."""
    model = load_model(str(tiny_run))

    def session(*, length: int = 30, learns: bool = True) -> Session:
        conversation = Conversation(model, SamplingSettings(), seed=3, length=length)
        made = Session(
            conversation,
            load=load_model,
            keep=lambda learnt, name: keep_learnt(model, learnt, name),
        )
        if learns:
            assert "learning is on" in transcript(made, "/learn on")
        return made

    return session


def model_of(session: Session) -> Model:
    model = session.conversation.model
    assert isinstance(model, Model)
    return model


def weights_of(session: Session) -> bytes:
    """Return the bytes of the weights that the session writes with."""
    parameters = session.conversation.generator.reader.parameters
    return b"".join(np.asarray(parameters[name]).tobytes() for name in sorted(parameters))


@pytest.mark.slow
def test_undo_goto_and_redo_bring_back_the_bytes_of_the_weights(
    begin: Callable[..., Session],
) -> None:
    session = begin()
    found = [weights_of(session)]
    for line in (TYPED, TYPED.upper().lower(), ""):
        transcript(session, line)
        found.append(weights_of(session))
    assert len({*found}) == 4
    for number in (2, 1, 0):
        transcript(session, "/undo")
        assert weights_of(session) == found[number]
    for number in (1, 2, 3):
        transcript(session, "/redo")
        assert weights_of(session) == found[number]
    transcript(session, "/goto 2")
    assert weights_of(session) == found[2]


@pytest.mark.slow
def test_weights_that_were_dropped_are_learnt_again_to_the_same_bytes(
    begin: Callable[..., Session],
) -> None:
    session = begin()
    transcript(session, TYPED)
    first = weights_of(session)
    transcript(session, TYPED * 2, "")
    learning = session.conversation.taught.learning
    assert learning is not None
    learning.pause()
    learning.weights.__init__(learning.learner.trained, 20, 1)  # type: ignore[misc]
    assert "[learning 40 characters again; Ctrl-C stops it]" in transcript(session, "/goto 1")
    assert weights_of(session) == first


@pytest.mark.slow
def test_a_saved_session_comes_back_to_the_same_weights_and_writes_the_same(
    begin: Callable[..., Session],
) -> None:
    session = begin()
    transcript(session, TYPED, "", TYPED, "/save here.json")
    weights, text = weights_of(session), transcript(session, "").splitlines()[1]
    other = begin(learns=False)
    shown = transcript(other, "/load here.json")
    assert "learning again what was learnt" in shown
    assert "differs" not in shown
    assert weights_of(other) == weights
    assert transcript(other, "").splitlines()[1] == text
    # It goes on learning.
    assert "learning is on" in transcript(other, "/learn")


@pytest.mark.slow
def test_turns_that_began_early_come_back_with_as_much_as_they_had_learnt(
    begin: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textgen.session.learning.BEFORE_WRITING", -1.0)
    session = begin()
    learning = session.conversation.taught.learning
    assert learning is not None
    learning.waits = learning.learner is None  # false, when the network is ready
    study = learning.study

    def study_at_once(*texts: NDArray[np.integer]) -> None:
        study(*texts)
        wanted = learning.learner.segments_in(texts[0])
        while learning.weights.find(texts[0]).segments < wanted:
            time.sleep(0.01)

    # All is learnt in the background before the turn is told, which then says what it went without.
    monkeypatch.setattr(learning, "study", study_at_once)
    assert "60 wait]" in transcript(session, TYPED + TYPED[:30])
    weights = weights_of(session)
    transcript(session, "/save here.json")
    other = begin(learns=False)
    assert "differs" not in transcript(other, "/load here.json")
    assert weights_of(other) == weights


def test_a_session_that_learnt_nothing_is_saved_as_before(begin: Callable[..., Session]) -> None:
    session = begin(learns=False)
    transcript(session, TYPED, "/save here.json")
    content = json.loads(Path("here.json").read_text(encoding="utf-8"))
    assert not {"learning", "learns", "learnt_weights"} & {*content, *content["turns"][0]}


def test_what_was_learnt_elsewhere_is_told(begin: Callable[..., Session]) -> None:
    session = begin()
    transcript(session, TYPED)
    conversation = session.conversation
    saved = conversation.saved()
    object.__setattr__(saved, "learnt_weights", "0" * 64)
    from textgen.session.file_commands import restore

    shown = [getattr(part, "text", part) for part in restore(session, saved, "loaded")]
    assert any("differs in the last digits" in part for part in shown)


@pytest.mark.slow
def test_learning_is_dynamic_evaluation_of_what_was_typed_and_kept(
    begin: Callable[..., Session],
) -> None:
    session = begin()
    transcript(session, TYPED, "", TYPED * 3)
    learnt, model = session.conversation.taught.in_use, model_of(session)
    assert learnt is not None
    path = session.conversation.tree.current.path()
    text = "".join(turn.text for turn in path[:-1]) + path[-1].read
    vocabulary, settings = model.config.vocabulary, model.config.settings
    tokens = vocabulary.encode("\n" + text)[: learnt.characters + 1]
    assert len(tokens) == learnt.characters + 1
    chosen = LearningSettings()
    copies = DynamicSettings(learners=(Learner(chosen.learning_rate, chosen.decay),))
    training = model.training_tokens()
    assert training is not None
    evaluator = DynamicEvaluator(network_function(settings), settings, copies)
    nats = np.concatenate([*evaluator.measure(model.parameters, training, tokens)])  # type: ignore[arg-type]
    assert learnt.bits_per_character == pytest.approx(float(nats.mean()) / math.log(2), rel=1e-5)


@pytest.mark.slow
def test_what_was_undone_or_written_again_is_not_learnt(begin: Callable[..., Session]) -> None:
    session = begin()
    transcript(session, TYPED, TYPED.replace("fox", "cat"), "/undo", "/regen")
    learnt = session.conversation.taught.in_use
    assert learnt is not None
    assert learnt.characters == 40  # TYPED has 50 characters, and segments have 20
    kept = text_of(session)
    transcript(session, "")
    after = session.conversation.taught.in_use
    assert after is not None
    assert after.characters == len(kept) // 20 * 20
    straight = begin()
    straight.conversation.length = 30
    for line in (TYPED, "/regen", "/regen", ""):
        transcript(straight, line)
    assert len(text_of(straight)) == len(text_of(session))


@pytest.mark.slow
def test_off_keeps_what_was_learnt_and_learns_no_more(begin: Callable[..., Session]) -> None:
    session = begin()
    transcript(session, TYPED)
    weights = weights_of(session)
    assert "what was learnt stays" in transcript(session, "/learn off")
    assert "learnt" not in transcript(session, TYPED).replace("/learn", "")
    assert weights_of(session) == weights
    assert "learning is off" in transcript(session, "/learn")
    transcript(session, "/learn on", TYPED)
    learnt = session.conversation.taught.in_use
    assert learnt is not None
    # The turn in between is not learnt: 50 typed and 30 written characters, and 50 more.
    assert learnt.characters == 120


@pytest.mark.slow
def test_clear_begins_with_the_trained_network(begin: Callable[..., Session]) -> None:
    session = begin()
    before = weights_of(session)
    transcript(session, TYPED)
    learnt = weights_of(session)
    transcript(session, "/clear")
    assert weights_of(session) == before
    transcript(session, "/undo")
    assert weights_of(session) == learnt


def test_a_turn_tells_what_was_learnt_and_how_well_it_is_known(
    begin: Callable[..., Session],
) -> None:
    session = begin()
    shown = transcript(session, TYPED * 4)
    assert "[learnt 200 characters: " in shown
    before, after = (float(shown.split(word)[0].split()[-1]) for word in (" bits per", " after"))
    assert after < before
    status = transcript(session, "/learn")
    assert "[200 characters are learnt. " in status
    assert "sets of weights are kept for /undo and /goto" in status


@pytest.mark.slow
def test_another_run_learns_the_same_text_anew(begin: Callable[..., Session]) -> None:
    session = begin()
    transcript(session, TYPED)
    weights = weights_of(session)
    transcript(session, "/model fox")
    assert weights_of(session) == weights
    transcript(session, "/learn off", "/undo", "/redo")
    assert weights_of(session) == weights


@pytest.mark.slow
def test_what_was_learnt_is_kept_as_a_run_with_its_ancestor(begin: Callable[..., Session]) -> None:
    session = begin()
    model = model_of(session)
    transcript(session, TYPED)
    assert "[kept 40 learnt characters as the run 'mine'; " in transcript(session, "/keep mine")
    kept = load_model("mine")
    generator = session.conversation.generator
    for name, array in generator.reader.parameters.items():
        assert np.asarray(array).tobytes() == kept.parameters[name].tobytes()
    (ancestor,) = kept.run.record().ancestry
    assert (ancestor.name, ancestor.step) == (model.name, model.step)
    assert (ancestor.sha256, ancestor.learnt_characters) == (model.sha256, 40)
    assert not kept.run.problems()
    assert "choose another name, such as mine-2" in transcript(session, "/keep mine")
    assert "/keep takes the name" in transcript(session, "/keep")


@pytest.mark.slow
def test_a_run_whose_checkpoints_are_pruned_still_learns_and_is_kept(
    begin: Callable[..., Session],
) -> None:
    session = begin(learns=False)
    run = model_of(session).run
    run.remove(run.steps())
    shown = transcript(session, "/learn on", TYPED, "/keep mine")
    assert "[kept 40 learnt characters as the run 'mine'; " in shown


def test_words_that_are_no_switch_and_runs_that_cannot_learn_are_refused() -> None:
    session = random_session()
    assert "has not kept its training text" in transcript(session, "/learn on")
    assert "/learn takes no argument, or the word on or off" in transcript(session, "/learn maybe")
    assert "learning is off" in transcript(session, "/learn")
    assert "nothing is learnt yet" in transcript(session, "/keep mine")


def test_a_network_that_cannot_start_to_learn_writes_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise UsageError("JAX is not installed")

    monkeypatch.setattr(Generator, "learner", fail)
    session, _ = queued("abcd", "efgh")
    shown = transcript(session, "/learn on", "the cat", "")
    assert "abcd[learning is off: JAX is not installed]\n" in shown
    assert shown.endswith("> \nefgh\n")
