import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from textgen.evaluation.baselines import Measuring
from textgen.runs.run import Run
from textgen.terminal.cli import run_command
from textgen.terminal.display.evaluation import EvaluationDisplay, format_results
from textgen.terminal.signals import Ending
from textgen.workflows import evaluate as workflow
from textgen.workflows.evaluate import Evaluation, Result
from textgen.workflows.events import Note

# ln 2, 2 ln 2 and 3 ln 2 nats: 1, 2 and 3 bits.
RESULTS = [
    Result(predictor="network", title="LSTM 1x16", protocol="window", nats=0.693147),
    Result(predictor="network", title="LSTM 1x16", protocol="stream", nats=1.386294),
    Result(predictor="xz", title="xz -9e, training text first", protocol="dynamic", nats=2.079442),
]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is asked to be measured, without measuring it."""
    asked = list[object]()

    def evaluate(model: object, text: object, check: object) -> Iterator[Evaluation]:
        asked.append(None if text is None else text.tolist())  # type: ignore[attr-defined]
        yield Note("something is left out")
        yield Measuring("all")
        yield Measuring("all", 0.5)
        yield from RESULTS

    monkeypatch.setattr(workflow, "evaluate", evaluate)
    return asked


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run_command(["evaluate", *arguments])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_results_are_told_as_they_come_and_stand_in_a_table_at_the_end(
    tiny_run: Path,
    measured: list[object],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run(capsys)
    assert (code, measured) == (0, [None])
    assert err.splitlines() == [
        "something is left out",
        "measuring all",
        "window, LSTM 1x16: 0.6931 nats, 1.000 bits",
        "stream, LSTM 1x16: 1.3863 nats, 2.000 bits",
        "dynamic, xz -9e, training text first: 2.0794 nats, 3.000 bits",
    ]
    title, _, head, network, xz, _, *notes = out.splitlines()
    assert title == f"fox, step {Run(tiny_run).best_step()}, on its validation text"
    assert head.split() == ["nats", "per", "character", "(bits)", "window", "stream", "dynamic"]
    assert network.split()[2:] == ["0.6931", "(1.000)", "1.3863", "(2.000)", "-"]
    assert xz.split()[5:] == ["-", "-", "2.0794", "(3.000)"]
    assert [note.split(":")[0] for note in notes[:3]] == ["window", "stream", "dynamic"]
    assert notes[-1] == "The checkpoint was chosen by its loss on this text or a part of it."
    assert run(capsys, "-q")[1:] == (out, "")
    assert run(capsys, "-q", "-o", "bars.svg")[1:] == (out, "")
    assert Path("bars.svg").read_text().startswith("<?xml")
    assert run(capsys, "-o", "bars.txt")[0] == 2


def test_a_text_from_a_file_or_a_pipe_is_measured_as_the_model_reads_it(
    tiny_run: Path,
    measured: list[object],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("a.txt").write_bytes("the\r\nf\u00e9x".encode())
    vocabulary = Run(tiny_run).record().config.vocabulary
    code, out, err = run(capsys, "fox", "a.txt", "--on-unknown", "nearest", "--json")
    assert code == 0
    assert measured == [vocabulary.encode("\nthe\nfex").tolist()]
    assert err.startswith("the model does not know 1 of 7 characters (--on-unknown nearest)\n")
    content = json.loads(out)
    assert content["type"] == "evaluation"
    assert (content["run"], content["text"], content["unknown"]) == ("fox", "a.txt", 1)
    assert content["characters"] == 7
    assert [one["protocol"] for one in content["results"]] == ["window", "stream", "dynamic"]
    assert content["results"][0]["nats_per_character"] == 0.693147
    assert json.loads(run(capsys, "a.txt", "--json")[1])["on_unknown"] == "replace"
    assert measured.pop() == vocabulary.encode("\nthe\nf\u00e9x", "replace").tolist()
    code, out, err = run(capsys, "fox", "a.txt", "--on-unknown", "error")
    assert (code, out) == (3, "")
    assert err.startswith("textgen: text 'a.txt': ")
    assert "'\u00e9' (U+00E9) at line 2, column 2; choose --on-unknown" in err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"fox")))
    code, out, _ = run(capsys, "fox", "-")
    assert code == 0
    assert measured[1:] == [vocabulary.encode("\nfox").tolist()]
    assert "on standard input" in out
    assert "The checkpoint was chosen" not in out


@pytest.mark.slow
def test_a_run_that_has_kept_no_text_is_measured_on_a_file(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = Run(tiny_run).record()
    Run(tiny_run).write_record(replace(record, corpus=replace(record.corpus, kept=False)))
    code, out, err = run(capsys, "fox")
    assert (code, out) == (2, "")
    assert "has not kept its text" in err
    code, out, err = run(capsys, "fox", "fox.txt", "--json")
    assert code == 3, "there is no such file"
    Path("fox.txt").write_text("the fox jumps")
    code, out, err = run(capsys, "fox", "fox.txt", "--json")
    assert code == 0
    assert [one["protocol"] for one in json.loads(out)["results"]] == ["window", "stream"]
    assert "dynamic, n-gram and xz are not measured" in err


def test_a_signal_ends_with_the_results_so_far(
    tiny_run: Path,
    measured: list[object],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import textgen.terminal.signals as signals

    ending = Ending()

    class Noted:
        def __enter__(self) -> Ending:
            return ending

        def __exit__(self, *error: object) -> None:
            pass

    def show(display: EvaluationDisplay, event: Evaluation) -> None:
        if isinstance(event, Result):
            display.results.append(event)
            ending.signal = 2

    monkeypatch.setattr(signals, "noted_signals", Noted)
    monkeypatch.setattr(EvaluationDisplay, "show", show)
    code, out, _ = run(capsys)
    assert code == 130
    assert "0.6931 (1.000)" in out
    assert "1.3863" not in out


@pytest.mark.parametrize("columns", [20, 40, 64])
def test_results_that_do_not_fit_side_by_side_stand_below_each_other(columns: int) -> None:
    text = format_results(RESULTS, columns, is_own=True)
    assert max(map(len, text.splitlines())) <= columns
    assert "window, LSTM 1x16: 0.6931 nats, 1.000 bits" in " ".join(text.split())


def test_a_table_of_missing_characters_has_one_column_and_the_share_that_is_right() -> None:
    found = Result(
        predictor="network",
        title="LSTM 1x16, both directions",
        protocol="missing",
        nats=0.693147,
        right=0.75,
    )
    table = format_results([found], None, is_own=True)
    assert "0.6931 (1.000), 75.0% right" in table
    assert "window" not in table
    assert "as if it alone were missing" in table


@pytest.mark.slow
def test_a_run_of_both_directions_is_evaluated(
    two_way_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "two-ways", "--json")
    found = json.loads(out)
    assert code == 0
    held_out = Run(two_way_run).record().corpus.validation_ids
    assert found["characters"] == held_out
    (result,) = found["results"]
    assert (result["protocol"], result["right"] > 0.9) == ("missing", True)
