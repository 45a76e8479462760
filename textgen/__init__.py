"""textgen: a character-level LSTM, trained on your text on your machine."""

__version__ = "0.1.0"
