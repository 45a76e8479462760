"""Text on its way in: files, vocabulary, tokens, batches. NumPy only."""
