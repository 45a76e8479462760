"""Trackers: other programs that show how a training goes."""
