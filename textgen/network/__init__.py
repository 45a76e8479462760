"""The model: cells, the recurrence over time, the Flax module."""
