"""What a step costs on paper, against closed forms and against what the figures come from."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from textgen.runtime.collectives import Link
from textgen.training.train_state import exchange_seconds

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "scaling.py"


def test_the_sizes_of_a_network_are_those_of_its_arrays() -> None:
    import scaling

    network = scaling.Network(2, 512)
    hidden, vocab = 512, 65
    kernels = 4 * (hidden * hidden * 4)  # two in each layer
    small = vocab * hidden + 2 * 4 * hidden + hidden * vocab + vocab
    assert network.updated(1) == kernels + small
    # Devices share the large ones; the embedding has fewer than 2^18 numbers.
    assert network.updated(4) == kernels / 4 + small
    inner = 3 * hidden * 4 * hidden  # the first layer looks its inputs up in a table
    assert network.operations == 2 * (3 * (inner + hidden * vocab) + vocab * 4 * hidden)


def plain_device(layer: float = 0.0) -> Any:
    """Return a device whose parts of a step are easily computed by hand."""
    import scaling

    link = Link(1e9, 1e-3)
    return scaling.Device(
        name="plain",
        peak=1e12,
        shares={512: 0.5},
        layer=layer,
        memory=1e9,
        near=link,
        far=replace(link, latency=1.0),
        reach=2,
    )


def test_a_step_is_the_sum_of_its_parts() -> None:
    import scaling

    device, network = plain_device(layer=1e-3), scaling.Network(2, 512)
    batch = scaling.Batch(8, 10)
    sequence = network.operations / 0.5e12
    large, small = 4 * 512 * 2048, 2 * 65 * 512 + 2 * 2048 + 65
    alone = 0.19e-3 + 28 * (large + small) / 1e9 + 10 * (2 * 1e-3 + 8 * sequence)
    assert scaling.step_time(device, network, batch, 1) == pytest.approx(alone)
    # Gradients go around twice, by half an array each time; then four kernels go around once.
    exchange = 4 * (large + small) / 1e9 + 2e-3 + 4 * (large / 2) / 1e9 + 1e-3
    update = 28 * (large / 2 + small) / 1e9
    shared = 0.19e-3 + update + 10 * (2 * 1e-3 + 4 * sequence) + exchange
    assert scaling.step_time(device, network, batch, 2) == pytest.approx(shared)
    assert scaling.efficiency(device, network, batch, 2) == pytest.approx(alone / (2 * shared))
    assert scaling.step_time(device, network, batch, 4) > 6  # the far link has a latency of 1 s


def test_two_measured_speeds_are_found_again() -> None:
    import scaling

    network, memory = scaling.Network(2, 512), 1e12
    device = replace(plain_device(layer=2e-5), memory=memory)
    batches = (scaling.Batch(16, 100), scaling.Batch(200, 30))
    speeds = [
        (one, one.size * one.length / scaling.step_time(device, network, one, 1)) for one in batches
    ]
    layer, sequence = scaling.split(network, speeds, memory)
    assert layer == pytest.approx(2e-5)
    assert sequence == pytest.approx(device.sequence(network))


@pytest.mark.parametrize(
    ("network", "batch", "speed"),
    [
        ((2, 512), (64, 128), 1_878_900),
        ((2, 512), (512, 64), 5_498_883),
        ((3, 1024), (512, 64), 1_839_194),
    ],
)
def test_one_gpu_has_the_speeds_that_were_measured(
    network: tuple[int, int], batch: tuple[int, int], speed: float
) -> None:
    import scaling

    seconds = scaling.step_time(scaling.h200(), scaling.Network(*network), scaling.Batch(*batch), 1)
    assert batch[0] * batch[1] / seconds == pytest.approx(speed)


def test_one_host_has_about_the_speed_that_was_measured() -> None:
    import scaling

    seconds = scaling.step_time(
        scaling.cpu_host(), scaling.Network(2, 512), scaling.Batch(64, 128), 1
    )
    assert 64 * 128 / seconds == pytest.approx(8_731, rel=0.01)


@pytest.mark.parametrize("number", [2, 4, 8, 16, 64])
def test_the_batch_that_is_needed_is_just_enough(number: int) -> None:
    import scaling

    for device, network in ((scaling.h200(), one) for one in scaling.NETWORKS):
        needed = scaling.batch_needed(device, network, 64, number)
        enough = scaling.efficiency(device, network, scaling.Batch(needed, 64), number)
        assert enough >= scaling.ENOUGH
        if needed > number:
            less = scaling.Batch(needed - 1, 64)
            assert scaling.efficiency(device, network, less, number) < scaling.ENOUGH


def test_a_network_scales_to_the_last_number_that_is_enough() -> None:
    import scaling

    device, network = scaling.h200(), scaling.Network(2, 512)
    numbers = (1, 2, 4, 8, 16)
    for size in (64, 1024, 100_000):
        batch = scaling.Batch(size, 64)
        most = scaling.most_devices(device, network, batch, numbers)
        efficiencies = [scaling.efficiency(device, network, batch, n) for n in numbers]
        assert [n <= most for n in numbers] == [one >= 0.5 for one in efficiencies]


# What textgen bench --json prints: processes on a host, and a step of 2x512.
CLUSTER = {
    "type": "cluster",
    "processes": 2,
    "devices": 2,
    "hosts": 1,
    "cores": 2,
    "bandwidth": 1e9,
    "latency": 1e-3,
}
STEP = {
    "type": "step",
    "network": "2x512",
    "batch_size": 8,
    "sequence_length": 10,
    "seconds_alone": 1.0,
    "seconds": 0.6,
}


def test_processes_are_predicted_from_one_and_from_what_connects_them() -> None:
    import scaling

    large, small = 4 * 512 * 2048, 2 * 65 * 512 + 2 * 2048 + 65
    update = 28 * (large + small) / 1e10
    products = 1.0 - 0.19e-3 - update
    exchange = 4 * (large + small) / 1e9 + 2e-3 + 4 * (large / 2) / 1e9 + 1e-3
    work = 0.19e-3 + 28 * (large / 2 + small) / 1e10 + products / 2
    assert scaling.predicted(CLUSTER, [STEP], STEP) == pytest.approx(work + exchange)
    # Two processes on one core take turns; the measured latency has that in it already.
    one_core = CLUSTER | {"cores": 1}
    assert scaling.predicted(one_core, [STEP], STEP) == pytest.approx(2 * work + exchange)
    # On two such hosts they do not.
    two_hosts = CLUSTER | {"cores": 1, "hosts": 2}
    assert scaling.predicted(two_hosts, [STEP], STEP) == pytest.approx(work + exchange)
    # With two devices in each process the ring is twice as long.
    device = scaling.measured_host(CLUSTER | {"devices": 4}, [STEP])
    four = exchange_seconds(scaling.Network(2, 512).settings(), 4, Link(1e9, 1e-3))
    assert device.exchange(scaling.Network(2, 512), 2) == four


@pytest.mark.slow
def test_the_program_prints_its_tables(tmp_path: Path) -> None:
    file = tmp_path / "two.json"
    file.write_text(f"{json.dumps(CLUSTER | {'cores': 1})}\n{json.dumps(STEP)}\n")
    command = [sys.executable, str(PROGRAM), "--measured", str(file)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "| 2x512 | 1 | 5.96 | 0.00 | 5,498,883 | 100 % |" in done.stdout
    assert "| 4x2048 | 64 |" in done.stdout
    assert "| 4x2048 | 16 |" in done.stdout
    assert re.search(
        r"^\| 2x512 \| 2 \| 1\.0000 \| 1\.0\d+ \| 0\.6000 \|", done.stdout, re.MULTILINE
    )
    assert (
        "2 devices of 2 processes take turns on 1 cores, so that work takes 2 times" in done.stdout
    )
    assert "process of the measured cluster, 8 sequences of 10 characters" in done.stdout
    file.write_text(json.dumps({"type": "speed"}) + "\n")
    wrong = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert wrong.returncode == 2
    assert "does not have the lines of textgen bench --hosts auto --json" in wrong.stderr


def test_a_batch_is_shared_by_no_more_devices_than_it_has_sequences(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import scaling

    scaling.print_tables(scaling.cpu_host(), (1, 2, 4), scaling.Batch(2, 8))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| 2x512 |")]
    assert [line.split("|")[2].strip() for line in lines] == ["1", "2", "1"]
