"""Measure what several processes gain: their all-reduce, and steps alone and together."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import ClassVar

import jax

from textgen.runtime.collectives import Link, fit_link
from textgen.runtime.devices import make_mesh
from textgen.runtime.together import Together, apart
from textgen.settings import CellName
from textgen.training.train_state import exchange_seconds
from textgen.workflows.bench import SHAPES, STEPS, network_of, plan_of
from textgen.workflows.hosts import random_text, share_reduction
from textgen.workflows.supervise import make_trainer

# Bytes of the arrays that are summed. The gradients of the smallest network have about 1 MB, those
# of the largest about 16 MB.
SIZES = (2**12, 2**16, 2**20, 2**22, 2**24)
# Number of all-reduces with which the time of one is estimated, before it is measured.
FIRST_COUNT = 2
# Largest number of all-reduces in a measurement.
MOST_COUNT = 1000
# A batch is large enough if the processes gain at least this share of their number.
ENOUGH = 0.75


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """What an all-reduce between all devices takes.

    Attributes:
        kind: name of the measurement in JSON.
        bytes: size of the array of each device.
        seconds: time of an all-reduce.
    """

    kind: ClassVar[str] = "all_reduce"
    bytes: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What connects the processes.

    Attributes:
        kind: name of the measurement in JSON.
        processes: number of processes.
        devices: number of devices of all processes.
        hosts: number of different hosts.
        cores: number of cores of the host of process 0.
        bandwidth: bytes a second that each device sends to the next in a ring.
        latency: seconds of each message in the ring.
    """

    kind: ClassVar[str] = "cluster"
    processes: int
    devices: int
    hosts: int
    cores: int
    bandwidth: float
    latency: float


@dataclass(frozen=True, kw_only=True)
class SharedStep:
    """What a step of one network takes, with the same batch.

    Attributes:
        kind: name of the measurement in JSON.
        network: title of the network.
        batch_size: number of sequences B of a batch.
        sequence_length: number of characters T of a sequence.
        devices_alone: number of devices with which process 0 shares the batch when it is alone.
        devices: number of devices of all processes together that share it.
        seconds_alone: time of a step of process 0 alone.
        seconds: time of a step of all processes together.
        exchange: seconds in which the arrays of a step are exchanged, by bandwidth and latency.
        characters_per_second: speed of all processes together.
        gain: how many times as fast all together are as process 0 alone.
        batch_needed: number of sequences with which the gain would be three quarters of the
            number of processes; see `batch_needed`.
    """

    kind: ClassVar[str] = "step"
    network: str
    batch_size: int
    sequence_length: int
    devices_alone: int
    devices: int
    seconds_alone: float
    seconds: float
    exchange: float
    characters_per_second: float
    gain: float
    batch_needed: int


def measure_hosts(
    together: Together, cell: CellName, seconds: float, begin: Callable[[str], None]
) -> Iterator[Reduction | Cluster | SharedStep]:
    """Measure the all-reduce between all devices, then train alone and together.

    Only process 0 calls this; the others follow it.

    Args:
        together: the processes.
        cell: cell of the networks.
        seconds: time to train each network, once alone and once together. An all-reduce is measured
            for a fifth of it at each size.
        begin: function that is called before each piece of work, with its name. It may raise an
            exception to end the measurement.

    Yields:
        The time of an all-reduce at each size, then what connects the processes, then the steps of
        each network, the smallest first.
    """
    devices = len(jax.devices())
    reductions = []
    for size in SIZES:
        begin(f"measuring the all-reduce of {size:,} bytes")
        first = share_reduction(together, devices, size, FIRST_COUNT)
        count = min(max(FIRST_COUNT, int(seconds / 25 / first)), MOST_COUNT)
        taken = share_reduction(together, devices, size, count)
        reductions.append(Reduction(bytes=size, seconds=taken))
        yield reductions[-1]
    link = fit_link([one.bytes for one in reductions], [one.seconds for one in reductions], devices)
    yield Cluster(
        processes=together.count,
        devices=devices,
        hosts=len({*together.hosts}),
        cores=os.cpu_count() or 1,
        bandwidth=link.bandwidth,
        latency=link.latency,
    )
    for shape in SHAPES:
        yield _measure_step(together, cell, shape, link, seconds, begin)


def _measure_step(
    together: Together,
    cell: CellName,
    shape: tuple[int, int, int, int],
    link: Link,
    seconds: float,
    begin: Callable[[str], None],
) -> SharedStep:
    """Measure a step of one network."""
    num_layers, hidden_size, batch_size, length = shape
    model = network_of(cell, num_layers, hidden_size)
    present = len(jax.devices())
    batch_size = present * ceil(batch_size / present)

    def measured(others: Together | None) -> tuple[int, float]:
        where = "alone" if others is None else "together"
        mesh = make_mesh(None, batch_size)
        plan, place = plan_of(model, batch_size, length, mesh), (model.vocab_size, 2 * length)
        trainer = make_trainer(
            model,
            plan,
            *random_text(*place),
            together=others,
            place={"vocab_size": place[0], "validation": place[1]},
        )
        # On a busy machine compiling can take so long that it is taken for a slow step.
        trainer.measure(0.0, 1, lambda work: begin(f"{model.size} {where}: {work}"))
        pace = trainer.measure(seconds, STEPS, lambda work: begin(f"{model.size} {where}: {work}"))
        return mesh.size, pace.seconds_per_step

    with apart():
        devices_alone, alone = measured(None)
    devices, taken = measured(together)
    count = together.count
    return SharedStep(
        network=model.size,
        batch_size=batch_size,
        sequence_length=length,
        devices_alone=devices_alone,
        devices=devices,
        seconds_alone=alone,
        seconds=taken,
        exchange=exchange_seconds(model, devices, link),
        characters_per_second=batch_size * length / taken,
        gain=alone / taken,
        batch_needed=batch_needed(batch_size, alone, taken, count),
    )


def batch_needed(batch_size: int, alone: float, taken: float, num_processes: int) -> int:
    """Return the number of sequences with which processes gain enough.

    A step takes P B alone, with B sequences. In n processes it takes P B / n + C, where C does not
    depend on the batch. The gain is a share e of n if B >= e n C / (P (1 - e)).

    Args:
        batch_size: number of sequences that was measured.
        alone: seconds of a step of one process.
        taken: seconds of a step of all processes.
        num_processes: number of processes n.
    """
    besides = max(0.0, taken - alone / num_processes)
    needed = ENOUGH / (1 - ENOUGH) * num_processes * besides * batch_size / alone
    return max(num_processes, ceil(needed))
