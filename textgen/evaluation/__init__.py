"""How well a text is predicted: protocols, baselines, scores, learning curves."""
