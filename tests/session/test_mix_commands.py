"""A session in which several runs write together."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.generators import result_of
from tests.networks import random_model
from tests.session.sessions import text_of, transcript
from textgen.errors import RunNotFoundError, SettingError
from textgen.generation.mixed_model import MixedModel
from textgen.generation.model import Model
from textgen.runs.run import Run
from textgen.session.commands import Session
from textgen.session.conversation import Conversation
from textgen.session.session_file import SavedPart, read_session
from textgen.settings import SamplingSettings

MODELS = {
    name: replace(
        random_model(characters=characters, seed=number),
        run=Run(Path("checkpoints", name)),
        step=number,
        sha256=f"{number:064}",
    )
    for number, (name, characters) in enumerate(
        {"one": "\n abcd", "two": "\n bcdxyz", "three": "\n ab"}.items(), start=1
    )
}


def mix(model: Any, others: Sequence[str]) -> Model | MixedModel:
    found, weights = [model], list[float]()
    for typed in "+".join(others).split("+") if others else ():
        name, _, weight = typed.partition(":")
        if name not in MODELS:
            raise RunNotFoundError(name, Path("checkpoints"), [*MODELS])
        found.append(MODELS[name])
        weights.append(float(weight or 0.5))
    return MixedModel(tuple(found), (1 - sum(weights), *weights)) if weights else model


def session(model: Any = None) -> Session:
    settings = SamplingSettings()
    conversation = Conversation(model or MODELS["one"], settings, seed=5, length=12)
    return Session(conversation, load=lambda name: MODELS[name], mix=mix)


def test_a_run_is_mixed_in_shown_and_taken_out_again() -> None:
    held = session()
    assert "mix" not in transcript(held, "/show").replace("/show", "")
    assert transcript(held, "/mix") == (
        "> /mix\n[mix: off; /mix RUN:0.3 lets another run write too, with this weight]\n"
    )
    assert transcript(held, "/mix two:0.3") == (
        "> /mix two:0.3\n[mix: two:0.3; a character takes 2 networks, about 2 times as long as "
        "one alone]\n"
    )
    assert "wrap: on\nmix: two:0.3]" in transcript(held, "/show")
    assert transcript(held, "/mix two:0.3+three:0.1", "/model") == (
        "> /mix two:0.3+three:0.1\n[mix: two:0.3+three:0.1; a character takes 3 networks, about "
        "3 times as long as one alone]\n"
        "> /model\n[one:0.6+two:0.3+three:0.1, steps 1, 2 and 3]\n"
    )
    assert "[mix: off" in transcript(held, "/mix off", "/mix off")
    assert held.conversation.model is MODELS["one"]


def test_the_text_goes_on_as_if_the_mixture_had_read_all_of_it() -> None:
    held, other = session(), session(mix(MODELS["one"], ["two:0.4"]))
    transcript(held, "ab", "/mix two:0.4", "")
    first = held.conversation.tree.turns[1].text
    other.conversation.generator.feed(first)
    before = other.conversation.generator.settle()
    state = replace(before, sample=1, position=0)
    other.conversation.generator.state = state
    assert other.conversation.generator.generate(12).text == held.conversation.tree.turns[2].written


def test_turns_are_scored_and_undone_with_the_mixture() -> None:
    held = session()
    transcript(held, "ab", "/mix two:0.9", "")
    mixed = mix(MODELS["one"], ["two:0.9"]).generator(seed=1)
    bits = mixed.score(text_of(held))
    assert f"{bits.mean():.3f}" == f"{_mean_bits(held):.3f}"
    turns = len(held.conversation.tree.current.path())
    transcript(held, "/undo")
    assert len(held.conversation.tree.current.path()) == turns - 1


def _mean_bits(held: Session) -> float:
    work = held.conversation.score(held.conversation.tree.current.path())
    return float(result_of(work).bits.mean())


def test_the_mixture_ends_although_the_run_alone_does_not_know_all_that_was_written() -> None:
    held = session()
    transcript(held, "ab", "/mix two:0.99", "", "")
    written = text_of(held)
    assert {*"xyz"} & {*written}
    answer = transcript(held, "/mix off")
    assert "[one reads what it does not know as the unknown character]" in answer
    # What is shown stays as it was written.
    assert written.strip("\n") in transcript(held, "/text")
    assert len(text_of(held)) == len(written)


def test_a_saved_session_goes_on_with_the_same_mixture() -> None:
    held = session()
    transcript(held, "ab", "/mix two:0.3+three:0.2", "", "/save s.json")
    saved = read_session(Path("s.json"))
    assert saved.run == "one"
    assert saved.mixed == (
        SavedPart("two", 2, f"{2:064}", 0.3),
        SavedPart("three", 3, f"{3:064}", 0.2),
    )
    again = session()
    answer = transcript(again, "/load s.json")
    assert "another model" not in answer
    assert again.conversation.model.name == "one:0.5+two:0.3+three:0.2"
    assert transcript(again, "") == transcript(held, "")
    assert again.conversation.saved() == held.conversation.saved()


def test_a_session_saved_without_a_mixture_ends_that_of_the_session() -> None:
    transcript(session(), "ab", "/save s.json")
    held = session()
    transcript(held, "/mix two:0.3", "/load s.json")
    assert held.conversation.model is MODELS["one"]


def test_a_mixture_with_a_run_that_is_gone_goes_on_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    transcript(session(), "ab", "/mix two:0.3", "/save s.json")
    monkeypatch.delitem(MODELS, "two")
    held = session()
    answer = transcript(held, "/load s.json")
    assert "no run named 'two'" in answer
    assert "the session goes on without what was mixed in]" in answer
    assert (
        "[the session was saved with another model, one+two:0.3 at step 1; the session continues "
        "with one at step 1]"
    ) in answer


def test_a_damaged_mixture_is_refused() -> None:
    transcript(session(), "ab", "/mix two:0.3", "/save s.json")
    saved = read_session(Path("s.json"))
    for changed in ({"share": 1.5}, {"share": 0}, {"run": 3}, {"step": -1}):
        part = replace(saved.mixed[0], **changed)  # type: ignore[arg-type]
        with pytest.raises(SettingError, match="must be"):
            replace(saved, mixed=(part,)).check()
    with pytest.raises(SettingError, match="must be"):
        replace(saved, mixed=(replace(saved.mixed[0], share=0.6),) * 2).check()


def test_what_does_not_fit_changes_nothing() -> None:
    held = session()
    transcript(held, "ab", "/mix two:0.3")
    before, saved = held.conversation.model, held.conversation.saved()
    assert "[no run named 'cow'" in transcript(held, "/mix cow")
    assert (
        transcript(held, "/learn on")
        == "> /learn on\n[a mixture of runs does not learn; /mix off ends the mixture]\n"
    )
    assert held.conversation.model is before
    assert held.conversation.saved() == saved
