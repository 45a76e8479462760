"""The processes that train together, from the variables of JAX and of launchers."""

import subprocess
import sys

import pytest

from textgen.errors import UsageError
from textgen.runtime.hosts import Hosts, alone, find_hosts

JAX = {
    "JAX_COORDINATOR_ADDRESS": "10.0.0.1:1234",
    "JAX_NUM_PROCESSES": "3",
    "JAX_PROCESS_ID": "1",
}
SRUN = {
    "SLURM_JOB_ID": "7",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "1",
    "SLURM_NODEID": "0",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "node[1-2]",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
}
POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "JOB_COMPLETION_INDEX": "2"}


def hosts_of(environment: dict[str, str]) -> Hosts:
    found = find_hosts(environment)
    assert found is not None
    return found


def test_the_variables_of_jax_are_believed_first() -> None:
    found = hosts_of(SRUN | JAX)
    assert (found.coordinator, found.num_processes, found.process_id) == ("10.0.0.1:1234", 3, 1)
    assert found.reason == (
        "3 processes, found by JAX's variables: JAX_COORDINATOR_ADDRESS=10.0.0.1:1234, "
        "JAX_NUM_PROCESSES=3, JAX_PROCESS_ID=1"
    )
    assert found.local_devices is None


def test_what_is_believed_of_a_launcher_is_told() -> None:
    found = hosts_of(SRUN)
    assert (found.coordinator, found.num_processes, found.process_id) == ("node1:61447", 4, 1)
    assert found.launcher == "Slurm"
    assert found.reason == (
        "4 processes, found by Slurm: SLURM_STEP_NUM_TASKS=4, SLURM_PROCID=1, "
        "SLURM_STEP_NODELIST=node[1-2]"
    )


def test_the_arguments_are_those_of_jax() -> None:
    import inspect

    from jax.distributed import initialize

    arguments = hosts_of(SRUN).arguments()
    assert {*arguments} <= {*inspect.signature(initialize).parameters}
    assert arguments["local_device_ids"] == [1]
    assert arguments["cluster_detection_method"] == "deactivate"


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "no cluster was found"),
        (JAX | {"JAX_NUM_PROCESSES": "1"}, "JAX_NUM_PROCESSES started one process"),
        ({"JAX_NUM_PROCESSES": "1"}, "JAX_NUM_PROCESSES started one process"),
        (SRUN | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"},
         "Slurm started one process"),
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}, "SLURM_NTASKS=4, but srun did not start"),
        (POD, "JOB_COMPLETION_INDEX=2, but neither JAX_COORDINATOR_ADDRESS nor"),
        ({"PMI_SIZE": "4"}, "PMI_SIZE=4 is a variable of MPICH or Intel MPI, which is not"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE=2 is a variable of torchrun"),
        ({"WORLD_SIZE": "1"}, "no cluster was found"),
    ],
)  # fmt: skip
def test_one_process_is_no_cluster_and_says_why(environment: dict[str, str], reason: str) -> None:
    assert find_hosts(environment) is None
    assert alone(environment).startswith(f"this process trains alone: {reason}")


def test_only_a_process_that_trains_alone_can_say_why() -> None:
    with pytest.raises(ValueError, match="3 processes"):
        alone(JAX)


@pytest.mark.parametrize("missing", list(JAX))
def test_variables_of_jax_that_are_missing_are_named(missing: str) -> None:
    environment = {name: value for name, value in JAX.items() if name != missing}
    with pytest.raises(UsageError, match=f"^{missing} is not set; set JAX_COORDINATOR_ADDRESS, "):
        find_hosts(environment)


def test_two_missing_variables_are_both_named() -> None:
    with pytest.raises(UsageError, match=r"^JAX_NUM_PROCESSES and JAX_PROCESS_ID are not set"):
        find_hosts({"JAX_COORDINATOR_ADDRESS": "node1:1234"})


def test_a_launcher_tells_what_the_variables_of_jax_do_not() -> None:
    found = hosts_of(SRUN | {"JAX_COORDINATOR_ADDRESS": "ib-node1:99"})
    assert (found.coordinator, found.num_processes, found.process_id) == ("ib-node1:99", 4, 1)
    assert found.launcher == "Slurm"
    assert found.reason.startswith("4 processes, found by Slurm: JAX_COORDINATOR_ADDRESS=ib-node1")
    pod = POD | {"JAX_COORDINATOR_ADDRESS": "job-0.svc:99", "JAX_NUM_PROCESSES": "3"}
    found = hosts_of(pod)
    assert (found.coordinator, found.num_processes, found.process_id) == ("job-0.svc:99", 3, 2)
    assert found.launcher == "Kubernetes"


