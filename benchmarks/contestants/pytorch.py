"""PyTorch: nn.LSTM and fused AdamW, with as many threads as cores."""

import numpy as np
import torch
from torch import nn
from turns import LEARNING_RATE, VOCAB_SIZE, WEIGHT_DECAY, Shape, Steps, take_turns


class LanguageModel(nn.Module):
    """Embedding, stacked LSTM, projection."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB_SIZE, shape.embedding_size)
        self.lstm = nn.LSTM(shape.embedding_size, shape.hidden_size, shape.num_layers)
        self.projection = nn.Linear(shape.hidden_size, VOCAB_SIZE)

    def forward(self, tokens: torch.Tensor, state: tuple) -> tuple[torch.Tensor, tuple]:
        """Return the logits [T, B, V] of tokens [T, B], and the state after them."""
        outputs, state = self.lstm(self.embedding(tokens), state)
        return self.projection(outputs), state


def build(shape: Shape) -> tuple[Steps, int]:
    """Return a function that trains one step, and 1, the number of steps."""
    model = LanguageModel(shape)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    zero = torch.zeros(shape.num_layers, shape.batch_size, shape.hidden_size)
    state = (zero, zero)

    def step(batch_inputs: np.ndarray, batch_targets: np.ndarray) -> list[float]:
        nonlocal state
        (inputs,), (targets,) = batch_inputs, batch_targets
        optimizer.zero_grad(set_to_none=True)
        logits, after = model(torch.from_numpy(inputs.T).long(), state)
        flat = torch.from_numpy(targets.T.astype(np.int64)).reshape(-1)
        loss = nn.functional.cross_entropy(logits.reshape(-1, VOCAB_SIZE), flat)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        state = tuple(member.detach() for member in after)
        return [loss.item()]

    return step, 1


if __name__ == "__main__":
    take_turns(build)
