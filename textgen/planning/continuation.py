"""The rules by which a plan differs if training begins from the weights of another run."""

# Factor on the peak of the learning rate.
RATE = 0.5
