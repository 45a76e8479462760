import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.networks import random_model
from tests.serve.clients import Answer, sample, session
from textgen.errors import ClosingError, QueueFullError, SettingError, UsageError
from textgen.generation.model import Model
from textgen.runs.run import Run
from textgen.serve import scheduler as scheduler_module
from textgen.serve.order import Order, Part
from textgen.serve.scheduler import Scheduler
from textgen.serve.served_model import ServedModel
from textgen.serve.text import Text
from textgen.settings import SamplingSettings

MODEL = random_model(hidden=8)
# Settings of every kind, which are rows of different loops.
KINDS = [
    SamplingSettings(),
    SamplingSettings(temperature=0),
    SamplingSettings(temperature="0.4..1.3"),
    SamplingSettings(temperature="1,0.5,0.2", stop=("ab", "cc")),
    SamplingSettings(top_k=3, repetition_penalty=1.3, repetition_window=9),
    SamplingSettings(top_k=5, repetition_penalty=0.7, repetition_window=2, forbid="a"),
    SamplingSettings(words=("abc", "dead", "fed"), lines=3),
    SamplingSettings(starts=("ab", "c"), only="abcdef \n"),
    SamplingSettings(starts=("f", "e", "d"), lines=7),
]


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler([MODEL])
    made.start()
    yield made
    made.close(0)


@pytest.fixture(autouse=True)
def wait_for_the_compiler(scheduler: Scheduler) -> Iterator[None]:
    """Compile nothing between two tests: what was compiled is copied then."""
    yield
    while scheduler.is_compiling:
        time.sleep(0.01)


@pytest.fixture
def own() -> Iterator[Any]:
    """Start schedulers that end with the test."""
    made: list[Scheduler] = []

    def start(model: Model = MODEL, **options: Any) -> Scheduler:
        made.append(Scheduler([model], **options))
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.close(0)


@pytest.mark.slow
def test_a_text_is_what_sample_writes_whatever_is_written_beside_it(scheduler: Scheduler) -> None:
    answers = []
    for number in range(4 * len(KINDS)):
        settings, length = KINDS[number % len(KINDS)], 20 + 37 * (number % 7)
        prompt = "abc def\n"[: number % 9]
        options = {"seed": number % 5, "sample": number}
        asked = Answer(scheduler, prompt=prompt, length=length, settings=settings, **options)
        answers.append((asked, sample(MODEL, prompt, length, settings, **options)))
    for asked, alone in answers:
        assert (asked.text, asked.finish) == (alone.text, alone.finish_reason)


def test_texts_join_and_leave_between_pieces(scheduler: Scheduler) -> None:
    long = Answer(scheduler, length=10**9, seed=5).begun()
    for number in range(8):
        short = Answer(scheduler, prompt="ab", length=10 + number, seed=number)
        assert short.text == sample(MODEL, "ab", 10 + number, SamplingSettings(), seed=number).text
        assert not long.is_over
    assert len(long.parts) > 8
    long.ticket.cancel()
    alone = sample(MODEL, "", min(len(long.text), 5000), SamplingSettings(), seed=5)
    assert long.text[:5000] == alone.text


def test_a_cancelled_text_frees_its_place(own: Any) -> None:
    scheduler = own(max_running=1)
    first = Answer(scheduler, length=10**9).begun()
    second = Answer(scheduler, length=5)
    third = Answer(scheduler, length=5)
    third.ticket.cancel()  # it waits, and is not written later
    assert (third.text, third.finish) == ("", "cut")
    assert not second.parts
    begun = time.monotonic()
    first.ticket.cancel()
    assert (first.finish, second.finish) == ("cut", "length")
    assert time.monotonic() - begun < 5
    figures = scheduler.figures()
    assert (figures.running, figures.waiting) == (0, 0)
    assert figures.finished == {"cut": 2, "length": 1}


