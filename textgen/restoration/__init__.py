"""Texts with gaps and mistakes, and the network of both directions that mends them."""
