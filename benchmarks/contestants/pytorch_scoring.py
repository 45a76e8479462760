"""PyTorch: nn.LSTM scores one character at a time, with as many threads as cores."""

from collections.abc import Callable

import torch
from pytorch import LanguageModel
from turns import VOCAB_SIZE, Shape, take_writing_turns

CHARACTERS = 100


def build(shape: Shape, characters: int = CHARACTERS, at_once: int = 1) -> Callable[[], int]:
    """Return a function that reads on from left to right with the state carried.

    Args:
        shape: shape of the network.
        characters: number of characters that a call reads.
        at_once: number of characters passed to `nn.LSTM` at once.
    """
    model = LanguageModel(shape).eval()
    zero = torch.zeros(shape.num_layers, 1, shape.hidden_size)
    tokens, state = torch.randint(VOCAB_SIZE, (characters + 1, 1)), (zero, zero)
    loss = torch.nn.CrossEntropyLoss(reduction="none")

    @torch.inference_mode()
    def read() -> int:
        nonlocal state
        for at in range(0, characters, at_once):
            logits, state = model(tokens[at : at + at_once], state)
            loss(logits[:, 0], tokens[at + 1 : at + 1 + at_once, 0])
        return characters

    return read


if __name__ == "__main__":
    take_writing_turns(build)
