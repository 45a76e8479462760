"""What each launcher sets is read as it is meant; the environments are those of real processes."""

from pathlib import Path

import pytest

from textgen.errors import SettingError, UsageError
from textgen.runtime import clusters
from textgen.runtime.clusters import Cluster, cloud_tpu, expand_nodes, find_cluster

# Variables of Open MPI 4.1.4 and 5.0.11 in the second of two processes on one host.
OPEN_MPI = {
    "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "PMIX_RANK": "1",
}
VERSION_4 = OPEN_MPI | {
    "OMPI_MCA_orte_hnp_uri": "1999503360.0;tcp://192.0.2.2:57673;tcp6://[fd00::2]:60255",
    "PMIX_NAMESPACE": "1999503361",
}
VERSION_5 = OPEN_MPI | {
    "PMIX_NAMESPACE": "prterun-vm-5869@1",
    "PMIX_SERVER_URI41": "prterun-vm-5869@0.0;tcp4://127.0.0.1:56697",
    "PRTE_LAUNCHED": "1",
}
# Variables that srun sets in the third of four tasks on two nodes.
SRUN = {
    "SLURM_JOB_ID": "200505",
    "SLURM_NTASKS": "4",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "1",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "gnode[08,10]",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
}
# Variables of a batch script for four tasks, which is a single process.
BATCH = {
    "SLURM_JOB_ID": "200505",
    "SLURM_NTASKS": "4",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_JOB_NODELIST": "gnode[10,20,25,37]",
    "SLURM_TASKS_PER_NODE": "1(x4)",
}
SKYPILOT = {
    "SKYPILOT_NODE_IPS": "10.0.0.4\n10.0.0.5\n10.0.0.6",
    "SKYPILOT_NODE_RANK": "2",
    "SKYPILOT_NUM_NODES": "3",
    "SKYPILOT_TASK_ID": "sky-2026-11-27-08-00-00-000000_cluster_1",
}


def cluster_of(environment: dict[str, str]) -> Cluster:
    found = find_cluster(environment)
    assert isinstance(found, Cluster)
    return found


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("", []),
        ("node1", ["node1"]),
        ("node1,host2", ["node1", "host2"]),
        ("node[01-04,7]", ["node01", "node02", "node03", "node04", "node7"]),
        (
            "node[001,098-101],login",
            ["node001", "node098", "node099", "node100", "node101", "login"],
        ),
        ("r[1-2]n[3,5]", ["r1n3", "r1n5", "r2n3", "r2n5"]),
        ("a[1-2]-ib,b-3", ["a1-ib", "a2-ib", "b-3"]),
    ],
)
def test_lists_of_nodes_are_expanded(names: str, expected: list[str]) -> None:
    assert expand_nodes(names) == expected


def test_a_list_of_nodes_that_is_none_is_refused() -> None:
    with pytest.raises(SettingError, match=r"must be a list such as node\[01-04\], got 'x-y'"):
        expand_nodes("node[x-y]")


def test_a_task_of_srun_knows_its_step() -> None:
    found = cluster_of(SRUN)
    assert (found.launcher, found.process_id, found.num_processes) == ("Slurm", 2, 4)
    # 200505 % 4096 = 3897, and 61440 + 3897 = 65337.
    assert found.coordinator == "gnode08:65337"
    assert (found.local_id, found.local_size) == (0, 2)
    assert found.evidence == (
        "SLURM_STEP_NUM_TASKS=4, SLURM_PROCID=2, SLURM_STEP_NODELIST=gnode[08,10]"
    )


def test_the_first_step_of_a_job_has_the_coordinator_that_jax_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from jax._src.clusters import SlurmCluster

    for name, value in SRUN.items():
        monkeypatch.setenv(name, value)
    assert cluster_of(SRUN).coordinator == SlurmCluster.get_coordinator_address(1, None)


def test_steps_side_by_side_have_ports_of_their_own() -> None:
    ports = {cluster_of(SRUN | {"SLURM_STEP_ID": str(step)}).coordinator for step in range(20)}
    assert len(ports) == 20


