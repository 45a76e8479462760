"""Trainings that a program runs."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import pytest

import textgen
from tests.workflows.trainings import FABLES, NETWORK, SIZES, content, rows
from textgen.errors import CorpusError, SettingError, UsageError
from textgen.python.training import Training
from textgen.runs.run import Run
from textgen.workflows.events import Ended, Note, Planned, Sampled, Saved

OPTIONS: dict[str, Any] = {
    {"dropout_rate": "dropout"}.get(name, name): value for name, value in SIZES.items()
}
assert NETWORK.items() <= SIZES.items()


@pytest.fixture
def corpus(own_folder: Path) -> Path:
    path = own_folder / "fables.txt"
    path.write_text(FABLES, encoding="utf-8")
    return path


@pytest.fixture
def handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run that was trained by the workflow itself, without a stop."""
    from tests.workflows.trainings import start

    folder = tmp_path_factory.mktemp("whole")
    (folder / "fables.txt").write_text(FABLES, encoding="utf-8")
    list(start(folder / "fables.txt", str(folder / "r"), keep=9))
    return folder / "r"


@pytest.mark.slow
def test_a_loop_gets_the_events_and_the_run_is_that_of_the_command(
    corpus: Path, whole: Path
) -> None:
    training = textgen.train("fables.txt", run="r", keep=9, **OPTIONS)
    assert isinstance(training, Training)
    assert training.run is None
    assert repr(training) == "<Training: not begun; loop over it, or call result()>"
    assert not Path("checkpoints").exists()
    kinds = list[type]()
    for event in training:
        kinds.append(type(event))
        if isinstance(event, textgen.Report) and event.step < 12:
            assert repr(training) == f"<Training: r, step {event.step} of 12>"
            assert training.run is not None
    shown = [kind for kind in kinds if kind not in (Note, textgen.Report)]
    assert shown[0] is Planned
    assert shown[-1] is Ended
    assert (shown.count(Sampled), shown.count(Saved)) == (3, 4)
    run = training.result()
    assert (run.name, repr(training)) == ("r", "<Training: r, finished at step 12>")
    assert content(run.path, 12) == content(whole, 12)
    assert rows(run.path) == rows(whole)
    assert training._repr_html_().count("<svg") == 1


@pytest.mark.slow
def test_a_text_can_be_given_as_a_string(whole: Path, own_folder: Path) -> None:
    run = textgen.train(text=FABLES, keep=9, **OPTIONS).result()
    assert run.name == "text"
    assert content(run.path, 12) == content(whole, 12)
    assert run.info["corpus"]["kept"]
    with pytest.raises(UsageError, match="give the paths of texts or a text as a string, not both"):
        textgen.train("a.txt", text="b")
    with pytest.raises(UsageError, match="must be kept; leave keep_corpus out"):
        textgen.train(text="b", keep_corpus=False)
    with pytest.raises(UsageError, match="a corpus cannot be given with --resume"):
        textgen.train(text="b", resume="text")
    with pytest.raises(CorpusError):
        textgen.train(text="", **OPTIONS).result()


@pytest.mark.slow
def test_a_loop_that_is_left_early_saves_and_a_resumed_run_ends_the_same(
    corpus: Path, whole: Path
) -> None:
    training = textgen.train("fables.txt", run="r", keep=9, **OPTIONS)
    for event in training:
        if isinstance(event, textgen.Report):
            break
    run = training.result()
    (saved,) = run.checkpoints
    assert 0 < saved.step < 12
    assert repr(training) == f"<Training: r, stopped and saved at step {saved.step}>"
    with pytest.raises(UsageError, match=r"resume='checkpoints/r'"):
        next(iter(training))
    resumed = textgen.train(resume=run, keep=9).result()
    assert content(resumed.path, 12) == content(whole, 12)
    assert rows(resumed.path) == rows(whole)


@pytest.mark.slow
def test_ctrl_c_saves_and_then_interrupts(corpus: Path, handler: None) -> None:
    training = textgen.train("fables.txt", run="r", **OPTIONS)
    events = list[object]()

    def press_at_the_first_report() -> None:
        for event in training:
            events.append(event)
            if isinstance(event, textgen.Report):
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        press_at_the_first_report()
    last = events[-1]
    assert isinstance(last, Ended)
    assert not last.finished
    assert [one.step for one in textgen.open_run("r").checkpoints] == [last.step]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_training_that_is_stopped_before_its_plan_leaves_nothing(corpus: Path) -> None:
    training = textgen.train("fables.txt", run="r", **OPTIONS)
    training.stop()
    with pytest.raises(UsageError, match="stopped before the first step: there is no run"):
        training.result()
    assert not Path("checkpoints/r").exists()


@pytest.mark.slow
def test_a_new_run_begins_with_the_weights_of_another(
    corpus: Path, whole: Path, own_folder: Path
) -> None:
    steps = {"steps": 2, "eval_every": 2, "checkpoint_every": 2, "batch_size": 4}
    run = textgen.train("fables.txt", from_run=whole, run="next", devices=1, **steps).result()
    (ancestor,) = run.info["ancestry"]
    assert ancestor["name"] == "r"


@pytest.mark.slow
def test_a_function_hears_the_events(corpus: Path) -> None:
    heard = list[str]()
    training = textgen.train(
        "fables.txt", run="r", log_to=lambda event: heard.append(event["type"]), **OPTIONS
    )
    training.result()
    assert heard[-1] == "done"
    assert heard.count("evaluation") == heard.count("sample") == 3
    assert "work" in heard


@pytest.mark.slow
def test_settings_of_jax_change_nothing_and_stay(corpus: Path, whole: Path) -> None:
    with jax.enable_x64(True), jax.debug_nans(True):
        for _ in textgen.train("fables.txt", run="r", keep=9, **OPTIONS):
            assert jax.numpy.ones(1).dtype == "float64"
    assert content(Path("checkpoints/r"), 12) == content(whole, 12)


def test_wrong_values_are_told_before_anything_begins(own_folder: Path) -> None:
    with pytest.raises(UsageError, match="did you mean minutes"):
        textgen.train("none.txt", minuts=3)
    with pytest.raises(SettingError, match="progress must be auto, live, plain, none"):
        textgen.train("none.txt", progress="bar")  # type: ignore[arg-type]
    training = textgen.train("none.txt")
    with pytest.raises(CorpusError, match=r"none\.txt"):
        training.result()


@pytest.mark.slow
def test_plain_progress_is_what_the_command_shows(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    textgen.train("fables.txt", run="r", progress="plain", **OPTIONS).result()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "step 12/12  train " in shown.err
    assert "finished at step 12" in shown.err
    assert Run(Path("checkpoints/r")).steps()
