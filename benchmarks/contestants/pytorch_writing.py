"""PyTorch: nn.LSTM writes one character at a time, with as many threads as cores."""

from collections.abc import Callable

import torch
from pytorch import LanguageModel
from turns import Shape, take_writing_turns

CHARACTERS = 20


def build(shape: Shape) -> Callable[[], int]:
    """Return a function that writes more characters of each text."""
    model = LanguageModel(shape).eval()
    zero = torch.zeros(shape.num_layers, shape.batch_size, shape.hidden_size)
    tokens, state = torch.zeros(1, shape.batch_size, dtype=torch.long), (zero, zero)

    @torch.inference_mode()
    def write() -> int:
        nonlocal tokens, state
        for _ in range(CHARACTERS):
            logits, state = model(tokens, state)
            drawn = torch.multinomial(torch.softmax(logits[0] / 0.8, dim=-1), 1)
            tokens = drawn.reshape(1, -1)
        return CHARACTERS * shape.batch_size

    return write


if __name__ == "__main__":
    take_writing_turns(build)