def test_a_step_with_fewer_tasks_than_its_job_counts_its_own() -> None:
    step = {"SLURM_NTASKS": "16", "SLURM_STEP_NUM_TASKS": "3"}
    assert cluster_of(SRUN | step).num_processes == 3


@pytest.mark.parametrize("step", [{}, {"SLURM_STEP_ID": "4294967290"}])
def test_a_batch_script_and_the_shell_of_salloc_are_no_tasks(step: dict[str, str]) -> None:
    found = find_cluster(BATCH | step)
    assert isinstance(found, str)
    assert found.startswith("SLURM_NTASKS=4, but srun did not start this process; put srun before")


def test_a_job_of_one_task_is_told() -> None:
    assert find_cluster(BATCH | {"SLURM_NTASKS": "1"}) == "Slurm gave this job one task"


@pytest.mark.parametrize(
    ("tasks", "node", "size"),
    [
        ("2(x3),1", "0", 2),
        ("2(x3),1", "3", 1),
        ("4", "0", 4),
        ("2(x3),1", "4", None),
        ("", "0", None),
    ],
)
def test_tasks_of_a_node_are_counted(tasks: str, node: str, size: int | None) -> None:
    given = {"SLURM_STEP_TASKS_PER_NODE": tasks, "SLURM_NODEID": node}
    assert cluster_of(SRUN | given).local_size == size


@pytest.mark.parametrize("environment", [VERSION_4, VERSION_5], ids=["4", "5"])
def test_processes_of_open_mpi_on_one_host_meet_there(environment: dict[str, str]) -> None:
    found = cluster_of(environment)
    assert (found.launcher, found.process_id, found.num_processes) == ("Open MPI", 1, 2)
    assert (found.local_id, found.local_size) == (1, 2)
    assert (found.coordinator or "").startswith("127.0.0.1:")


ON_MANY_HOSTS = {"OMPI_COMM_WORLD_LOCAL_SIZE": "1", "OMPI_COMM_WORLD_LOCAL_RANK": "0"}


def test_processes_of_open_mpi_on_many_hosts_meet_where_mpirun_runs() -> None:
    # 1999503360 / 4096 % 4096 = 736; 5869 % 4096 = 1773.
    assert cluster_of(VERSION_4 | ON_MANY_HOSTS).coordinator == "192.0.2.2:62176"
    assert cluster_of(VERSION_5 | ON_MANY_HOSTS).coordinator == "vm:63213"
    dashes = {"PMIX_NAMESPACE": "prterun-gpu-07.site.org-4096@1"}
    assert cluster_of(VERSION_5 | ON_MANY_HOSTS | dashes).coordinator == "gpu-07.site.org:61440"
    only_6 = {"OMPI_MCA_orte_hnp_uri": "1314521088.0;tcp6://[fe80::b9b,2620::3]:43370"}
    assert cluster_of(VERSION_4 | ON_MANY_HOSTS | only_6).coordinator == "[fe80::b9b]:62880"


def test_of_open_mpi_4_the_coordinator_is_the_one_that_jax_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from jax._src.clusters import OmpiCluster

    environment = VERSION_4 | ON_MANY_HOSTS
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    expected = OmpiCluster.get_coordinator_address(1, None)
    assert cluster_of(environment).coordinator == expected


def test_an_open_mpi_that_does_not_tell_where_it_runs_leaves_that_open() -> None:
    assert cluster_of(OPEN_MPI | ON_MANY_HOSTS).coordinator is None


def test_mpirun_in_a_job_of_slurm_counts_and_not_the_step_of_its_daemon() -> None:
    assert cluster_of(SRUN | VERSION_5).launcher == "Open MPI"
    assert cluster_of(BATCH | VERSION_4).launcher == "Open MPI"


