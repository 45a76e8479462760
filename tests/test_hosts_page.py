"""The files of docs/hosts, checked as far as that goes without a cluster."""

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
import yaml

from textgen.runtime.hosts import Hosts, find_hosts
from textgen.terminal.cli import app

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "hosts"
PAGE = (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8")
FILES = sorted(path for path in FOLDER.iterdir() if path.is_file())
SCRIPTS = [path for path in FILES if path.suffix == ".sh"]
# Options of sbatch, as its manual lists them.
SBATCH = {
    "job-name",
    "nodes",
    "ntasks-per-node",
    "cpus-per-task",
    "time",
    "signal",
    "requeue",
    "open-mode",
}


def name_of(path: Path) -> str:
    return path.name


def text_of(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def documents_of(name: str) -> list[Any]:
    return list(yaml.safe_load_all(text_of(name)))


def pod_of(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the specification of the indexed job in a file, and that of its pods."""
    found = documents_of(name)[-1]["spec"]
    if name == "jobset.yaml":
        [replicated] = found["replicatedJobs"]
        assert replicated["replicas"] == 1
        found = replicated["template"]["spec"]
    return found, found["template"]["spec"]


def words_of_commands() -> dict[str, list[str]]:
    """Return the words of the command that each file starts, without `textgen` itself."""
    commands = {}
    for name in ("jobset.yaml", "job.yaml"):
        [container] = pod_of(name)[1]["containers"]
        commands[name] = container["command"] + container.get("args", [])
    trainer = documents_of("trainjob.yaml")[0]["spec"]["trainer"]
    commands["trainjob.yaml"] = trainer["command"] + trainer["args"]
    texts = {path.name: path.read_text(encoding="utf-8") for path in SCRIPTS}
    texts["skypilot.yaml"] = documents_of("skypilot.yaml")[0]["run"]
    for name, text in texts.items():
        [line] = [line for line in text.splitlines() if "textgen train" in line]
        words = shlex.split(line)
        end = words.index("||") if "||" in words else None
        commands[name] = words[words.index("textgen") : end]
    return {name: words[1:] for name, words in commands.items()}


COMMANDS = words_of_commands()


def hosts_of(environment: dict[str, str]) -> Hosts:
    found = find_hosts(environment)
    assert found is not None
    return found


def run_script(
    name: str, folder: Path, programs: dict[str, str], *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """Have bash run a file of docs/hosts with programs of our own in place of the cluster's."""
    folder = folder / "programs"
    folder.mkdir()
    for program, body in programs.items():
        (folder / program).write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
        (folder / program).chmod(0o755)
    return subprocess.run(
        ["bash", FOLDER / name, *arguments],
        cwd=folder.parent,
        env={"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"} | more,
        capture_output=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_page_shows_each_file_as_it_is(path: Path) -> None:
    assert f"\n{path.read_text(encoding='utf-8')}```" in PAGE


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_of_a_file_is_one_of_textgen(name: str) -> None:
    command, *arguments = COMMANDS[name]
    assert command == "train"
    group = typer.main.get_command(app)
    context = group.commands["train"].make_context("train", arguments)  # type: ignore[attr-defined]
    assert context.params["minutes"] == 60
    assert "--resume-or-start" in COMMANDS[name]
    assert Path(context.params["run"]).name == "book"


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_bash_can_read_a_script(script: Path) -> None:
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def sbatch_options() -> dict[str, str]:
    lines = [line for line in text_of("slurm.sh").splitlines() if line.startswith("#SBATCH ")]
    return dict(line.removeprefix("#SBATCH --").partition("=")[::2] for line in lines)


def test_a_job_of_slurm_is_found() -> None:
    options = sbatch_options()
    assert {*options} == SBATCH
    nodes, tasks = int(options["nodes"]), int(options["ntasks-per-node"])
    step = {
        "SLURM_JOB_ID": "4096",
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NUM_TASKS": str(nodes * tasks),
        "SLURM_STEP_NODELIST": f"node[01-{nodes:02}]",
        "SLURM_STEP_TASKS_PER_NODE": f"{tasks}(x{nodes})",
        "SLURM_LOCALID": "0",
    }
    for number in range(nodes):
        task = {"SLURM_PROCID": str(number), "SLURM_NODEID": str(number)}
        found = hosts_of(step | task)
        assert found.coordinator == "node01:61440"
        assert (found.num_processes, found.process_id) == (4, number)
        assert found.local_devices is None  # all GPUs of its node


@pytest.mark.parametrize(
    ("code", "restarts", "is_requeued"),
    [(0, 0, False), (75, 0, True), (137, 9, True), (143, 0, True), (75, 10, False), (3, 0, False)],
)
def test_a_job_of_slurm_is_requeued_after_what_may_pass(
    tmp_path: Path, code: int, restarts: int, is_requeued: bool
) -> None:
    programs = {"srun": f"exit {code}", "scontrol": 'echo "$@"'}
    told = {"SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": str(restarts)}
    done = run_script("slurm.sh", tmp_path, programs, **told)
    assert (done.returncode, done.stdout) == (code, "requeue 7\n" if is_requeued else "")


@pytest.mark.parametrize("name", ["jobset.yaml", "job.yaml"])
def test_pods_of_kubernetes_are_found(name: str) -> None:
    job, pod = pod_of(name)
    [container] = pod["containers"]
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert job["completionMode"] == "Indexed"
    assert job["completions"] == job["parallelism"]
    names = [document["metadata"]["name"] for document in documents_of(name)]
    if name == "jobset.yaml":
        jobset = documents_of(name)[0]
        assert (jobset["apiVersion"], jobset["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
        first = f"{names[0]}-{jobset['spec']['replicatedJobs'][0]['name']}-0-0.{names[0]}"
    else:
        service, _ = documents_of(name)
        assert pod["subdomain"] == service["metadata"]["name"]
        assert service["spec"]["clusterIP"] == "None"
        assert service["spec"]["publishNotReadyAddresses"]
        assert [*service["spec"]["selector"].values()] == [names[1]]
        first = f"{names[1]}-0.{pod['subdomain']}"
    port = container["ports"][0]["containerPort"]
    for number in range(job["completions"]):
        system = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "JOB_COMPLETION_INDEX": str(number)}
        found = hosts_of(system | variables)
        assert found.coordinator == f"{first}:{port}"
        assert (found.num_processes, found.process_id) == (job["completions"], number)
        assert found.launcher == "Kubernetes"


@pytest.mark.parametrize("name", ["jobset.yaml", "job.yaml"])
def test_pods_of_kubernetes_start_again_unless_a_mistake_was_made(name: str) -> None:
    job, pod = pod_of(name)
    [rule] = job["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    assert rule["onExitCodes"]["containerName"] == pod["containers"][0]["name"]
    assert rule["onExitCodes"]["values"] == [2, 3, 4, 5]
    assert pod["restartPolicy"] == "Never"  # a policy for failures requires it
    if name == "jobset.yaml":
        assert job["backoffLimit"] == 0
        policy = documents_of(name)[0]["spec"]["failurePolicy"]
        assert policy["maxRestarts"] == 10
        assert policy["rules"][0]["onJobFailureReasons"] == ["PodFailurePolicy"]
    else:
        assert job["backoffLimit"] == 10 * job["completions"]


def test_pods_of_kubeflow_are_found() -> None:
    [job] = documents_of("trainjob.yaml")
    assert (job["apiVersion"], job["kind"]) == ("trainer.kubeflow.org/v1alpha1", "TrainJob")
    name, count = job["metadata"]["name"], job["spec"]["trainer"]["numNodes"]
    for number in range(count):
        # What the plug-in for JAX of Kubeflow Trainer sets.
        found = hosts_of(
            {
                "JAX_COORDINATOR_ADDRESS": f"{name}-node-0-0.{name}:6666",
                "JAX_COORDINATOR_PORT": "6666",
                "JAX_NUM_PROCESSES": str(count),
                "JAX_PROCESS_ID": str(number),
                "JOB_COMPLETION_INDEX": str(number),
            }
        )
        assert found.coordinator == "textgen-node-0-0.textgen:6666"
        assert (found.num_processes, found.process_id) == (4, number)


def test_nodes_of_skypilot_are_found() -> None:
    [task] = documents_of("skypilot.yaml")
    assert task["resources"]["job_recovery"] == {"recover_on_exit_codes": [75]}
    addresses = [f"10.0.0.{number}" for number in range(1, task["num_nodes"] + 1)]
    told = {"SKYPILOT_NODE_IPS": "\n".join(addresses), "SKYPILOT_NODE_RANK": "3"}
    found = hosts_of(told)
    assert (found.num_processes, found.process_id) == (4, 3)


@pytest.mark.parametrize(
    ("codes", "code", "attempts"),
    [("0", 0, 1), ("75 0", 0, 2), ("137 75 0", 0, 3), ("3", 3, 1), ("75 75 75 75 75", 75, 5)],
)
def test_mpirun_is_started_again_after_a_lost_process(
    tmp_path: Path, codes: str, code: int, attempts: int
) -> None:
    (tmp_path / "codes").write_text("\n".join(codes.split()) + "\n")
    mpirun = 'code=$(head -n 1 codes); sed -i 1d codes; echo "$@"; exit $code'
    done = run_script("open_mpi.sh", tmp_path, {"mpirun": mpirun})
    assert (done.returncode, done.stdout.count("attempt")) == (code, attempts)
    assert "--hostfile hosts.txt -N 1 --bind-to none textgen train" in done.stdout


def test_shells_set_the_variables_of_jax(tmp_path: Path) -> None:
    done = run_script("shells.sh", tmp_path, {"textgen": "env"}, "1")
    found = hosts_of(dict(line.split("=", 1) for line in done.stdout.splitlines()))
    assert (found.coordinator, found.num_processes, found.process_id) == ("node1:61440", 2, 1)


def test_tasks_of_ray_get_the_variables_of_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, str] = {}

    def run(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        given.update(env)
        return subprocess.CompletedProcess(command, 75)

    for name in ("ray", "ray.util", "ray.util.placement_group"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    strategies = ModuleType("ray.util.scheduling_strategies")
    strategies.PlacementGroupSchedulingStrategy = None  # type: ignore[attr-defined]
    sys.modules["ray.util.placement_group"].placement_group = None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, strategies.__name__, strategies)
    specification = importlib.util.spec_from_file_location("on_ray", FOLDER / "on_ray.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    monkeypatch.setattr(module.subprocess, "run", run)
    assert module.train(["textgen"], "10.0.0.1:99", 4, 3) == 75
    found = hosts_of(given)
    assert (found.coordinator, found.num_processes, found.process_id) == ("10.0.0.1:99", 4, 3)
