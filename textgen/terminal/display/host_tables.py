"""What several processes gain, as tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textgen.terminal.display.render import (
    format_bytes,
    format_count,
    format_labelled,
    format_notes,
    format_table,
)

if TYPE_CHECKING:
    from textgen.workflows.bench_hosts import (  # an import of JAX
        Cluster,
        Reduction,
        SharedStep,
    )


def format_milliseconds(seconds: float) -> str:
    """Write a short time.

    >>> format_milliseconds(0.00031), format_milliseconds(1.5)
    ('0.31 ms', '1,500 ms')
    """
    milliseconds = 1e3 * seconds
    return f"{milliseconds:,.{2 if milliseconds < 9.995 else 0}f} ms"


def format_cluster(
    reductions: "Sequence[Reduction]",
    cluster: "Cluster",
    steps: "Sequence[SharedStep]",
    columns: int | None = None,
) -> str:
    """Describe what several processes gain: two tables, and what their columns mean.

    Args:
        reductions: what an all-reduce takes, at each size.
        cluster: what connects the processes.
        steps: what a step takes, for each network.
        columns: width of the terminal in columns; None if there is no limit.
    """
    exchanges = [("all-reduce", "time", "rate")]
    exchanges += [
        (
            format_bytes(one.bytes),
            format_milliseconds(one.seconds),
            f"{format_bytes(round(one.bytes / one.seconds))}/s",
        )
        for one in reductions
    ]
    head = ("network", "batch", "alone", "together", "exchange", "speed", "gain", "needs")
    networks = [
        (
            one.network,
            f"{one.batch_size}x{one.sequence_length}",
            format_milliseconds(one.seconds_alone),
            format_milliseconds(one.seconds),
            format_milliseconds(one.exchange),
            f"{one.characters_per_second:,.0f}",
            f"{one.gain:.2f}",
            f"{one.batch_needed:,}",
        )
        for one in steps
    ]
    enough = 0.75 * cluster.processes
    notes = (
        ("all-reduce", "size of the arrays that all devices sum, as they do with gradients"),
        ("rate", "bytes of an array for each second of the time"),
        ("network", "layers x units in each layer"),
        ("batch", "sequences x characters in each sequence"),
        ("alone", "time of a step of process 0, while the others wait"),
        ("together", "time of a step of all processes, which share the batch"),
        ("exchange", "part of it in which arrays are exchanged, by the bandwidth and latency"),
        ("speed", "speed of all processes together, in characters/s"),
        ("gain", "how many times as fast together as alone"),
        ("needs", f"sequences in a batch with which the gain would be {enough:g}"),
    )
    parts = (
        format_notes([describe_cluster(cluster)], columns),
        format_table(exchanges, columns),
        format_table([head, *networks], columns),
        format_labelled(notes, columns),
    )
    return "\n\n".join(parts)


def describe_cluster(cluster: "Cluster") -> str:
    """Describe in a sentence what connects the processes."""
    where = format_count(cluster.hosts, "host")
    shared = ", which share its cores" if cluster.hosts == 1 else ""
    if 1 < cluster.hosts < cluster.processes:
        shared = ", some of which share the cores of a host"
    return (
        f"{cluster.processes:,} processes on {where}{shared}, with "
        f"{format_count(cluster.devices, 'device')}: {format_bytes(round(cluster.bandwidth))}/s "
        f"from each device to the next, and {format_milliseconds(cluster.latency)} for a message"
    )
