"""A run in other hands: one page for the browser, or a folder for a model hub."""
