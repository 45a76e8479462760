"""A model and a prompt in, text out."""
