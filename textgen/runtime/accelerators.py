"""What is known about the accelerators that compute, such as GPUs, before anything is compiled."""

import re
from dataclasses import dataclass

from textgen.errors import SettingError
from textgen.runtime.devices import make_mesh, present_devices
from textgen.runtime.together import process_count
from textgen.settings import Backend, Precision

# Least compute capability of NVIDIA GPUs that multiply numbers of bfloat16: that of Ampere.
BFLOAT16_CAPABILITY = (8, 0)


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """The accelerators of this machine, which are taken to be alike.

    Attributes:
        name: name of one of them.
        memory: memory that JAX may use of each, in bytes; None if it is not known.
        has_bfloat16: whether they multiply numbers of bfloat16.
        has_cudnn: whether cuDNN runs on them.
    """

    name: str
    memory: int | None
    has_bfloat16: bool
    has_cudnn: bool


def find_accelerator() -> Accelerator | None:
    """Return what is known about the accelerators that JAX uses; None if it uses a CPU."""
    make_mesh(
        None, process_count()
    )  # if JAX has not started yet, it starts with a device for each core
    device = present_devices()[0]
    if device.platform == "cpu":
        return None
    # Only NVIDIA's GPUs have a capability of this form.
    found = re.fullmatch(r"(\d+)\.(\d+)", str(getattr(device, "compute_capability", "")))
    capability = tuple(map(int, found.groups())) if found else (0, 0)
    return Accelerator(
        name=device.device_kind,
        memory=(device.memory_stats() or {}).get("bytes_limit"),
        has_bfloat16=device.platform == "tpu" or capability >= BFLOAT16_CAPABILITY,
        has_cudnn=found is not None,
    )


def check_computation(precision: Precision | None, backend: Backend | None) -> None:
    """Check that this machine can compute as asked for; None for no wish.

    Raises:
        SettingError: if it has an accelerator without products of bfloat16, or no NVIDIA GPU for
            cuDNN.
    """
    if precision != "bfloat16" and backend != "cudnn":
        return
    accelerator = find_accelerator()
    if backend == "cudnn" and not (accelerator and accelerator.has_cudnn):
        where = f"this {accelerator.name}" if accelerator else "a CPU"
        allowed = f"scan or left out on {where}: cuDNN needs an NVIDIA GPU and JAX built for it"
        raise SettingError("backend", backend, allowed)
    if precision == "bfloat16" and accelerator and not accelerator.has_bfloat16:
        allowed = f"float32 or left out on this {accelerator.name}, which has no products of it"
        raise SettingError("precision", precision, allowed)
