"""How JAX runs on this machine: devices and the cache of compiled code."""