def test_a_launcher_that_does_not_tell_where_it_runs_needs_an_address() -> None:
    silent = {
        "OMPI_COMM_WORLD_SIZE": "2",
        "OMPI_COMM_WORLD_RANK": "1",
        "OMPI_COMM_WORLD_LOCAL_SIZE": "1",
        "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    }
    with pytest.raises(UsageError, match=r"^Open MPI does not tell where process 0 can be reached"):
        find_hosts(silent)
    assert hosts_of(silent | {"JAX_COORDINATOR_ADDRESS": "a:1"}).coordinator == "a:1"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"JAX_PROCESS_ID": "3"}, "JAX_PROCESS_ID must be less than the number of .*, 3, got '3'"),
        ({"JAX_PROCESS_ID": "x"}, "JAX_PROCESS_ID must be a whole number of at least 0, got 'x'"),
        ({"JAX_NUM_PROCESSES": "0"}, "JAX_NUM_PROCESSES must be a whole number of at least 1"),
        ({"JAX_NUM_PROCESSES": "1.5"}, "JAX_NUM_PROCESSES must be .* got '1.5'"),
        ({"JAX_COORDINATOR_ADDRESS": "node1"}, "JAX_COORDINATOR_ADDRESS must be HOST:PORT"),
        ({"JAX_COORDINATOR_ADDRESS": "node1:"}, "JAX_COORDINATOR_ADDRESS must be HOST:PORT"),
        ({"JAX_COORDINATOR_ADDRESS": "a:65536"}, "JAX_COORDINATOR_ADDRESS must be HOST:PORT"),
        ({"JAX_COORDINATOR_ADDRESS": "[::1]"}, "JAX_COORDINATOR_ADDRESS must be HOST:PORT"),
        ({"JAX_COORDINATOR_ADDRESS": "a", "JAX_COORDINATOR_PORT": "0"}, "JAX_COORDINATOR_PORT"),
        ({"JAX_LOCAL_DEVICE_IDS": "0;1"}, "JAX_LOCAL_DEVICE_IDS must be whole numbers"),
    ],
)
def test_values_that_make_no_sense_are_named(changed: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_hosts(JAX | changed)


def test_the_number_of_a_pod_is_checked_against_the_number_of_processes() -> None:
    pod = POD | {"JAX_COORDINATOR_ADDRESS": "a:1", "JAX_NUM_PROCESSES": "2"}
    with pytest.raises(UsageError, match=r"JOB_COMPLETION_INDEX must be less than .*, 2, got '2'"):
        find_hosts(pod)


@pytest.mark.parametrize(
    ("environment", "coordinator"),
    [
        (JAX | {"JAX_COORDINATOR_ADDRESS": "[::1]:99"}, "[::1]:99"),
        (JAX | {"JAX_COORDINATOR_ADDRESS": "[::1]", "JAX_COORDINATOR_PORT": "5"}, "[::1]:5"),
        (JAX | {"JAX_COORDINATOR_ADDRESS": "a", "JAX_COORDINATOR_PORT": "5"}, "a:5"),
        (JAX | {"JAX_COORDINATOR_PORT": "5"}, "10.0.0.1:1234"),
        (SRUN | {"JAX_COORDINATOR_PORT": "5"}, "node1:5"),
    ],
)
def test_a_port_can_be_given_by_itself(environment: dict[str, str], coordinator: str) -> None:
    assert hosts_of(environment).coordinator == coordinator


@pytest.mark.parametrize(
    ("changed", "devices"),
    [
        ({}, (1,)),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, (1,)),
        ({"CUDA_VISIBLE_DEVICES": "0,1,2,3"}, (2, 3)),
        ({"ROCR_VISIBLE_DEVICES": "0,1,2,3"}, (2, 3)),
        ({"CUDA_VISIBLE_DEVICES": "6"}, None),
        ({"CUDA_VISIBLE_DEVICES": "2,3", "SLURM_GPUS_PER_TASK": "2"}, None),
        ({"SLURM_STEP_TASKS_PER_NODE": "1(x4)"}, None),
        ({"JAX_LOCAL_DEVICE_IDS": "4, 5"}, (4, 5)),
    ],
)
def test_the_processes_of_a_host_share_its_gpus(
    changed: dict[str, str], devices: tuple[int, ...] | None
) -> None:
    assert hosts_of(SRUN | changed).local_devices == devices


def test_where_to_listen_can_be_given() -> None:
    assert hosts_of(JAX).bind_address is None
    bound = hosts_of(JAX | {"JAX_COORDINATOR_BIND_ADDRESS": "0.0.0.0:99"})
    assert bound.arguments()["coordinator_bind_address"] == "0.0.0.0:99"


def test_jax_counts_the_hosts_of_a_tpu_itself() -> None:
    found = hosts_of({"TPU_WORKER_HOSTNAMES": "a,b"})
    assert found.reason == ("the hosts of a Cloud TPU, which JAX counts: TPU_WORKER_HOSTNAMES=a,b")
    assert {*found.arguments().values()} == {None}


def test_finding_the_hosts_does_not_import_jax() -> None:
    code = (
        "import sys, textgen.runtime.coordinator\n"
        "from textgen.runtime.hosts import alone\n"
        "alone({}); print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
