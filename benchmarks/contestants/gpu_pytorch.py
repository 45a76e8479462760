"""PyTorch on a GPU: nn.LSTM, which cuDNN runs, and fused AdamW.

The second argument names the products. With bfloat16, the weights stay float32 and autocast rounds
what cuDNN and the projection read.
"""

import sys

import numpy as np
import torch
from pytorch import LanguageModel
from torch import nn
from turns import LEARNING_RATE, VOCAB_SIZE, WEIGHT_DECAY, Shape, Steps, take_turns

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def build(shape: Shape) -> tuple[Steps, int]:
    """Return a function that trains one step, and 1, the number of steps."""
    variant = sys.argv[2]
    torch.backends.cudnn.allow_tf32 = variant == "TF32"
    torch.backends.cuda.matmul.allow_tf32 = variant == "TF32"
    model = LanguageModel(shape).to(DEVICE)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    zero = torch.zeros(shape.num_layers, shape.batch_size, shape.hidden_size, device=DEVICE)
    state = (zero, zero)

    def step(batch_inputs: np.ndarray, batch_targets: np.ndarray) -> list[float]:
        nonlocal state
        (inputs,), (targets,) = batch_inputs, batch_targets
        optimizer.zero_grad(set_to_none=True)
        read = torch.from_numpy(inputs.T).to(DEVICE).long()
        flat = torch.from_numpy(np.ascontiguousarray(targets.T)).to(DEVICE).long().reshape(-1)
        with torch.autocast(DEVICE, torch.bfloat16, enabled=variant == "bfloat16"):
            logits, after = model(read, state)
        loss = nn.functional.cross_entropy(logits.float().reshape(-1, VOCAB_SIZE), flat)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        state = tuple(member.detach().float() for member in after)
        return [loss.item()]

    return step, 1


if __name__ == "__main__":
    take_turns(build)
