"""What is known about cards that this machine does not have."""

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from textgen.errors import SettingError
from textgen.runtime import accelerators
from textgen.runtime.accelerators import Accelerator, check_computation, find_accelerator

TURING = SimpleNamespace(
    platform="gpu",
    device_kind="Tesla T4",
    compute_capability="7.5",
    memory_stats=lambda: {"bytes_limit": 12 * 2**30},
)
HOPPER = SimpleNamespace(
    platform="gpu", device_kind="NVIDIA H200", compute_capability="9.0", memory_stats=lambda: None
)
AMD = SimpleNamespace(
    platform="gpu", device_kind="MI300", compute_capability="gfx942", memory_stats=lambda: {}
)
TPU = SimpleNamespace(platform="tpu", device_kind="TPU v5", memory_stats=lambda: {})


def pretend(monkeypatch: pytest.MonkeyPatch, device: Any) -> None:
    monkeypatch.setattr(accelerators, "present_devices", lambda: [device])


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (TURING, ("Tesla T4", 12 * 2**30, False, True)),
        (HOPPER, ("NVIDIA H200", None, True, True)),
        (AMD, ("MI300", None, False, False)),
        (TPU, ("TPU v5", None, True, False)),
    ],
    ids=lambda value: getattr(value, "device_kind", ""),
)
def test_a_card_is_known_by_its_capability(
    device: Any, expected: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, device)
    names = ("name", "memory", "has_bfloat16", "has_cudnn")
    assert find_accelerator() == Accelerator(**dict(zip(names, expected, strict=True)))


def test_a_cpu_is_no_accelerator_and_computes_in_either_precision() -> None:
    assert find_accelerator() is None
    for precision in ("float32", "bfloat16", None):
        check_computation(precision, "scan")  # type: ignore[arg-type]


def test_bfloat16_is_refused_on_a_card_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, TURING)
    message = "precision must be float32 or left out on this Tesla T4, which has no products of it"
    with pytest.raises(SettingError, match=message):
        check_computation("bfloat16", None)
    pretend(monkeypatch, HOPPER)
    check_computation("bfloat16", "scan")


def test_cudnn_is_refused_where_there_is_no_nvidia_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingError, match=r"backend must be scan or left out on a CPU: cuDNN"):
        check_computation(None, "cudnn")
    pretend(monkeypatch, AMD)
    with pytest.raises(SettingError, match="left out on this MI300: cuDNN needs an NVIDIA GPU"):
        check_computation("float32", "cudnn")
    pretend(monkeypatch, TURING)
    check_computation("float32", "cudnn")


@pytest.mark.slow
def test_looking_for_an_accelerator_leaves_a_device_for_each_core() -> None:
    code = (
        "from textgen.runtime.accelerators import find_accelerator\n"
        "from textgen.runtime.cores import available_cores\n"
        "from textgen.runtime.devices import make_mesh\n"
        "assert find_accelerator() is None\n"
        "cores = available_cores()\n"
        "assert make_mesh(None, cores).size == cores\n"
    )
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
