"""Train on the nodes of a Ray cluster: python on_ray.py 4 textgen train /shared/book.txt ..."""

import os
import socket
import subprocess
import sys

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy


def address() -> str:
    """Return HOST:PORT of this node, with a port that is free now."""
    with socket.create_server(("", 0)) as server:
        return f"{ray.util.get_node_ip_address()}:{server.getsockname()[1]}"


def train(command: list[str], coordinator: str, num_processes: int, process_id: int) -> int:
    """Run a command as one of several processes; return its exit code."""
    told = {
        "JAX_COORDINATOR_ADDRESS": coordinator,
        "JAX_NUM_PROCESSES": str(num_processes),
        "JAX_PROCESS_ID": str(process_id),
    }
    return subprocess.run(command, env=os.environ | told).returncode


def main(num_processes: int, command: list[str]) -> int:
    """Run a command on each of some nodes; return the highest exit code."""
    ray.init()
    # A process on each node, with all cores that Ray counts there. For GPUs add "GPU": 8 to the
    # bundles and "num_gpus": 8 to the options.
    cores = min(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
    bundles = [{"CPU": cores}] * num_processes
    group = placement_group(bundles, strategy="STRICT_SPREAD")
    ray.get(group.ready())

    def on_node(number: int) -> dict[str, object]:
        strategy = PlacementGroupSchedulingStrategy(group, number)
        return {"num_cpus": cores, "scheduling_strategy": strategy, "max_retries": 0}

    coordinator = ray.get(ray.remote(address).options(**on_node(0)).remote())
    tasks = [
        ray.remote(train).options(**on_node(i)).remote(command, coordinator, num_processes, i)
        for i in range(num_processes)
    ]
    return max(ray.get(tasks))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
