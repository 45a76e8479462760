import json
import math
from functools import partial

import pytest

from textgen.network.cells import CELLS
from textgen.runtime.devices import make_mesh, product_speed
from textgen.terminal.cli import run_command
from textgen.terminal.display.run_tables import format_speeds
from textgen.workflows import bench
from textgen.workflows.bench import measure_machine, network_of, plan_of

SECONDS = 0.02


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure one small network, and time fewer of the large products."""
    monkeypatch.setattr(bench, "SHAPES", ((1, 8, 4, 8),))
    monkeypatch.setattr(bench, "product_speed", partial(product_speed, repeats=1))


def test_a_network_is_trained_by_the_optimizer_that_train_would_choose() -> None:
    mesh = make_mesh(1, 4)
    found = {cell: plan_of(network_of(cell, 1, 8), 4, 8, mesh).optimizer for cell in CELLS}
    assert found == {"lstm": "muon", "gru": "adamw", "rnn": "adamw"}


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_every_speed_is_measured_for_every_network(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = ((1, 8, 4, 8), (1, 12, 4, 8)) if cell == "lstm" else ((1, 8, 4, 8),)
    monkeypatch.setattr(bench, "SHAPES", shapes)
    speeds = list(measure_machine(cell, SECONDS))  # type: ignore[arg-type]
    assert [speed.network for speed in speeds] == [f"{shape[0]}x{shape[1]}" for shape in shapes]
    for speed in speeds:
        figures = (speed.training, speed.numpy, speed.jax, speed.jax_many, speed.seconds_to_start)
        assert all(math.isfinite(figure) and figure > 0 for figure in figures)
        assert 0 < speed.share_of_ceiling < 2
    assert all(speed.network in format_speeds(speeds) for speed in speeds)


@pytest.mark.slow
def test_the_command_prints_a_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["bench", "--quiet", "--seconds", str(SECONDS)]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("network  batch  training")
    assert shown.err == ""
    assert run_command(["bench", "--json", "--seconds", str(SECONDS)]) == 0
    shown = capsys.readouterr()
    measured = json.loads(shown.out)
    assert measured["type"] == "speed"
    assert (measured["network"], measured["batch_size"]) == ("1x8", 4)
    assert "1x8: " in shown.err
