"""What happens inside a trained network: gates, units, features, gradients."""
