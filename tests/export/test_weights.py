import base64
import zlib

import numpy as np
import pytest

from tests.networks import random_network
from textgen.export.weights import (
    Precision,
    largest_size,
    pack_weights,
    page_parameters,
    round_to,
)
from textgen.generation.numpy_engine import NumpyEngine

MATRIX = np.array([[1.27, 0.0, -3.0], [-0.635, 0.0, 2.0]], np.float32)


def test_bytes_have_a_scale_for_each_column() -> None:
    # The scales are 0.01, 1 for a column of zeros, and 3 / 127.
    wanted = [[1.27, 0, -3], [-0.64, 0, round(2 / (3 / 127)) * 3 / 127]]
    np.testing.assert_allclose(round_to(MATRIX, "int8"), wanted, rtol=1e-6)


def test_halves_have_eleven_binary_digits_and_vectors_keep_all() -> None:
    assert round_to(np.array([[1 + 2**-11]], np.float32), "float16") == 1
    assert round_to(np.array([[1 + 2**-10]], np.float32), "float16") == 1 + 2**-10
    # No number becomes infinite.
    assert round_to(np.array([[-1e9]], np.float32), "float16") == -65504
    vector = np.array([1 + 2**-20], np.float32)
    for precision in ("float32", "float16", "int8"):
        assert round_to(vector, precision) is vector  # type: ignore[arg-type]
    assert round_to(MATRIX, "float32") is MATRIX


@pytest.mark.parametrize(("precision", "width"), [("float32", 4), ("float16", 2), ("int8", 1)])
def test_what_is_packed_is_what_is_rounded(precision: Precision, width: int) -> None:
    vector = np.array([0.5, -2.0, 1e-3], np.float32)
    packed = pack_weights({"matrix": MATRIX, "vector": vector}, precision)
    assert [(one["name"], one["shape"], one["type"]) for one in packed.arrays] == [
        ("matrix", [2, 3], precision),
        ("vector", [3], "float32"),
    ]
    data = zlib.decompress(base64.b64decode(packed.text))

    def joined(begin: int, count: int, width: int) -> bytes:
        """Put the planes of bytes together by hand."""
        planes = [data[begin + k * count : begin + (k + 1) * count] for k in range(width)]
        return bytes(plane[index] for index in range(count) for plane in planes)

    scales, at = np.ones(3, np.float32), 0
    if precision == "int8":
        scales, at = np.frombuffer(joined(0, 3, 4), "<f4"), 12
    kind = {"float32": "<f4", "float16": "<f2", "int8": "i1"}[precision]
    numbers = np.frombuffer(joined(at, 6, width), kind).astype(np.float32).reshape(2, 3)
    np.testing.assert_array_equal(numbers * scales, round_to(MATRIX, precision))
    np.testing.assert_array_equal(np.frombuffer(joined(at + 6 * width, 3, 4), "<f4"), vector)
    assert len(data) == at + 6 * width + 12
    assert largest_size({"matrix": MATRIX, "vector": vector}, precision) == pytest.approx(
        (6 * width + 12) * 4 / 3, abs=1
    )


@pytest.mark.parametrize(("vocab_size", "has_table"), [(7, True), (60, False)])
def test_a_page_has_the_table_where_it_is_smaller(vocab_size: int, *, has_table: bool) -> None:
    settings, parameters = random_network(vocab_size=vocab_size, embedding_size=7)
    stored = page_parameters(settings, parameters)
    assert ("table" in stored) == has_table
    assert ("embedding" in stored) != has_table
    # Either way it is the same network.
    token = np.array([3, 5, 2], np.int32)
    engines = [NumpyEngine(settings, arrays) for arrays in (parameters, stored)]
    one, other = (engine.logits(engine.read(token, engine.zero_states())) for engine in engines)
    np.testing.assert_array_equal(one, other)
