"""The mesh of devices: CPU cores or accelerators, which share each batch along one axis."""

import math
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from textgen.errors import SettingError, UsageError
from textgen.runtime.cores import available_cores
from textgen.runtime.together import process_count
from textgen.settings import Precision

# Name of the only axis of the mesh.
DATA = "data"
# Fewest numbers in a parameter whose update the devices share by rows. For a smaller parameter, the
# exchange of the results would take longer than sharing saves.
SHARED_UPDATE = 2**18
# Number of measurements of matrix products.
MEASUREMENTS = 6


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
    _check_multiple(devices)
    with suppress(RuntimeError):  # if JAX is running already
        own = devices // process_count()
        jax.config.update("jax_num_cpu_devices", min(own, available_cores()))
    present = len(present_devices())
    if devices > present:
        raise SettingError("devices", devices, f"at most {present}, the number available")


def _check_multiple(devices: int) -> None:
    """Check that all processes can bring the same number of devices.

    Raises:
        SettingError: if they cannot.
    """
    if devices % process_count():
        raise SettingError("devices", devices, f"a multiple of the {process_count()} processes")


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
    processes = process_count()
    if devices is not None:
        _check_multiple(devices)
    own = available_cores() if devices is None else devices // processes
    with suppress(RuntimeError):  # if JAX is running already, use the devices it has
        jax.config.update("jax_num_cpu_devices", own)
    present = [device for device in present_devices() if device.process_index < processes]
    if devices is None:
        usable = range(processes, min(len(present), batch_size) + 1, processes)
        devices = max((n for n in usable if batch_size % n == 0), default=0)
        if not devices:
            allowed = f"a multiple of the {processes} processes"
            raise SettingError("batch_size", batch_size, allowed)
    if devices > len(present):
        raise SettingError("devices", devices, f"at most {len(present)}, the number available")
    # Each process brings the same number of devices, one after the other.
    chosen = [
        device
        for process in range(processes)
        for device in [one for one in present if one.process_index == process][
            : devices // processes
        ]
    ]
    return jax.make_mesh((devices,), (DATA,), axis_types=(AxisType.Auto,), devices=chosen)


def shared(mesh: Mesh) -> NamedSharding:
    """Return the sharding that splits the first axis of an array over the mesh."""
    return NamedSharding(mesh, PartitionSpec(DATA))


def replicated(mesh: Mesh) -> NamedSharding:
    """Return the sharding that gives every device the whole array."""
    return NamedSharding(mesh, PartitionSpec())


def is_update_shared(shape: Sequence[int], devices: int) -> bool:
    """Return whether devices share the update of a parameter of this shape, each some of its rows.

    Each device then holds its part of the moments of the parameter, not all of them.
    """
    return math.prod(shape) >= SHARED_UPDATE and shape[0] % devices == 0


def place_all(tree: Any, shardings: Any) -> Any:
    """Copy arrays to devices, also to those of other processes, which have the same arrays.

    Args:
        tree: the arrays.
        shardings: how they are divided: a tree like that of the arrays, or one for all of them.
    """

    def place(array: Any, sharding: NamedSharding) -> jax.Array:
        if sharding.is_fully_addressable:
            return cast(jax.Array, jax.device_put(array, sharding))
        if isinstance(array, jax.Array) and array.sharding == sharding:
            return array
        whole = np.asarray(array)
        made: jax.Array = jax.make_array_from_callback(
            whole.shape, sharding, lambda index: whole[index]
        )
        return made

    if isinstance(shardings, NamedSharding):
        shardings = jax.tree.map(lambda _: shardings, tree)
    return jax.tree.map(place, tree, shardings)


def shapes(tree: Any, sharding: NamedSharding) -> Any:
    """Return the shapes of arrays that all have one sharding, to compile without any array."""
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), tree
    )


def to_host(tree: Any) -> Any:
    """Copy whole arrays from the devices, also from those of other processes.

    Where arrays are divided among processes, all of them call this at the same time.
    """

    def copy(array: Any) -> NDArray[Any]:
        if not isinstance(array, jax.Array) or array.is_fully_addressable:
            return np.array(array)
        if array.is_fully_replicated:
            return np.array(array.addressable_data(0))
        return np.asarray(multihost_utils.process_allgather(array, tiled=True))

    return jax.tree.map(copy, tree)


def _zeros_like(array: Any) -> NDArray[Any]:
    return np.zeros(array.shape, array.dtype)


def share_from_first(tree: Any, *, is_first: bool) -> Any:
    """Return the arrays that process 0 has, in all processes; they call this at the same time.

    Args:
        tree: the arrays; in other processes any of the same shapes and types.
        is_first: whether this is process 0.
    """
    own = jax.tree.map(np.asarray if is_first else _zeros_like, tree)
    return multihost_utils.broadcast_one_to_all(own, is_source=is_first)


def is_accelerated(mesh: Mesh) -> bool:
    """Return whether a mesh consists of accelerators, not of the cores of a CPU."""
    return str(mesh.devices.flat[0].platform) != "cpu"


def product_speed(mesh: Mesh, repeats: int = 16, precision: Precision = "float32") -> float:
    """Measure the speed of matrix products in floating-point operations per second.

    Args:
        mesh: the devices; each multiplies matrices [1024, 1024], or [8192, 8192] if it is an
            accelerator, which smaller matrices do not fill.
        repeats: number of products in each of six measurements, of which the fastest counts.
        precision: numbers that are multiplied.
    """
    size, source = 8192 if is_accelerated(mesh) else 1024, np.random.default_rng(0)
    right = source.standard_normal((size, size), np.float32) / np.float32(size**0.5)
    left = np.tile(right, (mesh.size, 1))
    operands = place_all((left, right), (shared(mesh), replicated(mesh)))
    if precision == "bfloat16":
        operands = operands[0].astype(jnp.bfloat16), operands[1].astype(jnp.bfloat16)
    multiply = jax.jit(lambda a, b: jax.lax.fori_loop(0, repeats, lambda _, c: c @ b, a))
    durations = []
    for _ in range(MEASUREMENTS):
        begun = time.perf_counter()
        jax.block_until_ready(multiply(*operands))
        durations.append(time.perf_counter() - begun)
    return 2 * left.size * size * repeats / min(durations)
