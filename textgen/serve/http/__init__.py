"""The HTTP side of `textgen serve`: requests in the form that clients already speak."""
