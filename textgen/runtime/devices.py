"""The mesh of devices: CPU cores or accelerators, which share each batch along one axis."""

import os
import time
from contextlib import suppress

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from textgen.errors import SettingError, UsageError
from textgen.network.cells import CELLS
from textgen.network.parameters import parameter_count, stacks
from textgen.runtime.cores import available_cores
from textgen.settings import MAX_STATE_BYTES, ModelSettings, TrainingSettings

# Name of the only axis of the mesh.
DATA = "data"


def present_devices() -> list[jax.Device]:
    """Return the devices that JAX finds: cores or accelerators. JAX starts, if it has not yet.

    Raises:
        UsageError: if JAX cannot use what the environment tells it to; the message names the
            variable.
    """
    try:
        return jax.devices()
    except (RuntimeError, AssertionError) as error:
        chosen = next(filter(os.environ.get, ("JAX_PLATFORMS", "JAX_PLATFORM_NAME")), None)
        if chosen is None:
            raise
        raise UsageError(
            f"JAX finds no device for {chosen}={os.environ[chosen]}; unset that variable, or "
            "install the build of JAX for the device"
        ) from error


def check_devices(devices: int) -> None:
    """Check that this machine has at least this many devices: cores or accelerators.

    Raises:
        SettingError: if it has fewer.
    """
    with suppress(RuntimeError):  # if JAX is running already
        jax.config.update("jax_num_cpu_devices", min(devices, available_cores()))
    present = len(present_devices())
    if devices > present:
        raise SettingError("devices", devices, f"at most {present}, the number available")


def check_memory(model: ModelSettings, plan: TrainingSettings) -> None:
    """Check that a network and a batch can fit into the memory of this machine.

    The estimate is a lower bound. It counts the parameters, their gradients and two moments, and
    what the layers keep of a batch for the backward pass.

    Raises:
        SettingError: if this machine has less memory than that, or if the states of a batch take
            more than a checkpoint can hold.
    """
    states = len(CELLS[model.cell].fill_state(0)) * model.num_layers * model.hidden_size
    most = MAX_STATE_BYTES // (4 * states)
    if plan.batch_size > most:
        raise SettingError("batch_size", plan.batch_size, f"at most {most} for this network")
    if not hasattr(os, "sysconf"):
        return
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    gates = CELLS[model.cell].num_gates * model.hidden_size
    weights = 16 * parameter_count(model)
    batch = 4 * plan.characters_per_step * gates * model.num_layers * len(stacks(model))
    for name, value, needed in (
        ("hidden_size", model.hidden_size, weights),
        ("batch_size", plan.batch_size, weights + batch),
    ):
        if needed > available:
            memory = f"the {available / 2**30:.1f} GiB of memory of this machine"
            problem = f"small enough for {memory} (this takes {needed / 2**30:,.1f} GiB)"
            raise SettingError(name, value, problem)


def make_mesh(devices: int | None, batch_size: int) -> Mesh:
    """Make the mesh of devices that share a batch.

    On a CPU each device is a core, and runs its own loop over time, without waiting for the others
    at every step. JAX fixes the number of devices at its first use, so the first call in a process
    decides it. A CPU can have more devices than cores; the results are the same.

    Args:
        devices: number of devices; None for the largest number present that divides the batch.
        batch_size: number of sequences in the batch.

    Raises:
        SettingError: if there are fewer devices than asked for.
    """
    with suppress(RuntimeError):  # if JAX is running already, use the devices it has
        jax.config.update("jax_num_cpu_devices", devices or available_cores())
    present = present_devices()
    if devices is None:
        usable = range(1, min(len(present), batch_size) + 1)
        devices = max(n for n in usable if batch_size % n == 0)
    if devices > len(present):
        raise SettingError("devices", devices, f"at most {len(present)}, the number available")
    return jax.make_mesh(
        (devices,), (DATA,), axis_types=(AxisType.Auto,), devices=present[:devices]
    )


def shared(mesh: Mesh) -> NamedSharding:
    """Return the sharding that splits the first axis of an array over the mesh."""
    return NamedSharding(mesh, PartitionSpec(DATA))


def replicated(mesh: Mesh) -> NamedSharding:
    """Return the sharding that gives every device the whole array."""
    return NamedSharding(mesh, PartitionSpec())


def product_speed(mesh: Mesh, repeats: int = 16) -> float:
    """Measure the speed of matrix products in floating-point operations per second.

    Args:
        mesh: the devices; each multiplies matrices [1024, 1024].
        repeats: number of products in each of four measurements, of which the fastest counts.
    """
    size, source = 1024, np.random.default_rng(0)
    left = source.normal(size=(mesh.size * size, size)).astype(np.float32)
    right = (source.normal(size=(size, size)) / size**0.5).astype(np.float32)
    operands = jax.device_put(left, shared(mesh)), jax.device_put(right, replicated(mesh))
    multiply = jax.jit(lambda a, b: jax.lax.fori_loop(0, repeats, lambda _, c: c @ b, a))
    durations = []
    for _ in range(4):
        begun = time.perf_counter()
        jax.block_until_ready(multiply(*operands))
        durations.append(time.perf_counter() - begun)
    return 2 * left.size * size * repeats / min(durations)
