"""PyTorch: nn.LSTM scores 4,096 characters at a time, with as many threads as cores."""

from pytorch_scoring import build
from turns import take_writing_turns

PIECE = 4096

if __name__ == "__main__":
    take_writing_turns(lambda shape: build(shape, PIECE, PIECE))
