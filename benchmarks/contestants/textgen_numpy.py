"""textgen: the NumPy engine."""

from turns import take_writing_turns
from writing import build

if __name__ == "__main__":
    take_writing_turns(lambda shape: build(shape, "numpy"))
