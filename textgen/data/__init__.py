"""From files of text to batches of ids. Uses NumPy, never JAX."""
