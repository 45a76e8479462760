"""Operations that NumPy and compiled loops do quickest in different ways.

NumPy pays for each call, a compiled loop for each pass over the characters. NumPy can decide in
Python; a compiled loop decides by a `Flow`, which the engine passes in.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

Array = Any  # numpy.ndarray, jax.Array or a tracer

# Fewest entries that a compiled loop combines by halves. XLA merges its own reductions of fewer
# with what comes before them, which is faster.
FOLDED = 97


class Flow(NamedTuple):
    """How a computation repeats and skips steps.

    Attributes:
        repeat: takes a number n, a function and a value v, and returns f(n - 1, ... f(1, f(0, v))).
        only_if: takes a condition and a function without arguments, which is called if the
            condition holds, and an array of its shape to return otherwise.
        apart: takes a function and its arguments, and returns its results. A compiler cannot merge
            what is computed apart with what follows, and so compute it several times.
    """

    repeat: Callable[[int, Callable[[Array, Array], Array], Array], Array]
    only_if: Callable[[Array, Callable[[], Array], Array], Array]
    apart: Callable[..., Any]


def _repeat(count: int, step: Callable[[Array, Array], Array], value: Array) -> Array:
    for index in range(count):
        value = step(np.int32(index), value)
    return value


def _only_if(condition: Array, compute: Callable[[], Array], otherwise: Array) -> Array:
    return compute() if condition else otherwise


def _apart(compute: Callable[..., Any], *arguments: Array) -> Any:
    return compute(*arguments)


PYTHON = Flow(_repeat, _only_if, _apart)


def fold(combine: Callable[[Array, Array], Array], array: Array) -> Array:
    """Combine the entries of an array along the first axis, halves with halves.

    A compiled loop does this with wide vectors. Its own reductions take entry after entry.
    """
    rest = None
    while (size := array.shape[0]) > 1:
        half = size // 2
        if size % 2:
            rest = array[-1] if rest is None else combine(rest, array[-1])
        array = combine(array[:half], array[half : 2 * half])
    return array[0] if rest is None else combine(array[0], rest)


def highest(array: Array) -> Array:
    """Return the highest entry of an array [V]."""
    if isinstance(array, np.ndarray):
        return array[array.argmax()]
    xp = array.__array_namespace__()
    return xp.max(array) if array.shape[0] < FOLDED else fold(xp.maximum, array)


def first_index(array: Array, value: Array) -> Array:
    """Return the first index of an entry of an array [V]."""
    if isinstance(array, np.ndarray):
        return np.int32((array == value).argmax())
    xp, size = array.__array_namespace__(), array.shape[0]
    if size < FOLDED:
        return xp.argmax(array == value).astype(np.int32)
    indices = xp.where(array == value, xp.arange(size, dtype=np.int32), np.int32(size))
    return fold(xp.minimum, indices)


def either(condition: Array, one: Array, other: Array) -> Array:
    """Return one of two numbers, depending on a condition [], or on each entry of a condition."""
    if isinstance(condition, np.bool_):
        return one if condition else other
    return condition.__array_namespace__().where(condition, one, other)


def number_up_to(ascending: Array, limit: Array) -> Array:
    """Return how many entries of an array [V] in ascending order do not exceed a limit."""
    if isinstance(ascending, np.ndarray):
        return np.int32(ascending.searchsorted(limit, "right"))
    xp, are_below = ascending.__array_namespace__(), (ascending <= limit).astype(np.int32)
    return xp.sum(are_below) if len(are_below) < FOLDED else fold(xp.add, are_below)


def replaced(array: Array, index: Array, value: Array) -> Array:
    """Return an array [V] with another entry at an index."""
    if isinstance(array, np.ndarray):
        array = array.copy()
        array[index] = value
        return array
    xp = array.__array_namespace__()
    return xp.where(xp.arange(array.shape[0], dtype=np.int32) == index, value, array)
