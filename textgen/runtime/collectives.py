"""How long devices take to exchange arrays: by measuring, and by the formula of a ring.

Devices that train together sum their gradients after each step. Nearly all of the time goes into
two figures of what connects them: its bandwidth and its latency.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from statistics import median
from typing import cast

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from textgen.runtime.devices import DATA, place_all, shared

# Number of measurements, of which the median counts.
MEASUREMENTS = 5
# Seconds for a byte below which the bandwidth has no influence that could be measured.
FASTEST_BYTE = 1e-14


@dataclass(frozen=True)
class Link:
    """What connects devices.

    Attributes:
        bandwidth: bytes a second that a device sends to the next one.
        latency: seconds that a message takes whatever its size.
    """

    bandwidth: float
    latency: float


def ring_all_gather(size: float, num_devices: int, link: Link) -> float:
    """Return the seconds after which all devices have an array of which each had a part.

    Args:
        size: bytes of the whole array.
        num_devices: number of devices in the ring.
        link: what connects each with the next.
    """
    return (num_devices - 1) * (size / num_devices / link.bandwidth + link.latency)


def ring_all_reduce(size: float, num_devices: int, link: Link) -> float:
    """Return the seconds after which all devices have the sum of their arrays.

    Each part of an array is first summed around the ring, then gathered.

    Args:
        size: bytes of the array of each device.
        num_devices: number of devices in the ring.
        link: what connects each with the next.

    References:
        Patarasuk and Yuan (2009), Bandwidth optimal all-reduce algorithms for clusters of
        workstations.
    """
    return 2 * ring_all_gather(size, num_devices, link)


def fit_link(sizes: Sequence[float], seconds: Sequence[float], num_devices: int) -> Link:
    """Return the bandwidth and latency that explain measured all-reduces best.

    The squares of the relative errors are as small as possible, so that small arrays tell the
    latency and large ones the bandwidth.

    Args:
        sizes: bytes of the arrays, at least two different ones.
        seconds: what each all-reduce took.
        num_devices: number of devices in the ring, at least 2.
    """
    messages = 2 * (num_devices - 1)
    # Seconds for a byte, and for a message, as shares of what was measured.
    parts = np.stack([np.asarray(sizes) / num_devices, np.ones(len(sizes))])
    shares = messages * parts.T / np.asarray(seconds)[:, None]
    ones = np.ones(len(sizes))
    per_byte, latency = np.linalg.lstsq(shares, ones, rcond=None)[0]
    # Noise can make one of them negative; the other one then explains all.
    if latency < 0:
        latency, per_byte = 0.0, np.linalg.lstsq(shares[:, :1], ones, rcond=None)[0].item()
    elif per_byte < FASTEST_BYTE:
        per_byte, latency = FASTEST_BYTE, np.mean(seconds) / messages
    return Link(bandwidth=float(1 / per_byte), latency=float(latency))


@cache
def _reductions(mesh: Mesh) -> Callable[[jax.Array, np.int32], jax.Array]:
    """Compile a loop of all-reduces, one after the other."""
    split, everywhere = PartitionSpec(DATA), PartitionSpec()

    def add(_: jax.Array, array: jax.Array) -> jax.Array:
        return cast(jax.Array, jax.lax.psum(array, DATA))

    @jax.jit
    @partial(
        jax.shard_map, mesh=mesh, in_specs=(split, everywhere), out_specs=split, check_vma=False
    )
    def reductions(own: jax.Array, count: jax.Array) -> jax.Array:
        # The sum of zeros is zero, so that nothing has to be divided.
        return cast(jax.Array, jax.lax.fori_loop(0, count, add, own))

    return reductions


def all_reduce_seconds(mesh: Mesh, size: int, count: int) -> float:
    """Measure an all-reduce. The processes of the mesh call this at the same time.

    Args:
        mesh: the devices.
        size: bytes of the array of each device.
        count: number of all-reduces in each of the measurements.

    Returns:
        The median of the measurements, in seconds for one all-reduce.
    """
    reductions = _reductions(mesh)
    own = place_all(np.zeros(mesh.size * (size // 4), np.float32), shared(mesh))
    jax.block_until_ready(reductions(own, np.int32(1)))
    durations = []
    for _ in range(MEASUREMENTS):
        begun = time.perf_counter()
        jax.block_until_ready(reductions(own, np.int32(count)))
        durations.append(time.perf_counter() - begun)
    return median(durations) / count
