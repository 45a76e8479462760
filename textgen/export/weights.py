"""The arrays of a network at a smaller precision, packed into text for a page."""

import base64
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from textgen.network.inference import prepare_parameters
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings

Precision = Literal["float32", "float16", "int8"]
# Largest number of a signed byte that has a negative counterpart.
MOST = 127
# Compression of zlib. Higher levels take much longer for less than a hundredth of the size.
LEVEL = 6
# Largest number of binary16.
LARGEST_HALF = np.float32(65504)


@dataclass(frozen=True)
class PackedWeights:
    """The arrays of a network, ready for a page.

    Attributes:
        arrays: name, shape and type of each array, in the order in which they are stored.
        text: the arrays, deflated and in base64.
    """

    arrays: tuple[dict[str, Any], ...]
    text: str


def page_parameters(settings: ModelSettings, parameters: Arrays) -> dict[str, NDArray[np.float32]]:
    """Return the arrays that a page needs, with the first layer's table where it is smaller.

    Args:
        settings: shape of the network.
        parameters: its arrays by name, with those of labels.

    Returns:
        The parameters, or what `prepare_parameters` makes of them, in the order of their names.
    """
    first = ("embedding", "layers.0.input_kernel", "layers.0.bias")
    table_size = settings.vocab_size * parameters["layers.0.bias"].size
    is_smaller = table_size <= sum(parameters[name].size for name in first)
    stored = prepare_parameters(parameters) if is_smaller else dict(parameters)
    # The same run gives the same bytes, although safetensors loads arrays in any order.
    return {name: stored[name] for name in sorted(stored)}


def round_to(array: NDArray[np.float32], precision: Precision) -> NDArray[np.float32]:
    """Return the numbers that an array holds at a precision, float32 of the same shape.

    Vectors keep float32. A matrix of bytes has a scale for each column, so that the largest number
    of a column is 127 times its scale.
    """
    if array.ndim < 2 or precision == "float32":
        return array
    if precision == "float16":
        return _halves(array).astype(np.float32)
    scales = _scales(array)
    return _bytes(array, scales).astype(np.float32) * scales


def pack_weights(arrays: Mapping[str, NDArray[np.float32]], precision: Precision) -> PackedWeights:
    """Pack the arrays of a network.

    The bytes of each array are stored plane by plane, which deflates better: first the lowest byte
    of every number, then the next one. The scales of an array of bytes stand before it.
    """
    described, stored = [], list[bytes]()
    for name, array in arrays.items():
        kind = precision if array.ndim == 2 else "float32"
        described.append({"name": name, "shape": list(array.shape), "type": kind})
        if kind == "int8":
            scales = _scales(array)
            stored += [_planes(scales), _bytes(array, scales).tobytes()]
        else:
            numbers = _halves(array) if kind == "float16" else array
            stored.append(_planes(numbers.astype(numbers.dtype.newbyteorder("<"))))
    packed = zlib.compress(b"".join(stored), LEVEL)
    return PackedWeights(tuple(described), base64.b64encode(packed).decode())


def largest_size(arrays: Mapping[str, NDArray[np.float32]], precision: Precision) -> int:
    """Return the size in bytes that packed arrays have at most, before anything is packed."""
    width = {"float32": 4, "float16": 2, "int8": 1}[precision]
    numbers = sum(array.size * (width if array.ndim == 2 else 4) for array in arrays.values())
    return math.ceil(numbers * 4 / 3)


def _halves(array: NDArray[np.float32]) -> NDArray[np.float16]:
    return array.clip(-LARGEST_HALF, LARGEST_HALF).astype(np.float16)


def _scales(array: NDArray[np.float32]) -> NDArray[np.float32]:
    largest = np.abs(array).max(axis=0)
    return np.where(largest > 0, largest / np.float32(MOST), 1).astype(np.float32)


def _bytes(array: NDArray[np.float32], scales: NDArray[np.float32]) -> NDArray[np.int8]:
    numbers: NDArray[np.int8] = np.rint(array / scales).clip(-MOST, MOST).astype(np.int8)
    return numbers


def _planes(array: NDArray[Any]) -> bytes:
    width = array.dtype.itemsize
    return np.frombuffer(array.tobytes(), np.uint8).reshape(-1, width).T.tobytes()
