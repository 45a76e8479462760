"""The processes that train together: how many there are, and which of them this one is.

Whatever starts processes where the user is sets environment variables. They are read here, before
JAX starts, since `textgen.runtime.environment` removes JAX's own variables from the environment.
The module does not import JAX.
"""

import os
from dataclasses import dataclass
from typing import Any

from textgen.errors import SettingError, UsageError
from textgen.runtime.clusters import Cluster, Environment, find_cluster, joined, shown, whole

ADDRESS, COUNT, NUMBER = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
PORT = "JAX_COORDINATOR_PORT"
# Variables with the number of processes that launchers which are not supported have started.
UNSUPPORTED = {"PMI_SIZE": "MPICH or Intel MPI", "WORLD_SIZE": "torchrun"}
# Why a process trains alone where no launcher has left a trace.
NO_TRACE = "no cluster was found"
# Variables that say which GPUs a process may use.
VISIBLE = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """The processes that train together, as this process sees them.

    On Cloud TPU JAX finds out itself where the coordinator is, how many processes there are and
    which this one is. These three are None there.

    Attributes:
        coordinator: HOST:PORT at which process 0 coordinates.
        num_processes: number of processes, at least 2.
        process_id: number of this process, counted from 0.
        launcher: what started the processes.
        reason: a sentence that says what was believed, and why.
        local_devices: numbers of the GPUs of this host that this process uses; None for all that it
            can see.
        bind_address: HOST:PORT at which process 0 listens; None for all addresses of its host.
    """

    coordinator: str | None
    num_processes: int | None
    process_id: int | None
    launcher: str
    reason: str
    local_devices: tuple[int, ...] | None = None
    bind_address: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Return the arguments for `jax.distributed.initialize`."""
        return {
            "coordinator_address": self.coordinator,
            "num_processes": self.num_processes,
            "process_id": self.process_id,
            "local_device_ids": self.local_devices and [*self.local_devices],
            "coordinator_bind_address": self.bind_address,
            "cluster_detection_method": "deactivate" if self.coordinator else None,
        }


def find_hosts(environment: Environment = os.environ) -> Hosts | None:
    """Return the processes that train together; None if this one trains alone.

    JAX's three variables come first. Any that is not set is what the launcher says. A single
    process is no cluster.

    Raises:
        UsageError: if variables are missing or make no sense; the message names them.
    """
    found = _look(environment)
    return found if isinstance(found, Hosts) else None


def alone(environment: Environment = os.environ) -> str:
    """Return a sentence that says why this process trains alone.

    Raises:
        ValueError: if it does not.
    """
    found = _look(environment)
    if isinstance(found, Hosts):
        raise ValueError(found.reason)
    return f"this process trains alone: {found}"


def _look(environment: Environment) -> Hosts | str:
    """Return the processes that train together, or why there is only one, as a clause."""
    asked = [name for name in (ADDRESS, COUNT, NUMBER) if environment.get(name)]
    found = find_cluster(environment) if len(asked) < 3 else None
    cluster = found if isinstance(found, Cluster) else Cluster(launcher="", evidence="")
    if not asked:
        if not isinstance(found, Cluster):
            return found or _no_launcher(environment)
        if found.launcher == "Kubernetes":
            return (
                f"{found.evidence}, but neither {ADDRESS} nor {COUNT} is set, so each pod of this "
                "job has a training of its own"
            )
        if found.launcher == "Cloud TPU":
            return _left_to_jax(found)
    num_processes = whole(environment, COUNT, 1) if COUNT in asked else cluster.num_processes
    if num_processes == 1:
        return f"{cluster.launcher or COUNT} started one process"
    process_id, variable = cluster.process_id, cluster.id_variable
    if NUMBER in asked:
        process_id, variable = whole(environment, NUMBER, 0), NUMBER
    coordinator = _coordinator(environment, cluster)
    if coordinator is None or num_processes is None or process_id is None:
        values = {ADDRESS: coordinator, COUNT: num_processes, NUMBER: process_id}
        raise UsageError(_missing([name for name in values if values[name] is None], cluster))
    if process_id >= num_processes:
        allowed = f"less than the number of processes, {num_processes}"
        raise SettingError(variable, environment[variable], allowed)
    launcher = cluster.launcher or "JAX's variables"
    evidence = [shown(environment, *asked)] if asked else []
    if cluster.evidence:
        evidence.append(cluster.evidence)
    return Hosts(
        coordinator=coordinator,
        num_processes=num_processes,
        process_id=process_id,
        launcher=launcher,
        reason=f"{num_processes} processes, found by {launcher}: {', '.join(evidence)}",
        local_devices=_local_devices(environment, cluster),
        bind_address=environment.get("JAX_COORDINATOR_BIND_ADDRESS") or None,
    )


def _left_to_jax(cluster: Cluster) -> Hosts:
    return Hosts(
        coordinator=None,
        num_processes=None,
        process_id=None,
        launcher=cluster.launcher,
        reason=f"the hosts of a {cluster.launcher}, which JAX counts: {cluster.evidence}",
    )


def _no_launcher(environment: Environment) -> str:
    for name, launcher in UNSUPPORTED.items():
        if environment.get(name, "1") != "1":
            return (
                f"{shown(environment, name)} is a variable of {launcher}, which is not supported; "
                f"to train in all processes, set {ADDRESS}, {COUNT} and {NUMBER} in each"
            )
    return NO_TRACE


def _missing(names: list[str], cluster: Cluster) -> str:
    """Return the message for variables that are missing."""
    verb = "is" if len(names) == 1 else "are"
    if cluster.launcher and names == [ADDRESS]:
        where = f"{cluster.launcher} does not tell where process 0 can be reached"
        return f"{where}; set {ADDRESS} to HOST:PORT in all processes"
    return (
        f"{' and '.join(names)} {verb} not set; set {ADDRESS}, {COUNT} and {NUMBER} in each "
        "process, or none of them"
    )


def _coordinator(environment: Environment, cluster: Cluster) -> str | None:
    """Return HOST:PORT of process 0, from JAX's variables or from the launcher."""
    given = environment.get(ADDRESS)
    host, _, port = (given or cluster.coordinator or "").rpartition(":")
    if given and (not host or given.endswith("]")):  # no port: a name, or an address of IPv6
        host, port = given, ""
    if not host:
        return None
    if environment.get(PORT) and not (given and port):
        return joined(host.strip("[]"), whole(environment, PORT, 1, 65535))
    if not (port.isdecimal() and 0 < int(port) < 65536):
        raise SettingError(ADDRESS, given, "HOST:PORT, with a port from 1 to 65535")
    return f"{host}:{port}"


def _local_devices(environment: Environment, cluster: Cluster) -> tuple[int, ...] | None:
    """Return which GPUs this process uses: its share of those of its host.

    A launcher that gives each process GPUs of its own shows it no others. The process then uses all
    that it can see.
    """
    listed = environment.get("JAX_LOCAL_DEVICE_IDS")
    if listed:
        words = [word.strip() for word in listed.split(",")]
        if not all(word.isdecimal() for word in words):
            raise SettingError("JAX_LOCAL_DEVICE_IDS", listed, "whole numbers with commas between")
        return tuple(map(int, words))
    index, size = cluster.local_id, cluster.local_size
    if index is None or size is None or size == 1:
        return None
    visible = next(filter(None, map(environment.get, VISIBLE)), None)
    present = len(visible.split(",")) if visible else size
    has_its_own = "SLURM_GPUS_PER_TASK" in environment or present < size
    if has_its_own:
        return None
    share = present // size
    return tuple(range(index * share, (index + 1) * share))
