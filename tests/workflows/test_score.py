import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.conftest import TEXT
from textgen.errors import UnknownCharacterError, UsageError
from textgen.generation.model import Model
from textgen.runs.run import Run
from textgen.workflows.load import load_mixed, load_model
from textgen.workflows.score import Scoring

LONG = TEXT * 8  # long enough for the compiled loop


def pieces(text: str, size: int = 70) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.slow
@pytest.mark.parametrize("text", [TEXT[:500], LONG], ids=["numpy", "jax"])
def test_a_text_its_lines_and_its_characters_add_up_to_the_same(tiny_run: Path, text: str) -> None:
    model = load_model("fox")
    whole, lines = Scoring([model]), Scoring([model])
    parts = list(whole.read([text]))
    assert "".join(part.text for part in parts) == text
    found = list(lines.read_lines(pieces(text)))
    assert [line.text for line in found] == text.splitlines()
    total = sum(float(part.nats.sum(dtype=np.float64)) for part in parts)
    assert whole.nats[0] == pytest.approx(total, rel=1e-6)
    assert lines.nats[0] == pytest.approx(total, rel=1e-6)
    assert sum(line.nats[0] for line in found) == pytest.approx(total, rel=1e-6)
    expected = model.generator(seed=0).score(text[:500])
    bits = np.concatenate([part.nats[0] for part in parts])[:500] / math.log(2)
    assert bits == pytest.approx(expected, abs=1e-4)
    (run,) = whole.report()["runs"]
    assert run["perplexity"] == pytest.approx(math.exp(total / len(text)), rel=1e-6)
    assert run["bits"] == pytest.approx(total / math.log(2), rel=1e-6)


def test_lines_that_stand_alone_do_not_depend_on_those_before(tiny_run: Path) -> None:
    model = load_model("fox")
    text = "the dog\nthe quick fox\n\nthe dog\n"
    found = list(Scoring([model]).read_each_line(pieces(text, 5)))
    assert [line.text for line in found] == ["the dog", "the quick fox", "", "the dog"]
    assert found[0].nats == found[3].nats
    alone = model.generator(seed=0).score("the quick fox\n").sum() * math.log(2)
    assert found[1].nats[0] == pytest.approx(alone, rel=1e-6)


def test_what_a_model_does_not_know_counts_as_one_of_the_rest_of_unicode(tiny_run: Path) -> None:
    scoring = Scoring([load_model("fox")])
    (part,) = scoring.read(["the \u2603 d\u00e9g \u2603"])
    unknown = scoring.unknown[0]
    assert (unknown.count, unknown.examples) == (3, ["\u2603", "\u00e9"])
    places = [4, 7, 10]
    assert unknown.nats == pytest.approx(part.nats[0, places].sum(), rel=1e-6)
    # log2 of all of Unicode alone is 20 bits.
    assert min(part.nats[0, places]) > 20 * math.log(2)
    assert max(np.delete(part.nats[0], places)) < 20 * math.log(2)


def test_unknown_characters_can_be_rewritten_for_all_models_alike(tiny_run: Path) -> None:
    model = load_model("fox")
    texts = {}
    for way in ("nearest", "skip"):
        scoring = Scoring([model, model], on_unknown=way)  # type: ignore[arg-type]
        (part,) = scoring.read(["d\u00f6g"])
        texts[way] = part.text
        assert scoring.nats[0] == scoring.nats[1]
    assert texts == {"nearest": "dog", "skip": "dg"}
    with pytest.raises(UnknownCharacterError, match="position 8"):
        list(Scoring([model], on_unknown="error").read(["the d", "og\u00f6"]))


