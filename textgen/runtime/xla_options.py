"""Options of XLA that are set before JAX starts."""

import os
from collections.abc import MutableMapping

ONE_KERNEL = f"--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold={2**40}"


def prefer_one_kernel(environment: MutableMapping[str, str] = os.environ) -> None:
    """Make XLA compile the sampling loop into one kernel. Call this before JAX starts.

    By default XLA calls one kernel for each operation of each iteration, which costs a small
    network a fifth of its speed. With this option, however, neither training nor the matrix
    products of a large network use all cores. Call it only to generate text with a small network.

    Args:
        environment: the environment variables of this process. A value that they already have for
            this option is kept, and so is the name of a file with options.
    """
    flags = environment.get("XLA_FLAGS", "").strip()
    is_file = flags and not flags.startswith("--")
    if not is_file and "xla_backend_extra_options" not in flags:
        environment["XLA_FLAGS"] = f"{flags} {ONE_KERNEL}".strip()
