import pytest

from textgen.runtime.collectives import (
    Link,
    all_reduce_seconds,
    fit_link,
    ring_all_gather,
    ring_all_reduce,
)
from textgen.runtime.devices import make_mesh

SIZES = (2**12, 2**16, 2**20, 2**24)


def test_one_device_exchanges_nothing() -> None:
    assert ring_all_reduce(1e9, 1, Link(1.0, 1.0)) == 0


def test_a_ring_sends_each_part_around_once_and_twice_for_a_sum() -> None:
    # Four devices, parts of 250 bytes, 3 messages of 2.5 s at 100 bytes a second and 0.5 s each.
    assert ring_all_gather(1000, 4, Link(100, 0.5)) == pytest.approx(9)
    assert ring_all_reduce(1000, 4, Link(100, 0.5)) == pytest.approx(18)
    # With many devices each sends its array twice, whatever their number.
    assert ring_all_reduce(1000, 10**6, Link(100, 0)) == pytest.approx(20, rel=1e-5)


@pytest.mark.parametrize("devices", [2, 4, 8])
def test_what_connects_devices_is_found_again(devices: int) -> None:
    link = Link(3e8, 2e-4)
    found = fit_link(SIZES, [ring_all_reduce(size, devices, link) for size in SIZES], devices)
    assert found.bandwidth == pytest.approx(link.bandwidth)
    assert found.latency == pytest.approx(link.latency)


def test_noise_makes_no_figure_negative() -> None:
    # The smallest array is too quick for any latency, then the largest is no slower than it.
    no_latency = fit_link([1000, 2000], [1.0, 3.0], 2)
    assert no_latency.latency == 0
    assert 2000 / 3 < no_latency.bandwidth < 1000
    no_limit = fit_link(SIZES, [4e-3, 3e-3, 2e-3, 1e-3], 2)
    assert no_limit.latency == pytest.approx(2.5e-3 / 2)
    assert no_limit.bandwidth > 1e13


def test_an_all_reduce_of_more_takes_longer() -> None:
    mesh = make_mesh(2, 2)
    short, long = (all_reduce_seconds(mesh, size, 2) for size in (2**12, 2**24))
    assert 0 < short < long
