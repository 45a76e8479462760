"""What a trained model knows: scores, gates, gradients."""
