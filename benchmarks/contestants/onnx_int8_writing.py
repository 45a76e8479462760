"""ONNX Runtime: its LSTM with weights of 8 bits writes one character in each call from Python."""

from functools import partial

from onnx_writing import build
from turns import take_writing_turns

if __name__ == "__main__":
    take_writing_turns(partial(build, is_quantized=True))
