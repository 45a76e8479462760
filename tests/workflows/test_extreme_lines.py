from pathlib import Path

import numpy as np
import pytest

from textgen.data.tokens import TokenFile
from textgen.network.parameters import multiplications_per_character
from textgen.runs.run import Run
from textgen.terminal.display.run_tables import format_extremes
from textgen.workflows import extreme_lines as workflow
from textgen.workflows.extreme_lines import extreme_lines
from textgen.workflows.load import load_model


def test_the_lines_are_ranked_by_their_surprise_in_their_place(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "SHORTEST", 5)
    model = load_model("fox")
    text = "lf of it.\nthe lazy dog.\nquick\nover the lazy dog.\nfox\nthe lazy dog.\n"
    ids = model.config.vocabulary.encode("x" * 50 + text).astype(np.uint8)
    Path("ids").write_bytes(ids.tobytes())
    with open("ids", "rb") as file:
        tokens = TokenFile(Path("ids"), file, ids.dtype, None)
    record = model.run.record()
    fields = vars(record.corpus) | {"training_characters": 50, "training_ids": 50}
    corpus = type(record.corpus)(**fields)
    monkeypatch.setattr(
        Run, "record", lambda run: type(record)(**vars(record) | {"corpus": corpus})
    )
    monkeypatch.setattr(Run, "open_tokens", lambda run, record: tokens)
    found = extreme_lines(model, 2)
    assert found is not None
    assert found.characters == len(text)
    bits = model.generator(seed=0).score(text)
    expected = {}
    for line in ("the lazy dog.", "quick", "over the lazy dog."):
        begin = text.index("\n" + line + "\n") + 1
        expected[line] = bits[begin : begin + len(line) + 1].mean()
    order = sorted(expected, key=lambda line: expected[line])
    assert [line.text for line in found.likely] == order[:2]
    assert [line.text for line in found.unlikely] == order[:0:-1]
    best = found.to_json()["most_likely"][0]
    assert best["bits_per_character"] == pytest.approx(expected[order[0]], rel=1e-5)
    # Read only as far as into "over the lazy dog.", half a line does not count.
    monkeypatch.setattr(workflow, "MAX_READ", text.index("dog.\nfox"))
    cut = extreme_lines(model, 9)
    assert cut is not None
    assert cut.characters == text.index("over the")
    assert [line.text for line in cut.likely] == [line for line in order if "over" not in line]


def test_a_large_network_reads_fewer_characters_unless_it_is_told_to_read_all(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model("fox")
    tokens = model.validation_tokens()
    assert tokens is not None
    whole, told = extreme_lines(model, 1), list[str]()
    assert whole is not None
    assert (whole.characters, whole.is_quick) == (len(tokens), False)
    products = multiplications_per_character(model.config.settings)
    monkeypatch.setattr(workflow, "QUICK_MULTIPLICATIONS", products * 20)
    monkeypatch.setattr(workflow, "FEWEST_READ", 1)
    quick = extreme_lines(model, 1, tell=told.append)
    assert quick is not None
    text = model.config.vocabulary.decode(tokens[:20])
    assert (quick.characters, quick.is_quick) == (text.rfind("\n") + 1 or 20, True)
    assert told[0] == f"reading {quick.characters} characters of the validation text"
    assert "--lines reads more" in format_extremes(quick, None)
    assert extreme_lines(model, 1, reads_all=True) == whole


def test_without_the_text_there_are_no_lines(tiny_run: Path) -> None:
    run = Run(tiny_run)
    record = run.record()
    corpus = type(record.corpus)(**(vars(record.corpus) | {"kept": False}))
    run.write_record(type(record)(**(vars(record) | {"corpus": corpus})))
    assert extreme_lines(load_model("fox"), 5) is None
