"""The address at which gloo, which exchanges arrays between CPUs, reaches a process."""


def reach_by_gloo(address: str | None) -> None:
    """Let gloo listen at an address. Call this after JAX's processes have met, before its devices.

    By itself gloo listens at the address that the host's own name stands for. On Debian and Ubuntu
    that is 127.0.1.1, which no other host can reach.

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
