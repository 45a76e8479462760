"""What a step costs on paper, against closed forms and against what the figures come from."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "scaling.py"


def test_one_device_exchanges_nothing() -> None:
    import scaling

    assert scaling.ring_all_reduce(1e9, 1, scaling.Link(1.0, 1.0)) == 0


def test_a_ring_sends_each_part_twice_around() -> None:
    import scaling

    # Four devices, parts of 250 bytes, 6 messages of 2.5 s at 100 bytes a second and 0.5 s each.
    assert scaling.ring_all_reduce(1000, 4, scaling.Link(100, 0.5)) == pytest.approx(18)
    # With many devices each sends its array twice, whatever their number.
    assert scaling.ring_all_reduce(1000, 10**6, scaling.Link(100, 0)) == pytest.approx(20, rel=1e-5)


def test_the_sizes_of_a_network_are_those_of_its_arrays() -> None:
    import scaling

    network = scaling.Network(2, 512)
    hidden, vocab = 512, 65
    kernels = vocab * hidden + 4 * (hidden * hidden * 4)  # embedding; two kernels in each layer
    assert network.parameters == kernels + 2 * 4 * hidden + hidden * vocab + vocab
    inner = 3 * hidden * 4 * hidden  # the first layer looks its inputs up in a table
    assert network.operations == 2 * (3 * (inner + hidden * vocab) + vocab * 4 * hidden)


def plain_device(layer: float = 0.0) -> Any:
    """Return a device whose parts of a step are easily computed by hand."""
    import scaling

    link = scaling.Link(1e9, 1e-3)
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
    update = 28 * network.parameters / 1e9
    alone = 0.19e-3 + update + 10 * (2 * 1e-3 + 8 * sequence)
    assert scaling.step_time(device, network, batch, 1) == pytest.approx(alone)
    exchange = 4 * network.parameters / 1e9 + 2 * 1e-3
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


def test_processes_that_share_the_cores_are_predicted_from_one() -> None:
    import scaling

    network, link = scaling.Network(2, 512), scaling.Link(1e30, 0.0)
    update = 28 * network.parameters / 1e10

    def predicted(number: int, cores: int) -> float:
        return scaling.predicted_here(network, 1.0, number, cores, 1e10, link)

    products = 1.0 - 0.19e-3 - update
    assert predicted(1, 2) == pytest.approx(1.0)
    assert predicted(2, 2) == pytest.approx(products / 2 + 0.19e-3 + 2 * update)
    # Four processes on two cores take turns: the products gain nothing, all else takes longer.
    assert predicted(4, 2) == pytest.approx(products / 2 + 2 * 0.19e-3 + 4 * update)
    held = scaling.held_against(network, {1: 1.0, 2: 0.6}, cores=2)
    assert [(number, seconds) for number, _, seconds in held] == [(1, 1.0), (2, 0.6)]
    assert held[0][1] == pytest.approx(1.0)
    assert held[1][1] > predicted(2, 2)


@pytest.mark.slow
def test_the_program_prints_its_tables() -> None:
    command = [sys.executable, PROGRAM, "--measured", "1=0.9", "2=0.5"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "| 2x512 | 1 | 5.96 | 0.00 | 5,498,883 | 100 % |" in done.stdout
    assert "| 4x2048 | 64 |" in done.stdout
    assert "| 4x2048 | 16 |" in done.stdout
    assert "| 1 | 0.9000 | 0.9000 | 1.00 |" in done.stdout
    missing = subprocess.run([*command[:3], "2=0.5"], capture_output=True, encoding="utf-8")
    assert missing.returncode == 2
    assert "--measured needs 1=SECONDS" in missing.stderr


def test_measurements_are_read() -> None:
    import scaling

    assert scaling.measurement("4=0.25") == (4, 0.25)
    for wrong in ("4", "0=1", "x=1", "2=x"):
        with pytest.raises(ValueError):
            scaling.measurement(wrong)


def test_a_batch_is_shared_by_no_more_devices_than_it_has_sequences(
    capsys: pytest.CaptureFixture[str],
) -> None:
    import scaling

    scaling.print_tables(scaling.cpu_host(), (1, 2, 4), scaling.Batch(2, 8))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| 2x512 |")]
    assert [line.split("|")[2].strip() for line in lines] == ["1", "2", "1"]
