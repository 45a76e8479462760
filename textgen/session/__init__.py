"""A conversation with a model: turns, commands, controls, saved sessions. It knows no terminal."""
