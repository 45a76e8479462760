"""What textgen computes in a program that has its own settings of JAX."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import jax


@contextmanager
def standard_numerics() -> Iterator[None]:
    """Compute with JAX's own defaults as long as the context lasts.

    The settings of the program, and of its other threads, stay as they are.
    """
    with ExitStack() as stack:
        for settings in (
            jax.enable_x64(False),
            jax.numpy_rank_promotion("allow"),
            jax.numpy_dtype_promotion("standard"),
            jax.default_matmul_precision(None),
            jax.transfer_guard("allow"),
            jax.debug_nans(False),
            jax.debug_infs(False),
            jax.check_tracer_leaks(False),
        ):
            stack.enter_context(settings)
        yield
