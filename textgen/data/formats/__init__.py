"""Readers of the formats in which people have their texts: bytes in, pieces of text out."""