def test_nodes_of_skypilot_meet_on_the_first() -> None:
    found = cluster_of(SKYPILOT)
    assert (found.launcher, found.process_id, found.num_processes) == ("SkyPilot", 2, 3)
    host, port = (found.coordinator or "").split(":")
    assert host == "10.0.0.4"
    assert 61440 <= int(port) <= 65535
    assert found.coordinator == cluster_of(SKYPILOT | {"SKYPILOT_NODE_RANK": "0"}).coordinator
    other = {"SKYPILOT_TASK_ID": "sky-2026-11-27-08-00-00-000000_cluster_2"}
    assert found.coordinator != cluster_of(SKYPILOT | other).coordinator


def test_kubernetes_tells_the_number_of_a_pod_alone() -> None:
    found = cluster_of({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "3"})
    assert (found.launcher, found.process_id) == ("Kubernetes", 3)
    assert found.coordinator is found.num_processes is None
    assert find_cluster({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}) is None


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (SRUN | {"SLURM_PROCID": "4"}, "SLURM_PROCID must be a whole number from 0 to 3, got '4'"),
        (SRUN | {"SLURM_PROCID": "two"}, "SLURM_PROCID must be .* got 'two'"),
        (SRUN | {"SLURM_PROCID": "-1"}, "SLURM_PROCID must be .* got '-1'"),
        (SRUN | {"SLURM_PROCID": "\N{SUPERSCRIPT TWO}"}, "SLURM_PROCID must be"),
        (SRUN | {"SLURM_STEP_NUM_TASKS": "0"}, "SLURM_STEP_NUM_TASKS must be .* of at least 1"),
        (SRUN | {"SLURM_STEP_NODELIST": ""}, "SLURM_STEP_NODELIST is empty or not set"),
        (SRUN | {"SLURM_JOB_ID": "x"}, "SLURM_JOB_ID must be a whole number"),
        (VERSION_5 | {"OMPI_COMM_WORLD_RANK": "2"}, "OMPI_COMM_WORLD_RANK must be .* from 0 to 1"),
        (SKYPILOT | {"SKYPILOT_NODE_RANK": "3"}, "SKYPILOT_NODE_RANK must be .* from 0 to 2"),
        (SKYPILOT | {"SKYPILOT_NODE_IPS": "\n"}, "SKYPILOT_NODE_IPS is empty"),
        ({"JOB_COMPLETION_INDEX": "one"}, "JOB_COMPLETION_INDEX must be a whole number"),
    ],
)
def test_values_that_make_no_sense_are_named(environment: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_cluster(environment)


@pytest.mark.parametrize("name", ["SLURM_PROCID", "SLURM_STEP_NODELIST", "SLURM_LOCALID"])
def test_variables_that_are_missing_are_named(name: str) -> None:
    environment = {other: value for other, value in SRUN.items() if other != name}
    with pytest.raises(UsageError, match=f"{name} is .*not set"):
        find_cluster(environment)


def test_hosts_of_a_tpu_are_left_to_jax(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = cloud_tpu({"TPU_WORKER_HOSTNAMES": "a,b"})
    assert isinstance(found, Cluster)
    assert found.coordinator is found.num_processes is found.process_id is None
    assert cloud_tpu({"TPU_WORKER_HOSTNAMES": "a"}) == "TPU_WORKER_HOSTNAMES names one host"
    slices = {"TPU_WORKER_HOSTNAMES": "a", "MEGASCALE_NUM_SLICES": "2"}
    assert isinstance(cloud_tpu(slices), Cluster)
    device = tmp_path / "sys/bus/pci/devices/0000:00:04.0"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x1ae0\n")
    assert cloud_tpu({}, tmp_path) is None  # without the library for TPUs
    monkeypatch.setattr(clusters, "find_spec", lambda name: name)
    assert isinstance(cloud_tpu({}, tmp_path), Cluster)
    (device / "vendor").write_text("0x8086\n")
    assert cloud_tpu({}, tmp_path) is None


def test_without_a_launcher_there_is_no_cluster() -> None:
    assert find_cluster({"HOME": "/root"}) is None
