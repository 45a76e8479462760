from pathlib import Path

from tests.tracking.event_files import logged_in
from textgen.tracking.tensorboard import TensorBoard
from textgen.tracking.trackers import LoggedRun, Tracker


def run(folder: Path, *, is_known: bool = False) -> LoggedRun:
    settings = {"hidden_size": 8, "cell": "lstm", "tied": True, "patience": None}
    return LoggedRun(name="r", folder=folder, identity="0a", settings=settings, is_known=is_known)


def test_rows_and_settings_are_read_back(tmp_path: Path) -> None:
    tracker: Tracker = TensorBoard()
    tracker.begin(run(tmp_path))
    tracker.log(10, {"val/loss": 2.5, "train/loss": 3.0}, "one\n\ttwo * <b>")
    tracker.log(20, {"val/loss": 2.25}, None)
    tracker.end()
    found = logged_in(tmp_path / "tensorboard")
    assert found["val/loss"] == {10: 2.5, 20: 2.25}
    assert found["train/loss"] == {10: 3.0}
    assert found["sample/text_summary"] == {10: "    one\n    \ttwo * <b>"}
    settings = found["_hparams_/session_start_info"][0]
    assert all(name in settings for name in (b"hidden_size", b"lstm", b"tied", b"patience"))


def test_a_known_run_goes_on_and_a_roll_back_leaves_one_value_for_each_step(
    tmp_path: Path,
) -> None:
    first = TensorBoard()
    first.begin(run(tmp_path))
    for step in (10, 20, 30):
        first.log(step, {"val/loss": step / 8}, f"old {step}")
    assert first.go_back(20)
    first.log(20, {"val/loss": 0.5}, "new 20")
    first.end()
    second = TensorBoard()  # within the same second
    second.begin(run(tmp_path, is_known=True))
    second.log(30, {"val/loss": 0.25}, "new 30")
    second.end()
    found = logged_in(tmp_path / "tensorboard")
    assert found["val/loss"] == {10: 1.25, 20: 0.5, 30: 0.25}
    assert found["sample/text_summary"][20] == "    new 20"
    assert len(found["_hparams_/session_start_info"]) == 1
    assert len(list((tmp_path / "tensorboard").iterdir())) == 3
