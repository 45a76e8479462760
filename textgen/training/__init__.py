"""Train a network on batches of text: the loss, the optimizer, the step and the loop."""
