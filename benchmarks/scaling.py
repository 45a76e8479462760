"""Compute on paper how long a step takes on many devices, and where a network stops scaling.

    python benchmarks/scaling.py [--batch 512 --length 64] [--measured 1.json 2.json 4.json]

The devices share each batch. A step has four parts, and none of them is done during another:

    overhead    what Python and JAX do for a step, whatever its size
    products    T (L a + B/n b): T characters in a sequence, L layers, B sequences, n devices
    update      28 bytes of memory are read or written for each parameter; the devices share the
                parameters that are large
    exchange    a ring all-reduce of the gradients, and an all-gather of what the devices share:
                see `exchange_seconds` in textgen/training/train_state.py

a is the time that one step of one layer takes without any sequence, and b what each sequence adds.
Both come from the measured speeds below, and so does the share of the peak that products reach. The
figures of networks between devices are those of data sheets, of which half is taken.

`--measured` takes what `textgen bench --hosts auto --json` has printed on some processes. It holds
the prediction for these processes against their measured steps, and says where the measured
networks would stop scaling on more of such hosts. What is predicted starts from the step of one
process, and from the measured bandwidth and latency. If processes share the cores of a host, they
take turns, and each part of a step takes as many times as long.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod
from pathlib import Path
from typing import Any

from textgen.network.parameters import operations_per_character, parameter_shapes
from textgen.runtime.collectives import Link
from textgen.runtime.devices import is_update_shared
from textgen.settings import ModelSettings
from textgen.training.train_state import exchange_seconds

VOCAB_SIZE = 65
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

    def updated(self, num_devices: int) -> float:
        """Return the number of parameters that each of some devices updates."""
        shapes = parameter_shapes(self.settings()).values()
        return sum(
            prod(shape) / (num_devices if is_update_shared(shape, num_devices) else 1)
            for shape in shapes
        )


@dataclass(frozen=True)
class Batch:
    """Sequences and characters in each, in one step of all devices together."""

    size: int
    length: int


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
        rings: members of the ring of an exchange for each device.
    """

    name: str
    peak: float
    shares: Mapping[int, float]
    layer: float
    memory: float
    near: Link
    far: Link
    reach: int
    rings: int = 1

    def sequence(self, network: Network) -> float:
        """Return the seconds that each sequence adds to a step of all layers, b."""
        return network.operations / (self.peak * self.shares[network.hidden_size])

    def fixed(self, network: Network, length: int, num_devices: int) -> float:
        """Return the seconds of a step that do not depend on the number of sequences."""
        update = UPDATE * network.updated(num_devices) / self.memory
        return OVERHEAD + update + length * network.num_layers * self.layer

    def exchange(self, network: Network, num_devices: int) -> float:
        """Return the seconds for the exchange of gradients and parameters."""
        link = self.near if num_devices <= self.reach else self.far
        if num_devices == 1:
            return 0.0
        return exchange_seconds(network.settings(), self.rings * num_devices, link)