def test_a_long_prompt_does_not_hold_up_others(scheduler: Scheduler) -> None:
    long = Answer(scheduler, prompt="abcdef" * 50_000, length=3)
    short = Answer(scheduler, prompt="fed", length=200, seed=3)
    assert short.text == sample(MODEL, "fed", 200, SamplingSettings(), seed=3).text
    assert not long.parts
    long.ticket.cancel()
    assert long.finish == "cut"


def test_of_a_text_that_is_sent_again_only_the_new_characters_are_read(own: Any) -> None:
    scheduler, text, sent = own(), "abc def\n", ""
    for turn, more in enumerate(["ab", "cde\nab", "f"]):
        answer = Answer(scheduler, prompt=text, length=30 + turn, seed=turn)
        alone = sample(MODEL, text, 30 + turn, SamplingSettings(), seed=turn)
        assert answer.text == alone.text
        assert answer.parts[0].read == len(sent or text)
        text, sent = text + answer.text + more, more
    assert scheduler.figures().hits == 2
    # The same prompt is read once, and other weights or another start have states of their own.
    assert Answer(scheduler, prompt=text, length=1).whole().parts[0].read == len(more)
    assert Answer(scheduler, prompt=text, length=1).whole().parts[0].read == 0
    inside = Answer(scheduler, prompt=text, length=1, is_continued=True).whole()
    assert inside.parts[0].read == len(text)


def test_without_room_for_states_the_whole_prompt_is_read(own: Any) -> None:
    scheduler = own(sessions=0)
    for _ in range(2):
        assert Answer(scheduler, prompt="abc", length=2).whole().parts[0].read == 3
    assert scheduler.figures().kept == scheduler.figures().hits == 0


def test_a_text_that_ended_within_a_piece_goes_on_from_its_end(own: Any) -> None:
    scheduler, settings = own(), SamplingSettings(stop=("d",), temperature=2)
    for seed in range(6):
        # The loop writes on after a stop, and after the length of the shorter of two texts.
        beside = Answer(scheduler, length=200, seed=100 + seed)
        stopped = Answer(scheduler, prompt="ab", length=400, settings=settings, seed=seed)
        short = Answer(scheduler, prompt="f", length=11, seed=seed)
        assert (beside.finish, stopped.finish, short.finish) == ("length", "stop", "length")
        for text in ("ab" + stopped.text + "d", "f" + short.text + "d"):
            then = Answer(scheduler, prompt=text, length=50, seed=seed)
            assert then.text == sample(MODEL, text, 50, SamplingSettings(), seed=seed).text
            assert then.parts[0].read == 1


@pytest.mark.slow
def test_the_log_probabilities_are_those_of_the_model(scheduler: Scheduler) -> None:
    prompt, settings = "abcT", SamplingSettings(temperature=0.5, top_k=3, forbid="e")
    asked = Answer(
        scheduler, prompt=prompt, length=40, settings=settings, seed=7, top=20, scores_prompt=True
    )
    assert asked.text == sample(MODEL, prompt, 40, settings, seed=7).text
    places = [*asked.parts[0].prompt_likely, *asked.likely]
    whole = MODEL.config.vocabulary.encode(prompt + asked.text)
    assert [place.token for place in places] == whole.tolist()
    alone = MODEL.generator(seed=0)
    alone.read_start()
    bits = alone.score_tokens(whole)
    logprobs = [place.logprob for place in places]
    np.testing.assert_allclose(logprobs, -bits * np.log(2), atol=1e-4)
    for place in places:
        assert len(place.top) == len(MODEL.config.vocabulary)
        assert sum(np.exp(logprob) for _, logprob in place.top) == pytest.approx(1, abs=1e-5)
        assert dict(place.top)[place.token] == pytest.approx(place.logprob, abs=1e-6)
        assert [p for _, p in place.top] == sorted((p for _, p in place.top), reverse=True)
    likelier = Answer(scheduler, prompt=prompt, length=40, settings=settings, seed=7, top=2)
    assert [place.top for place in likelier.likely] == [place.top[:2] for place in asked.likely]
    assert not likelier.parts[0].prompt_likely


