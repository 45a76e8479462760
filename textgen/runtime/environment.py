"""The environment variables that JAX and XLA read, in a process that textgen has to itself.

People who use JAX keep settings for their own work in the profile of their shell. Some of them
change numbers, others forbid what textgen does. A command therefore ignores them, except those that
choose devices, keep compiled code or write logs. A program that imports textgen keeps its
environment and its settings of JAX; see `textgen.runtime.numerics`.
"""

import os
import re
import subprocess
import sys
import warnings
from collections.abc import MutableMapping
from pathlib import Path

from textgen.errors import TextgenError, TextgenWarning, UsageError
from textgen.runtime.compile_cache import keep_compiled
from textgen.runtime.xla_options import ONE_KERNEL, prefer_one_kernel

try:
    import resource
except ImportError:  # Windows has no such limits.
    resource = None  # type: ignore[assignment]

HAS_LIMITS: bool = resource is not None

# Beginnings of the names of all variables from which JAX and Flax take settings.
SETTINGS = ("JAX", "FLAX_", "NNX_", "CHECK_VMA", "EAGER_CONSTANT_FOLDING", "MOCK_NUM_GPU_PROCESSES")
# Beginnings of the names of those that a command does not ignore.
HEEDED = (
    "JAX_COMPILATION_CACHE_DIR",
    "JAX_COMPILATION_CACHE_MAX_SIZE",
    "JAX_CUDA_VISIBLE_DEVICES",
    "JAX_DEBUG_LOG_MODULES",
    "JAX_ENABLE_COMPILATION_CACHE",
    "JAX_EXPLAIN_CACHE_MISSES",
    "JAX_LOG",
    "JAX_ONEAPI_VISIBLE_DEVICES",
    "JAX_PERSISTENT_CACHE_",
    "JAX_PLATFORM",
    "JAX_ROCM_VISIBLE_DEVICES",
    "JAX_TRACEBACK_FILTERING",
)
# Values that JAX takes for "no".
OFF = ("", "0", "n", "no", "f", "false", "off")
# Address space that JAX needs, in bytes: with less, it aborts or waits for ever.
ADDRESS_SPACE = 3 * 2**30
# Makes XLA read its options, which takes a tenth of a second.
READ_OPTIONS = "from jaxlib.xla_client import CompileOptions; CompileOptions()"


def prepare_jax(
    environment: MutableMapping[str, str] = os.environ, *, one_kernel: bool = False
) -> None:
    """Prepare the environment for JAX and import it. Call this before anything else imports it.

    Args:
        environment: the environment variables of this process.
        one_kernel: whether to compile loops as `prefer_one_kernel` does.

    Raises:
        UsageError: if JAX is not installed, or JAX or XLA cannot start with these variables; the
            message names them.
        TextgenError: if the system lacks what JAX needs; see `check_system`.
    """
    check_system()
    _check_xla_flags(environment)
    ignore_settings(environment)
    keep_compiled(environment)
    if one_kernel:
        prefer_one_kernel(environment)
    try:
        import jax  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(
            "this needs JAX, Flax and Optax, which are not installed: pip install jax flax optax"
        ) from error
    except ImportError as error:
        raise TextgenError(f"JAX cannot be loaded: {error}; look at `ulimit -a`") from error
    except ValueError as error:  # such as: Invalid value "x" for JAX flag jax_logging_level
        found = re.search("jax_[a-z_]+", str(error).lower())
        name = found[0].upper() if found else "its environment variables"
        value = f"={environment[name]}" if name in environment else ""
        raise UsageError(f"JAX cannot start with {name}{value}; change or unset it") from error


def check_system(entropy: Path = Path("/dev/urandom")) -> None:
    """Check that the system has what JAX needs, which would otherwise fail, abort or hang.

    It takes much more address space than memory, most of it for the stacks of its threads.

    Args:
        entropy: the device that XLA reads random bytes from on Linux.

    Raises:
        TextgenError: if the device is missing, or `ulimit -v` leaves too little room.
    """
    if sys.platform == "linux" and not entropy.exists():
        raise TextgenError(f"JAX needs {str(entropy)!r}, which is missing; mount /dev")
    if not HAS_LIMITS:
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < ADDRESS_SPACE:
        raise TextgenError(
            f"this process may use {limit / 2**30:.1f} GiB of address space, and JAX needs "
            f"{ADDRESS_SPACE / 2**30:.0f} GiB; raise the limit with `ulimit -v`"
        )


def ignore_settings(environment: MutableMapping[str, str]) -> None:
    """Remove the variables that would change what textgen computes."""
    if environment.get("JAX_DISABLE_JIT", "").lower() not in OFF:
        warnings.warn(
            "JAX_DISABLE_JIT is ignored: without compiled code a step would take minutes",
            TextgenWarning,
            stacklevel=2,
        )
    for name in [*environment]:
        if name.startswith(SETTINGS) and not name.startswith(HEEDED):
            del environment[name]


def _check_xla_flags(environment: MutableMapping[str, str]) -> None:
    """Raise an error if XLA would abort this process because of an option; a child tries it."""
    if environment.get("XLA_FLAGS", ONE_KERNEL) == ONE_KERNEL:
        return
    tried = subprocess.run(
        [sys.executable, "-P", "-c", READ_OPTIONS],
        env=dict(environment),
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    # XLA logs why it ends: `F1126 21:08:02.9 240 flags.cc:234] Unknown flag in XLA_FLAGS: --x`.
    found = re.search(r"^[EF]\d{4} .*?\] (.*)", tried.stderr, re.MULTILINE)
    # A signal ends the child when XLA aborts; a missing package, which is told later, does not.
    if tried.returncode < 0 or (tried.returncode and found):
        why = found[1] if found else "it aborts"
        raise UsageError(f"XLA cannot start: {why}; change or unset XLA_FLAGS")
