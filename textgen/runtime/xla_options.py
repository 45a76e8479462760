"""Options of XLA that are set before JAX starts."""

import os
from collections.abc import MutableMapping

ONE_KERNEL = f"--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold={2**40}"


def prefer_one_kernel(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have XLA compile the loop that writes into one kernel, if JAX has not started yet.

    By default XLA calls one kernel for each operation of each iteration, which costs a small
    network a fifth of its speed. Products of a large network use all cores only without this
    option, and so does training: call it for small networks that write.

    Args:
        environment: of this process; a value that is set there already is kept.
    """
    flags = environment.get("XLA_FLAGS", "")
    if "xla_backend_extra_options" not in flags:
        environment["XLA_FLAGS"] = f"{flags} {ONE_KERNEL}".strip()
