import json
import math
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from textgen.terminal.cli import run_command
from textgen.workflows.load import load_forward, load_model

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def classify(
    labelled_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Say:
    """Run `textgen classify kinds`; return its code and what it wrote to stdout and stderr."""
    monkeypatch.setattr("textgen.terminal.display.progress_line.PROGRESS_SECONDS", math.inf)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command(["classify", "kinds", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    Path("lines.txt").write_text("abc.\nwxy!\nddd!\n")
    Path("one.txt").write_text("zzz.\n")
    return run


def test_each_line_gets_its_label_with_its_end_by_bayes(classify: Say) -> None:
    code, out, _ = classify("--label", "kind", "--lines", "--json", "lines.txt")
    *lines, whole = map(json.loads, out.splitlines())
    assert code == 0
    assert [line["label"] for line in lines] == ["low", "high", "low"]
    expected = {}
    for kind in ("high", "low"):
        generator = load_forward("kinds", "a test", [f"kind={kind}"]).generator(seed=0)
        generator.read_start()
        ids = generator.vocabulary.encode_documents("wxy!\ud800")
        expected[kind] = float(generator.score_tokens(ids).sum())
    assert lines[1]["bits"] == pytest.approx(expected, rel=1e-4)
    odds = 2 ** (expected["low"] - expected["high"])
    assert lines[1]["posterior"]["high"] == pytest.approx(odds / (1 + odds), abs=1e-4)
    assert (whole["field"], whole["prior"]) == ("kind", "even")
    code, out, _ = classify("--label", "language", "--lines", "lines.txt")
    assert [line.split("\t")[0] for line in out.splitlines()] == ["one", "two", "two"]


def test_the_shares_of_the_documents_are_priors_on_demand(classify: Say) -> None:
    even = json.loads(classify("--label", "kind", "--json", "one.txt")[1])
    shares = json.loads(classify("--label", "kind", "--prior", "documents", "--json", "one.txt")[1])
    field = load_model("kinds").config.labels[0]
    priors = dict(zip(field.values, np.array(field.documents), strict=True))
    odds = [one["runs"][0]["posterior"] / one["runs"][1]["posterior"] for one in (even, shares)]
    assert odds[1] / odds[0] == pytest.approx(priors["high"] / priors["low"], rel=1e-3)
    assert [run["label"] for run in even["runs"]] == ["high", "low"]


def test_the_table_has_a_row_for_each_value_and_another_label_can_be_set(classify: Say) -> None:
    code, out, err = classify("--label", "kind", "--label", "language=one", "one.txt")
    head, *rows, note = out.splitlines()
    assert (code, err) == (0, "")
    assert head.split() == ["label", "posterior", "bits/char"]
    assert [row.split()[0] for row in rows] == ["high", "low"]
    assert re.fullmatch("high fits best, .* over 4 characters and the end of 1 document", note)


def test_several_documents_that_are_judged_as_one_text_are_told(classify: Say) -> None:
    Path("rows.csv").write_text("text\nabc.\nwxy!\nddd!\n")
    code, out, err = classify("--label", "kind", "rows.csv")
    assert code == 0
    assert out.splitlines()[-1].endswith("over 12 characters and the ends of 3 documents")
    assert err == ("3 documents were judged together; --lines judges each line by itself\n")
    assert classify("--label", "kind", "rows.csv", "--quiet")[2] == ""
    assert classify("--label", "kind", "rows.csv", "--lines")[2] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label", "kid"], "there is no label 'kid'; this run has kind, language"),
        (["--label", "kind", "--label", "language"], "classify tells the value of one label"),
        (["--label", "kind=low"], "classify tells the value of one label: --label FIELD"),
        (["--label", "kind", "--label", "language=x"], "language has no value 'x'"),
        (["a=kinds", "b=kinds", "--prior", "documents"], "--prior is for the values of --label"),
        (["--label", "kind", "--model", "kinds", "--model", "kinds"], "--label is for one run"),
    ],
)
def test_bad_input_gets_one_line(classify: Say, arguments: list[str], message: str) -> None:
    code, out, err = classify(*arguments, "one.txt")
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
