"""Batches and a model in, reports out."""
