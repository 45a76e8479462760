"""A run on disk: its folder and its checkpoints. Never imports JAX."""
