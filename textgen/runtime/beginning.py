"""Start JAX in several processes that have met, and compare them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from textgen.errors import LostProcessError, UsageError
from textgen.runtime.cores import available_cores
from textgen.runtime.hosts import Hosts
from textgen.runtime.together import Together, set_current

# Longest time until JAX has started in all processes, which have met before.
STARTING_SECONDS = 30
# Heartbeats of JAX itself end processes without a word, so they are to be slower than ours.
JAX_HEARTBEAT_SECONDS = 3600


def begin_together(
    hosts: Hosts,
    seconds: int,
    devices: int | None,
    facts: Mapping[str, Any],
    *,
    address: str | None,
    when_lost: Callable[[str], None],
) -> Together:
    """Start JAX in several processes, which have met, and compare them.

    Args:
        hosts: the processes.
        seconds: longest time to wait for process 0 where the processes have not met before.
        devices: number of cores that all use together; None for all. Accelerators are all used.
        facts: what must be the same in all processes, by name, as JSON can hold it.
        address: where the others can reach this process, as `meet` found; None if JAX knows it.
        when_lost: function that ends this process when another one is lost; see `Together`.

    Raises:
        LostProcessError: if JAX does not start in all of them.
        UsageError: if the processes differ.
    """
    import jax
    from jax._src import distributed  # the store has no public name yet

    # It would take SIGTERM, and its own heartbeats would end the others without a word.
    jax.config.update("jax_enable_preemption_service", False)
    jax.config.update("jax_enable_recoverability", True)
    jax.config.update("jax_check_proxy_envs", False)
    seconds = seconds if address is None else STARTING_SECONDS
    # By itself JAX aborts with a stack trace when its time is over.
    watchdog = threading.Timer(seconds, when_lost, [_not_all(hosts, seconds)])
    watchdog.daemon = True
    watchdog.start()
    try:
        jax.distributed.initialize(
            **hosts.arguments(),
            initialization_timeout=2 * seconds,
            heartbeat_timeout_seconds=JAX_HEARTBEAT_SECONDS,
        )
    except RuntimeError as error:
        found = str(error).splitlines()[0]
        raise LostProcessError(f"JAX did not start in all processes: {found}") from error
    finally:
        watchdog.cancel()
    state = distributed.global_state
    together = Together(state.process_id, state.num_processes, state.client, when_lost)
    set_current(together)
    reach_by_gloo(address)
    own = available_cores() if devices is None else max(devices // together.count, 1)
    jax.config.update("jax_num_cpu_devices", own)
    # All start their devices at the same time, since each waits for those of the others.
    present = len(jax.local_devices())
    compare(together, {**facts, "number of devices": present})
    return together


def _not_all(hosts: Hosts, seconds: int) -> str:
    where = f" at {hosts.coordinator}" if hosts.coordinator else ""
    return f"JAX did not start{where} in all processes within {seconds} seconds"


def reach_by_gloo(address: str | None) -> None:
    """Let gloo, which exchanges arrays between CPUs, listen at an address.

    Call this after JAX's processes have met and before its devices start. By itself gloo listens at
    the address that the host's own name stands for. On Debian and Ubuntu that is 127.0.1.1, which
    no other host can reach.

    Args:
        address: an address of this host; None for that of its name.
    """
    if address is None:
        return
    # JAX has no public name for this yet.
    from jax._src import distributed, xla_bridge
    from jax._src.lib import _jax  # type: ignore[attr-defined]

    def make_client() -> object:
        return xla_bridge.make_cpu_client(
            _jax.make_gloo_tcp_collectives(
                distributed_client=distributed.global_state.client, hostname=address
            )
        )

    xla_bridge.register_backend_factory("cpu", make_client, priority=0, fail_quietly=False)


def compare(together: Together, facts: Mapping[str, Any]) -> None:
    """Compare what must be the same in all processes; all call this at the same time.

    Args:
        together: the processes.
        facts: what must be the same, by name, as JSON can hold it. Of lists of words, those that
            differ are named.

    Raises:
        UsageError: in process 0, if a process differs; the message names it.
    """
    for other, found in enumerate(together.gather(facts)):
        for name, wanted in facts.items():
            value = found.get(name)
            if value != wanted and together.leads:
                if isinstance(wanted, list) and isinstance(value, list):
                    value, wanted = differing_words(value, wanted)
                raise UsageError(
                    f"{together.names[other]} differs from {together.names[0]} in its {name}: "
                    f"{value}, not {wanted}; make them the same"
                )


def differing_words(one: Sequence[str], other: Sequence[str]) -> tuple[str, str]:
    """Return the words of two lists between those that both begin and end with.

    >>> differing_words(["train", "--seed", "1", "-q"], ["train", "--seed", "2", "-q"])
    ('1', '2')
    >>> differing_words(["train"], ["train", "--quiet"])
    ('nothing', '--quiet')
    """
    first, shorter = 0, min(len(one), len(other))
    while first < shorter and one[first] == other[first]:
        first += 1
    last = 0
    while last < shorter - first and one[-1 - last] == other[-1 - last]:
        last += 1
    parts = (" ".join(words[first : len(words) - last]) for words in (one, other))
    return next(parts) or "nothing", next(parts) or "nothing"
