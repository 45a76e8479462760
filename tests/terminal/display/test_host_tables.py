from textgen.terminal.display.host_tables import describe_cluster, format_cluster
from textgen.workflows.bench_hosts import Cluster, Reduction, SharedStep

CLUSTER = Cluster(processes=4, devices=8, hosts=2, cores=16, bandwidth=1.25e9, latency=0.00005)
STEP = SharedStep(
    network="2x512",
    batch_size=32,
    sequence_length=64,
    devices_alone=2,
    devices=8,
    seconds_alone=0.4,
    seconds=0.16,
    exchange=0.0312,
    characters_per_second=12800.0,
    gain=2.5,
    batch_needed=1248,
)


def test_every_figure_is_in_the_tables() -> None:
    shown = format_cluster([Reduction(bytes=2**20, seconds=0.002)], CLUSTER, [STEP])
    lines = shown.splitlines()
    assert "    1.0 MB  2.00 ms  524 MB/s" in lines
    row = "  2x512  32x64  400 ms    160 ms     31 ms  12,800  2.50  1,248"
    assert row in lines
    assert lines[-1].endswith("sequences in a batch with which the gain would be 3")
    for columns in (20, 60, 100):
        narrow = format_cluster([Reduction(bytes=2**20, seconds=0.002)], CLUSTER, [STEP], columns)
        assert max(map(len, narrow.splitlines())) <= columns


def test_what_connects_processes_is_one_sentence() -> None:
    assert describe_cluster(CLUSTER) == (
        "4 processes on 2 hosts, some of which share the cores of a host, with 8 devices: "
        "1.2 GB/s from each device to the next, and 0.05 ms for a message"
    )