def step_time(device: Device, network: Network, batch: Batch, num_devices: int) -> float:
    """Return the seconds that a step takes."""
    products = batch.length * batch.size / num_devices * device.sequence(network)
    fixed = device.fixed(network, batch.length, num_devices)
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

    With fixed parts F, the exchange C and P = T b, a step takes F1 + P B alone and Fn + P B / n + C
    on n devices. From (F1 + P B) / (n Fn + P B + n C) >= e follows
    B >= (e n (Fn + C) - F1) / (P (1 - e)).
    """
    alone, fixed = (device.fixed(network, length, number) for number in (1, num_devices))
    exchange = device.exchange(network, num_devices)
    least = ENOUGH * num_devices * (fixed + exchange) - alone
    least /= length * device.sequence(network) * (1 - ENOUGH)
    return max(num_devices, ceil(least))


def split(
    network: Network, speeds: Sequence[tuple[Batch, float]], memory: float
) -> tuple[float, float]:
    """Return a and b of a network from two measured speeds, in characters a second."""
    constant = OVERHEAD + UPDATE * network.updated(1) / memory
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
    constant = OVERHEAD + UPDATE * wide.updated(1) / memory
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


def read_measured(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read what `textgen bench --json` has printed on several processes.

    Returns:
        What connects the processes, and the step of each network.

    Raises:
        ValueError: if it is something else.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    clusters = [row for row in rows if row["type"] == "cluster"]
    if len(clusters) != 1:
        raise ValueError(f"{path} does not have the lines of textgen bench --hosts auto --json")
    return clusters[0], [row for row in rows if row["type"] == "step"]


def network_of(step: Mapping[str, Any]) -> Network:
    """Return the network of a measured step."""
    num_layers, hidden_size = map(int, step["network"].split("x"))
    return Network(num_layers, hidden_size)


def measured_host(cluster: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> Device:
    """Return one of the processes of a measured cluster as a device.

    Its memory is taken to be that of `cpu_host`. All of the rest of a step is taken to grow with
    the number of sequences. The measured latency has in it that processes on one host take turns.
    """
    memory, shares = cpu_host().memory, {}
    for step in steps:
        network = network_of(step)
        products = step["seconds_alone"] - OVERHEAD - UPDATE * network.updated(1) / memory
        characters = step["batch_size"] * step["sequence_length"]
        shares[network.hidden_size] = characters * network.operations / products
    link = Link(cluster["bandwidth"], cluster["latency"])
    return Device(
        name="process of the measured cluster",
        peak=1.0,
        shares=shares,
        layer=0.0,
        memory=memory,
        near=link,
        far=link,
        reach=1,
        rings=cluster["devices"] // cluster["processes"],
    )


def turns_of(cluster: Mapping[str, Any]) -> float:
    """Return how many times as long work takes since processes share the cores of a host."""
    return max(1.0, cluster["devices"] / (cluster["hosts"] * cluster["cores"]))


def predicted(
    cluster: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], step: Mapping[str, Any]
) -> float:
    """Return the seconds that a measured step should take.

    Args:
        cluster: what connects the processes.
        steps: the measured steps of all networks.
        step: one of them.
    """
    host, network, number = measured_host(cluster, steps), network_of(step), cluster["processes"]
    batch = Batch(step["batch_size"], step["sequence_length"])
    exchange = host.exchange(network, number)
    return turns_of(cluster) * (step_time(host, network, batch, number) - exchange) + exchange


def print_tables(
    device: Device,
    numbers: Sequence[int],
    batch: Batch,
    networks: Sequence[Network] | None = None,
) -> None:
    """Print the time of a step and what it is made of, and where each network stops scaling."""
    networks = NETWORKS if networks is None else networks
    numbers = [number for number in numbers if number <= batch.size]
    print(f"\n{device.name}, {batch.size} sequences of {batch.length} characters a step\n")
    print("| network | devices | step, ms | of which exchange | characters/s | efficiency |")
    print("|---|---|---|---|---|---|")
    for network in networks:
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
    for network in networks:
        needed = [f"{n}: {batch_needed(device, network, batch.length, n):,}" for n in numbers[1:]]
        most = most_devices(device, network, batch, numbers)
        print(f"| {network} | {most} | {'; '.join(needed)} |")


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def print_measured(paths: Sequence[Path]) -> None:
    """Print what was measured beside what is predicted, and where the networks stop scaling."""
    measured = [read_measured(path) for path in paths]
    print(
        "\n| network | processes | alone, s | predicted, s | measured, s | measured / predicted |"
    )
    print("|---|---|---|---|---|---|")
    for cluster, steps in measured:
        for step in steps:
            expected = predicted(cluster, steps, step)
            print(
                f"| {step['network']} | {cluster['processes']} | {step['seconds_alone']:.4f} | "
                f"{expected:.4f} | {step['seconds']:.4f} | {step['seconds'] / expected:.2f} |"
            )
    for cluster, _ in measured:
        turns, count = turns_of(cluster), cluster["processes"]
        if turns > 1:
            print(
                f"\n{cluster['devices']} devices of {count} processes take turns on "
                f"{cluster['hosts'] * cluster['cores']} cores, so that work takes {turns:g} times "
                "as long as on as many hosts."
            )
    cluster, steps = measured[-1]
    batch = Batch(steps[-1]["batch_size"], steps[-1]["sequence_length"])
    networks = [network_of(step) for step in steps]
    print_tables(measured_host(cluster, steps), (1, 2, 4, 8, 16), batch, networks)


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
        type=Path,
        default=[],
        metavar="FILE",
        help="what textgen bench --hosts auto --json has printed on some processes",
    )
    asked = parser.parse_args()
    print_tables(h200(), (1, 2, 4, 8, 16, 32, 64), Batch(asked.batch, asked.length))
    print_tables(cpu_host(), (1, 2, 4, 8, 16), Batch(64, 128))
    if asked.measured:
        try:
            print_measured(asked.measured)
        except (OSError, ValueError, KeyError) as error:
            parser.error(str(error))


if __name__ == "__main__":
    main()