def test_a_prompt_is_scored_without_writing(scheduler: Scheduler) -> None:
    alone = session(MODEL, "")
    bits = alone.score("fed cab")
    asked = Answer(scheduler, prompt="fed cab", length=0, top=0, scores_prompt=True)
    assert (asked.text, asked.finish, len(asked.parts)) == ("", "length", 1)
    told = asked.parts[0].prompt_likely
    np.testing.assert_allclose([-place.logprob for place in told], bits * np.log(2), atol=1e-4)
    assert all(place.top == () for place in told)


@pytest.mark.slow
def test_a_bias_forbids_and_forces_characters(scheduler: Scheduler) -> None:
    a, b = MODEL.config.vocabulary.encode("ab").tolist()
    forced = Answer(scheduler, length=30, logit_bias={a: 100})
    without = Answer(scheduler, length=300, logit_bias={a: -100, b: -100}, seed=1)
    assert forced.text == "a" * 30
    assert not {*"ab"} & {*without.text}
    assert Answer(scheduler, length=300, seed=1, logit_bias={a: 0}).text == (
        sample(MODEL, "", 300, SamplingSettings(), seed=1).text
    )


def test_what_is_wrong_with_an_order_is_told_at_once(scheduler: Scheduler) -> None:
    tokens = np.array([1, len(MODEL.config.vocabulary)], np.int32)
    for order, told in (
        ({"model": "other", "prompt": tokens}, "no model 'other' is served; there is 'made-up'"),
        ({"prompt": tokens}, "the prompt holds the id 12; the model knows the ids 0 to 11"),
        ({"prompt": tokens[:0] - 1, "logit_bias": {-1: 1.0}}, "the logit_bias holds the id -1"),
        ({"logit_bias": {1: 101.0}}, "logit_bias of 1 must be"),
        ({"length": 10**12}, "length must be"),
        ({"length": -1}, "length must be"),
        ({"seed": -1}, "seed must be"),
        ({"top": 21}, "top must be"),
        ({"scores_prompt": True}, "scores_prompt must be given with top"),
        ({"settings": SamplingSettings(only="X")}, "only must be"),
        ({"labels": {"kind": "low"}}, "trained without labels"),
    ):
        with pytest.raises(UsageError, match=told):
            Answer(scheduler, **order)
    # What takes long to prepare is told later.
    with pytest.raises(SettingError, match="words must be"):
        Answer(scheduler, settings=SamplingSettings(words=("XY",))).whole()
    with pytest.raises(Exception, match="made-up"):
        Answer(scheduler, settings=SamplingSettings(max_copy=3)).whole()
    assert Answer(scheduler, length=3).finish == "length"


def test_a_full_queue_says_when_to_come_again(own: Any) -> None:
    scheduler = own(max_running=1, max_waiting=2)
    running = Answer(scheduler, length=10**9).begun()
    waiting = [Answer(scheduler, length=1) for _ in range(2)]
    with pytest.raises(QueueFullError, match="2 texts are waiting already; try again in") as caught:
        Answer(scheduler, length=1)
    assert 1 <= caught.value.retry_after <= 60
    running.ticket.cancel()
    assert {answer.finish for answer in waiting} == {"length"}


@pytest.mark.slow
def test_closing_finishes_texts_or_cuts_them(own: Any) -> None:
    scheduler = own()
    short, long = Answer(scheduler, length=50), Answer(scheduler, length=10**9).begun()
    begun = time.monotonic()
    closing = threading.Thread(target=scheduler.close, args=[0.5])
    closing.start()
    while time.monotonic() - begun < 0.2:
        time.sleep(0.05)
    with pytest.raises(ClosingError):
        Answer(scheduler, length=1)
    closing.join()
    with pytest.raises(ClosingError):
        Answer(scheduler, length=1, settings=SamplingSettings(words=("abc",))).whole()
    assert 0.4 < time.monotonic() - begun < 4
    assert (short.finish, long.finish) == ("length", "cut")
    alone = sample(MODEL, "", min(len(long.text), 500), SamplingSettings())
    assert long.text[:500] == alone.text


