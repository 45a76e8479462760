"""What a trained network does inside: its gates, units and gradients."""
