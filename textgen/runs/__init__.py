"""A run on disk: its folder, its checkpoints. Never imports JAX."""
