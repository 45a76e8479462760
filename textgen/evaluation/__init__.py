"""Measures of how well a text is predicted: protocols, baselines, scores, learning curves."""
