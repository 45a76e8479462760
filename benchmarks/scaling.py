"""Compute on paper how long a step takes on many devices, and where a network stops scaling.

    python benchmarks/scaling.py [--batch 512 --length 64] [--measured 1=0.94 2=0.50 4=0.56]

The devices share each batch. A step has four parts, and none of them is done during another:

    overhead    what Python and JAX do for a step, whatever its size
    products    T (L a + B/n b): T characters in a sequence, L layers, B sequences, n devices
    update      28 bytes of memory are read or written for each parameter, on every device
    exchange    a ring all-reduce [1] of the gradients, M bytes:
                2 (n - 1) / n M / bandwidth + 2 (n - 1) latency

a is the time that one step of one layer takes without any sequence, and b what each sequence adds.
Both come from the measured speeds below, and so does the share of the peak that products reach. The
figures of networks between devices are those of data sheets, of which half is taken.

`--measured` holds the prediction for processes on this machine against measured seconds for a step
of the first network. The prediction starts from that of one process.

[1] Patarasuk and Yuan, Bandwidth optimal all-reduce algorithms for clusters of workstations, 2009.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from textgen.network.parameters import operations_per_character, parameter_count
from textgen.settings import ModelSettings

VOCAB_SIZE = 65
# Bytes of a gradient, which is float32.
GRADIENT = 4
# Bytes that AdamW moves for a parameter: it reads gradient, moments and value, and writes three.
UPDATE = 28
# Seconds that JAX takes to start a compiled step with plain dictionaries.
OVERHEAD = 0.19e-3
# A network scales as long as a step is at least this share of as fast as ideal.
ENOUGH = 0.5


@dataclass(frozen=True)
class Network:
    """A network to be trained: an LSTM whose embedding is as wide as its layers."""

    num_layers: int
    hidden_size: int

    def __str__(self) -> str:
        return f"{self.num_layers}x{self.hidden_size}"

    def settings(self) -> ModelSettings:
        """Return the network as textgen knows it."""
        return ModelSettings(
            vocab_size=VOCAB_SIZE,
            num_layers=self.num_layers,
            hidden_size=self.hidden_size,
            embedding_size=self.hidden_size,
            dropout_rate=0.0,
        )

    @property
    def operations(self) -> int:
        """Operations in the products that train on a character."""
        return operations_per_character(self.settings())

    @property
    def parameters(self) -> int:
        """Number of values that are learnt, each with a gradient."""
        return parameter_count(self.settings())


@dataclass(frozen=True)
class Batch:
    """Sequences and characters in each, in one step of all devices together."""

    size: int
    length: int


@dataclass(frozen=True)
class Link:
    """What connects devices: bytes a second in each direction, and seconds for a message."""

    bandwidth: float
    latency: float


@dataclass(frozen=True)
class Device:
    """One of the devices that train together.

    Attributes:
        name: what it is.
        peak: speed of large products, in operations a second.
        shares: share of the peak that added sequences reach, by the units of a layer.
        layer: seconds that a step of a layer takes without any sequence, a.
        memory: bytes that memory moves in a second.
        near: what connects devices up to `reach`.
        far: what connects more of them.
        reach: number of devices in one machine.
    """

    name: str
    peak: float
    shares: Mapping[int, float]
    layer: float
    memory: float
    near: Link
    far: Link
    reach: int

    def sequence(self, network: Network) -> float:
        """Return the seconds that each sequence adds to a step of all layers, b."""
        return network.operations / (self.peak * self.shares[network.hidden_size])

    def fixed(self, network: Network, length: int) -> float:
        """Return the seconds of a step that stay the same however many devices share the batch."""
        update = UPDATE * network.parameters / self.memory
        return OVERHEAD + update + length * network.num_layers * self.layer

    def exchange(self, network: Network, num_devices: int) -> float:
        """Return the seconds for the exchange of gradients."""
        link = self.near if num_devices <= self.reach else self.far
        return ring_all_reduce(GRADIENT * network.parameters, num_devices, link)


def ring_all_reduce(size: float, num_devices: int, link: Link) -> float:
    """Return the seconds after which all devices have the sum of their arrays of `size` bytes."""
    messages = 2 * (num_devices - 1)
    return messages * (size / num_devices / link.bandwidth + link.latency)


def step_time(device: Device, network: Network, batch: Batch, num_devices: int) -> float:
    """Return the seconds that a step takes."""
    products = batch.length * batch.size / num_devices * device.sequence(network)
    fixed = device.fixed(network, batch.length)
    return fixed + products + device.exchange(network, num_devices)


def efficiency(device: Device, network: Network, batch: Batch, num_devices: int) -> float:
    """Return how many times as fast as one device many are, as a share of their number."""
    alone = step_time(device, network, batch, 1)
    return alone / (num_devices * step_time(device, network, batch, num_devices))


def most_devices(device: Device, network: Network, batch: Batch, numbers: Sequence[int]) -> int:
    """Return the largest of some numbers of devices up to which a network scales."""
    enough = [n for n in numbers if efficiency(device, network, batch, n) >= ENOUGH]
    return max(enough)


def batch_needed(device: Device, network: Network, length: int, num_devices: int) -> int:
    """Return the least number of sequences with which a network scales to so many devices.

    With the fixed part F, the exchange C and P = T b, the step takes F + P B alone and
    F + P B / n + C on n devices. From (F + P B) / (n F + P B + n C) >= e follows
    B >= ((e n - 1) F + e n C) / (P (1 - e)).
    """
    fixed = device.fixed(network, length)
    exchange = device.exchange(network, num_devices)
    share = ENOUGH * num_devices
    least = (share - 1) * fixed + share * exchange
    least /= length * device.sequence(network) * (1 - ENOUGH)
    return max(num_devices, ceil(least))


def split(
    network: Network, speeds: Sequence[tuple[Batch, float]], memory: float
) -> tuple[float, float]:
    """Return a and b of a network from two measured speeds, in characters a second."""
    constant = OVERHEAD + UPDATE * network.parameters / memory
    (first, one), (second, two) = (
        (batch, (batch.size * batch.length / speed - constant) / batch.length)
        for batch, speed in speeds
    )
    sequence = (two - one) / (second.size - first.size)
    return (one - sequence * first.size) / network.num_layers, sequence


def h200() -> Device:
    """Return an NVIDIA H200 with bfloat16 products, from the measured speeds in RESULTS.md.

    4x2048 has not been measured; it is taken to reach the share that 3x1024 does. Eight cards are
    connected by NVLink, of 450 GB/s in each direction, and machines by 400 Gbit/s for each card, of
    which NCCL uses all eight at once.
    """
    peak, memory = 721e12, 4.8e12
    narrow, wide = Network(2, 512), Network(3, 1024)
    speeds = ((Batch(64, 128), 1_878_900.0), (Batch(512, 64), 5_498_883.0))
    layer, sequence = split(narrow, speeds, memory)
    constant = OVERHEAD + UPDATE * wide.parameters / memory
    measured = 512 * 64 / 1_839_194
    wide_sequence = ((measured - constant) / 64 - wide.num_layers * layer) / 512
    share = wide.operations / (wide_sequence * peak)
    return Device(
        name="H200",
        peak=peak,
        shares={512: narrow.operations / (sequence * peak), 1024: share, 2048: share},
        layer=layer,
        memory=memory,
        near=Link(225e9, 10e-6),
        far=Link(200e9, 20e-6),
        reach=8,
    )


def cpu_host() -> Device:
    """Return a host with the two cores (AVX-512) that RESULTS.md calls machine A.

    The shares of the peak are the measured ones of 2x512 and 1x1024, and hold for whole steps, so
    that nothing is left for a. 2048 units are taken to reach what 1024 do. Hosts are connected by
    Ethernet of 10 Gbit/s.
    """
    ethernet = Link(0.6e9, 50e-6)
    return Device(
        name="host with 2 cores",
        peak=213e9,
        shares={512: 0.80, 1024: 0.66, 2048: 0.66},
        layer=0.0,
        memory=10e9,
        near=ethernet,
        far=ethernet,
        reach=1,
    )


def predicted_here(
    network: Network, alone: float, num_processes: int, cores: int, memory: float, link: Link
) -> float:
    """Return the seconds for a step of some processes on this machine, each with one device.

    Args:
        network: what is trained.
        alone: measured seconds for a step of one process.
        num_processes: number of processes, which share the batch.
        cores: cores of this machine, which the processes share.
        memory: bytes that memory moves in a second, for all processes together.
        link: what connects the processes.
    """
    update = UPDATE * network.parameters / memory
    products = max(0.0, alone - OVERHEAD - update)
    turns = max(1.0, num_processes / cores)
    shared = products / min(num_processes, cores)
    exchange = ring_all_reduce(GRADIENT * network.parameters, num_processes, link)
    return OVERHEAD * turns + update * num_processes + shared + exchange * turns


def held_against(
    network: Network, measured: Mapping[int, float], cores: int | None = None
) -> list[tuple[int, float, float]]:
    """Hold predictions for processes on this machine against what was measured.

    Args:
        network: what was trained.
        measured: seconds for a step, by the number of processes; that of one must be there.
        cores: cores of this machine; None to count them.

    Returns:
        For each number of processes: the number, predicted and measured seconds.
    """
    host = cpu_host()
    cores = cores or os.cpu_count() or 1
    loopback = Link(1e9, 50e-6)
    return [
        (n, predicted_here(network, measured[1], n, cores, host.memory, loopback), measured[n])
        for n in sorted(measured)
    ]


def print_tables(device: Device, numbers: Sequence[int], batch: Batch) -> None:
    """Print the time of a step and what it is made of, and where each network stops scaling."""
    numbers = [number for number in numbers if number <= batch.size]
    print(f"\n{device.name}, {batch.size} sequences of {batch.length} characters a step\n")
    print("| network | devices | step, ms | of which exchange | characters/s | efficiency |")
    print("|---|---|---|---|---|---|")
    for network in NETWORKS:
        for number in numbers:
            seconds = step_time(device, network, batch, number)
            exchange = device.exchange(network, number)
            print(
                f"| {network} | {number} | {1e3 * seconds:,.2f} | {1e3 * exchange:,.2f} | "
                f"{batch.size * batch.length / seconds:,.0f} | "
                f"{100 * efficiency(device, network, batch, number):.0f} % |"
            )
    print("\n| network | scales to | sequences a step that it needs for each number of devices |")
    print("|---|---|---|")
    for network in NETWORKS:
        needed = [f"{n}: {batch_needed(device, network, batch.length, n):,}" for n in numbers[1:]]
        most = most_devices(device, network, batch, numbers)
        print(f"| {network} | {most} | {'; '.join(needed)} |")


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def measurement(text: str) -> tuple[int, float]:
    """Return a number of processes and the seconds for a step, from a text such as 2=0.5."""
    number, _, seconds = text.partition("=")
    return positive(number), float(seconds)


NETWORKS = (Network(2, 512), Network(3, 1024), Network(4, 2048))


def main() -> None:
    """Print the tables, and what was measured here beside what was predicted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--batch", type=positive, default=512, help="sequences in a step of all GPUs"
    )
    parser.add_argument("--length", type=positive, default=64, help="characters in a sequence")
    parser.add_argument(
        "--measured",
        nargs="+",
        type=measurement,
        default=[],
        metavar="N=SECONDS",
        help="seconds for a step of 2x512 with N processes on this machine; that of 1 is needed",
    )
    asked = parser.parse_args()
    print_tables(h200(), (1, 2, 4, 8, 16, 32, 64), Batch(asked.batch, asked.length))
    print_tables(cpu_host(), (1, 2, 4, 8, 16), Batch(64, 128))
    if asked.measured:
        measured = dict(asked.measured)
        if 1 not in measured:
            parser.error("--measured needs 1=SECONDS, from which the others are predicted")
        print("\n| processes here | predicted, s | measured, s | measured / predicted |")
        print("|---|---|---|---|")
        for number, predicted, seconds in held_against(NETWORKS[0], measured):
            print(f"| {number} | {predicted:.4f} | {seconds:.4f} | {seconds / predicted:.2f} |")


if __name__ == "__main__":
    main()
