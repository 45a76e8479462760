"""How JAX runs on this machine: devices, the cache of compiled code, options of XLA."""