def test_how_much_there_is_to_read_decides_and_not_what_is_left_of_the_first_piece(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring = Scoring([load_model("fox")], on_unknown="skip")
    seen: list[str] = []
    monkeypatch.setattr(scoring, "_scorers", lambda text: seen.append(text) or [fake])
    fake = SimpleNamespace(piece=4, read=lambda tokens: np.zeros(len(tokens), np.float32))
    assert [part.text for part in scoring.read(["\u2603" * 9, "the dog"])] == ["the ", "dog"]
    assert seen == ["\u2603" * 9]


@pytest.mark.slow
def test_models_that_learn_need_the_text_they_were_trained_on(tiny_run: Path) -> None:
    scoring = Scoring([load_model("fox")], dynamic=True)
    list(scoring.read([LONG]))
    plain = Scoring([load_model("fox")])
    list(plain.read([LONG]))
    assert scoring.nats[0] < 0.9 * plain.nats[0]
    assert scoring.report()["protocol"] == "dynamic"
    run = Run(tiny_run)
    record = run.record()
    corpus = type(record.corpus)(**(vars(record.corpus) | {"kept": False}))
    run.write_record(type(record)(**(vars(record) | {"corpus": corpus})))
    with pytest.raises(UsageError, match="has not kept its training text"):
        list(Scoring([load_model("fox")], dynamic=True).read(["the dog"]))


@pytest.mark.slow
def test_the_memory_does_not_grow_with_the_text(tiny_run: Path) -> None:
    import tracemalloc

    model: Model = load_model("fox")

    def peak(times: int) -> int:
        scoring = Scoring([model])
        tracemalloc.start()
        for _ in scoring.read_lines(LONG for _ in range(times)):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert scoring.characters == times * len(LONG)
        return most

    peak(1)  # what is compiled stays
    assert peak(10) < 1.2 * peak(2)


def test_two_models_are_compared_on_the_same_text(tiny_run: Path) -> None:
    shutil.copytree(tiny_run, tiny_run.with_name("early"))
    for step in Run(tiny_run.with_name("early")).steps()[1:]:
        shutil.rmtree(Run(tiny_run.with_name("early")).folder(step))
    scoring = Scoring([load_model("early"), load_model("fox")])
    (line,) = scoring.read_each_line([TEXT[:68]])
    assert line.nats[1] < line.nats[0]
    report = scoring.report()
    assert [run["run"] for run in report["runs"]] == ["early", "fox"]
    assert report["runs"][1]["posterior"] == pytest.approx(
        1 / (1 + math.exp(line.nats[1] - line.nats[0]))
    )


def _mean(nats: np.ndarray, weights: list[float]) -> np.ndarray:
    """Return the surprise at the weighted mean of the probabilities, from [M, T]."""
    return -np.log(np.tensordot(weights, np.exp(-nats.astype(float)), 1))


def test_a_mixture_gives_each_character_the_mean_of_the_probabilities(
    tiny_run: Path, labelled_run: Path
) -> None:
    # The runs have different alphabets; one of them ends its documents.
    text = "the wax fox! \u00e9\u4e2d"
    for names, weights in (("fox:0.7+kinds:0.3", [0.7, 0.3]), ("kinds+fox+fox", [1 / 3] * 3)):
        alone = [name.partition(":")[0] for name in names.split("+")]
        models = [load_mixed(names, "a test"), *map(load_model, alone)]
        scoring = Scoring(models)
        (part,) = scoring.read([text])
        np.testing.assert_allclose(part.nats[0], _mean(part.nats[1:], weights), rtol=1e-5)
        assert scoring.names[0] == names
    report = scoring.report()["runs"][0]
    assert [one["run"] for one in report["mixed"]] == alone


@pytest.mark.slow
def test_a_mixture_that_learns_mixes_what_each_of_its_runs_has_learnt(tiny_run: Path) -> None:
    models = [load_mixed("fox:0.7+fox:0.3", "a test"), load_model("fox")]
    for dynamic in (False, True):
        scoring = Scoring(models, dynamic=dynamic)
        nats = np.concatenate([part.nats for part in scoring.read([LONG])], axis=1)
        np.testing.assert_allclose(nats[0], nats[1], rtol=1e-4, atol=1e-5)
