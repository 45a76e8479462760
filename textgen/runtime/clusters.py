"""What launchers of processes tell each process: one function for each launcher.

A launcher sets environment variables in the processes that it starts. The functions read them and
nothing else, so that they can be tested without a cluster. The module does not import JAX, whose
own detection is of no use here for these reasons:

- For Slurm it takes `SLURM_NTASKS`, which a batch script has too. A command that was not started by
  `srun` would wait for tasks that do not exist.
- It knows Open MPI 4, but not the variables of Open MPI 5.
- In Kubernetes it asks the cluster's API, which needs a package and a permission, and takes every
  indexed job for one computation. Most are many separate ones.
- It gives each process one device of its host, even to the only process of a host with eight.
"""

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path

from textgen.errors import SettingError, UsageError

Environment = Mapping[str, str]
# Ports for coordinators: from this one to 65535. Systems seldom give them to other connections.
FIRST_PORT, NUM_PORTS = 61440, 4096
# Slurm's numbers from here on are those of batch scripts, interactive shells and the like.
FIRST_SPECIAL_STEP = 0xFFFFFFF0
# Number by which PCI devices of Google are known.
GOOGLE = "0x1ae0"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What a launcher tells one of the processes that it started; None for what it does not tell.

    Attributes:
        launcher: its name.
        evidence: the variables that were believed, with their values.
        id_variable: the variable with the number of this process.
        process_id: number of this process, counted from 0.
        num_processes: number of all processes, at least 1.
        coordinator: HOST:PORT at which process 0 can be reached.
        local_id: number of this process among those of its host, counted from 0.
        local_size: number of processes on this host.
    """

    launcher: str
    evidence: str
    id_variable: str = ""
    process_id: int | None = None
    num_processes: int | None = None
    coordinator: str | None = None
    local_id: int | None = None
    local_size: int | None = None


def find_cluster(environment: Environment) -> Cluster | str | None:
    """Return what the launcher of this process tells it.

    A launcher can run inside another, such as `mpirun` in a job of Slurm. The innermost counts, so
    they are asked in that order.

    Returns:
        The cluster; or why the variables of a launcher are not believed, as a clause; or None if
        there is no launcher.

    Raises:
        UsageError: if a variable of the launcher is missing or makes no sense.
    """
    for launcher in (open_mpi, skypilot, slurm, kubernetes, cloud_tpu):
        found = launcher(environment)
        if found is not None:
            return found
    return None


def open_mpi(environment: Environment) -> Cluster | None:
    """Read the variables of Open MPI 4 and 5.

    Version 4 tells all processes the addresses of `mpirun`, and version 5 the name of its host.
    That is where process 0 is expected; `JAX_COORDINATOR_ADDRESS` says otherwise. What version 5
    tells in `PMIX_SERVER_URI` is the address of a daemon on the host of each process.
    """
    if "OMPI_COMM_WORLD_SIZE" not in environment:
        return None
    size = whole(environment, "OMPI_COMM_WORLD_SIZE", 1)
    local_size = whole(environment, "OMPI_COMM_WORLD_LOCAL_SIZE", 1, size)
    # Such as: 1531576320.0;tcp://10.96.0.1,10.148.0.1:34911;tcp6://[fe80::b9b]:43370
    uri = environment.get("OMPI_MCA_orte_hnp_uri", "")
    address = re.match(r"(\d+)\..*?;tcp(?:6://\[(.+?)[,\]]|://(.+?)[,:])", uri)
    # Such as: prterun-node01-5869@1
    name = re.match(r"[a-z]+-(.+)-(\d+)@\d+$", environment.get("PMIX_NAMESPACE", ""))
    host, port = None, FIRST_PORT
    if address:
        # Numbers of jobs are multiples of 4096.
        host, port = address[2] or address[3], port_of(int(address[1]) // NUM_PORTS)
    elif name:
        host, port = name[1], port_of(int(name[2]))
    if local_size == size:
        host = "127.0.0.1"
    return Cluster(
        launcher="Open MPI",
        evidence=shown(environment, "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
        id_variable="OMPI_COMM_WORLD_RANK",
        process_id=whole(environment, "OMPI_COMM_WORLD_RANK", 0, size - 1),
        num_processes=size,
        coordinator=host and joined(host, port),
        local_id=whole(environment, "OMPI_COMM_WORLD_LOCAL_RANK", 0, local_size - 1),
        local_size=local_size,
    )


def skypilot(environment: Environment) -> Cluster | None:
    """Read the variables of SkyPilot, which starts a process on each node."""
    if "SKYPILOT_NODE_IPS" not in environment:
        return None
    addresses = environment["SKYPILOT_NODE_IPS"].split()
    if not addresses:
        raise UsageError("SKYPILOT_NODE_IPS is empty; it must have the address of each node")
    task = environment.get("SKYPILOT_TASK_ID", "")
    return Cluster(
        launcher="SkyPilot",
        evidence=f"{len(addresses)} addresses in SKYPILOT_NODE_IPS, "
        + shown(environment, "SKYPILOT_NODE_RANK"),
        id_variable="SKYPILOT_NODE_RANK",
        process_id=whole(environment, "SKYPILOT_NODE_RANK", 0, len(addresses) - 1),
        num_processes=len(addresses),
        coordinator=joined(addresses[0], port_of(zlib.crc32(task.encode()))),
        local_id=0,
        local_size=1,
    )


def slurm(environment: Environment) -> Cluster | str | None:
    """Read the variables that `srun` sets in each task of a step.

    A batch script and the shell of `salloc` have `SLURM_NTASKS` and `SLURM_PROCID` as well, but
    only one of them exists, and they are in no step or in one with a special number.
    """
    if "SLURM_JOB_ID" not in environment:
        return None
    step = environment.get("SLURM_STEP_ID", "")
    if not step or (step.isdecimal() and int(step) >= FIRST_SPECIAL_STEP):
        tasks = environment.get("SLURM_NTASKS", "1")
        if tasks == "1":
            return "Slurm gave this job one task"
        return (
            f"SLURM_NTASKS={tasks}, but srun did not start this process; put srun before the "
            "command to use all tasks"
        )
    count = "SLURM_STEP_NUM_TASKS" if "SLURM_STEP_NUM_TASKS" in environment else "SLURM_NTASKS"
    size = whole(environment, count, 1)
    nodes = "SLURM_STEP_NODELIST"
    names = expand_nodes(environment.get(nodes, ""))
    if not names:
        raise UsageError(f"{nodes} is empty or not set, although srun started this process")
    job = whole(environment, "SLURM_JOB_ID", 0)
    return Cluster(
        launcher="Slurm",
        evidence=shown(environment, count, "SLURM_PROCID", nodes),
        id_variable="SLURM_PROCID",
        process_id=whole(environment, "SLURM_PROCID", 0, size - 1),
        num_processes=size,
        # JAX has the same rule for the first step of a job. Steps can run side by side.
        coordinator=joined(names[0], port_of(job + 1009 * whole(environment, "SLURM_STEP_ID", 0))),
        local_id=whole(environment, "SLURM_LOCALID", 0, size - 1),
        local_size=_tasks_on_this_node(environment),
    )


def kubernetes(environment: Environment) -> Cluster | None:
    """Read the number that each pod of an indexed job has; Kubernetes tells it nothing else.

    JobSet and Kubeflow's JAX runtime start indexed jobs too. Kubeflow sets JAX's three variables.
    """
    if "JOB_COMPLETION_INDEX" not in environment:
        return None
    return Cluster(
        launcher="Kubernetes",
        evidence=shown(environment, "JOB_COMPLETION_INDEX"),
        id_variable="JOB_COMPLETION_INDEX",
        process_id=whole(environment, "JOB_COMPLETION_INDEX", 0),
        local_id=0,
        local_size=1,
    )


def cloud_tpu(environment: Environment, root: Path = Path("/")) -> Cluster | str | None:
    """Return whether JAX's own detection of Cloud TPUs is to be asked; it reads all the rest.

    Args:
        environment: environment variables.
        root: folder in which /sys is found.
    """
    hosts = "TPU_PROCESS_ADDRESSES" if "TPU_PROCESS_ADDRESSES" in environment else ""
    hosts = hosts or ("TPU_WORKER_HOSTNAMES" if "TPU_WORKER_HOSTNAMES" in environment else "")
    if hosts:
        has_one = "," not in environment[hosts]
        if has_one and environment.get("MEGASCALE_NUM_SLICES", "1") == "1":
            return f"{hosts} names one host"
        return Cluster(launcher="Cloud TPU", evidence=shown(environment, hosts))
    if "TPU_SKIP_MDS_QUERY" in environment or find_spec("libtpu") is None:
        return None
    vendors = (root / "sys/bus/pci/devices").glob("*/vendor")
    if any(path.read_text().strip() == GOOGLE for path in vendors):
        return Cluster(launcher="Cloud TPU", evidence="this machine has a TPU")
    return None


def expand_nodes(names: str) -> list[str]:
    """Return the nodes that a list in Slurm's form names.

    >>> expand_nodes("node[08-10,7],login")
    ['node08', 'node09', 'node10', 'node7', 'login']
    """
    nodes = []
    for name in re.findall(r"(?:\[[^\]]*\]|[^,\[])+", names):
        # Parts outside brackets and parts inside take turns.
        parts = re.split(r"\[([^\]]*)\]", name.strip())
        choices = [
            [part] if index % 2 == 0 else [one for word in part.split(",") for one in _range(word)]
            for index, part in enumerate(parts)
        ]
        nodes += ["".join(chosen) for chosen in product(*choices)]
    return nodes


def _range(word: str) -> list[str]:
    """Return the numbers of a range such as `08-10`, each as wide as the first."""
    first, _, last = word.partition("-")
    if not last:
        return [first]
    if not (first.isdecimal() and last.isdecimal()):
        raise SettingError("SLURM_STEP_NODELIST", word, "a list such as node[01-04]")
    return [f"{number:0{len(first)}}" for number in range(int(first), int(last) + 1)]


def _tasks_on_this_node(environment: Environment) -> int | None:
    """Read `SLURM_STEP_TASKS_PER_NODE`, such as `2(x3),1`, at the index of this node."""
    tasks: list[int] = []
    for word in environment.get("SLURM_STEP_TASKS_PER_NODE", "").split(","):
        found = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", word)
        if found:
            tasks += [int(found[1])] * int(found[2] or 1)
    node = environment.get("SLURM_NODEID", "")
    return tasks[int(node)] if node.isdecimal() and int(node) < len(tasks) else None


def whole(environment: Environment, name: str, least: int, most: int | None = None) -> int:
    """Return the whole number in a variable.

    Raises:
        UsageError: if the variable is not set, or is no number from `least` to `most`.
    """
    if name not in environment:
        raise UsageError(f"{name} is not set, although other variables of its launcher are")
    text = environment[name].strip()
    number = int(text) if text.isdecimal() else -1
    if number < least or (most is not None and number > most):
        limit = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise SettingError(name, environment[name], f"a whole number {limit}")
    return number


def shown(environment: Environment, *names: str) -> str:
    """Return variables with their values, as a shell would set them."""
    return ", ".join(f"{name}={environment.get(name, '')}" for name in names)


def port_of(number: int) -> int:
    """Return a port for the job of this number, the same in all of its processes."""
    return FIRST_PORT + number % NUM_PORTS


def joined(host: str, port: int) -> str:
    """Return HOST:PORT, with brackets around an address of IPv6."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