def test_a_fault_ends_the_texts_it_belongs_to_and_no_others(
    own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = own()

    def refuse(part: Part | Exception) -> None:
        raise RuntimeError("the client is gone")

    order = Order(model=MODEL.name, prompt=np.zeros(0, np.int32), length=10**9)
    scheduler.submit(order, refuse)
    assert Answer(scheduler, length=9).finish == "length"
    draw = Text.draw

    def fail_sometimes(text: Text, count: int) -> Any:
        if text.order.seed == 13:
            raise MemoryError("no memory for this text")
        return draw(text, count)

    monkeypatch.setattr(Text, "draw", fail_sometimes)
    with pytest.raises(MemoryError):
        Answer(scheduler, length=9, seed=13, settings=SamplingSettings(top_k=3)).whole()
    assert Answer(scheduler, length=9).finish == "length"
    assert scheduler.figures().finished["error"] == 1


def test_two_runs_of_one_name_or_a_run_of_both_directions_are_refused() -> None:
    with pytest.raises(UsageError, match="two runs have the name 'made-up'"):
        Scheduler([MODEL, MODEL])


@pytest.mark.slow
def test_labels_and_limited_copies_are_those_of_sample(labelled_run: Path, own: Any) -> None:
    model = Model.best_of(Run(labelled_run))
    scheduler = own(model)
    asked, settings = [{"kind": "low"}, {"kind": "high", "language": "two"}, {}], SamplingSettings()
    answers = [Answer(scheduler, length=60, labels=labels, seed=3) for labels in asked]
    copying = Answer(scheduler, length=200, settings=SamplingSettings(max_copy=3), seed=3)
    for labels, answer in zip(asked, answers, strict=True):
        assert answer.text == sample(model.labelled(labels), "", 60, settings, seed=3).text
        assert answer.finish == "end"
        # The symbol of the end was read too, but is not a part of what a client sends again.
        text = answer.text + "a"
        then = Answer(scheduler, prompt=text, length=60, labels=labels, seed=4, top=0)
        alone = session(model.labelled(labels), text, seed=4)
        nats = alone.fork().score(then.text) * np.log(2)
        assert then.text == alone.generate(60, settings).text
        assert then.parts[0].read == 1
        logprobs = [place.logprob for place in then.likely[: len(nats)]]
        np.testing.assert_allclose(logprobs, -nats, atol=1e-4)
    limited = sample(model, "", 200, SamplingSettings(max_copy=3), seed=3)
    assert (copying.text, copying.finish) == (limited.text, limited.finish_reason)
    with pytest.raises(UsageError, match="kind has no value 'middle'"):
        Answer(scheduler, labels={"kind": "middle"})


@pytest.mark.slow
def test_a_better_checkpoint_is_taken_up_but_never_within_a_text(
    tiny_run: Path, own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(tiny_run)
    first, best = Model.of(run, run.load(10), "1" * 64), Model.best_of(run)
    assert best.step == 20
    is_saved, follow = threading.Event(), ServedModel.follow
    monkeypatch.setattr(scheduler_module, "FOLLOW_SECONDS", 0.1)
    monkeypatch.setattr(ServedModel, "follow", lambda self: is_saved.is_set() and follow(self))
    scheduler = own(first, follow=True)
    served = scheduler.models["fox"]
    long = Answer(scheduler, length=3000, seed=1)
    is_saved.set()
    while served.step == 10:
        time.sleep(0.01)
    assert served.step == 20
    new = Answer(scheduler, length=50, seed=1)
    assert new.text == sample(best, "", 50, SamplingSettings(), seed=1).text
    assert long.text == sample(first, "", 3000, SamplingSettings(), seed=1).text
    assert not served.follow()
    # A run that vanishes is served from memory.
    shutil.rmtree(tiny_run)
    assert not served.follow()
    again = Answer(scheduler, prompt="the", length=50, seed=1)
    assert again.text == sample(best, "the", 50, SamplingSettings(), seed=1).text
