"""A small network and plans for it, which tests of training share.

A call takes five batches in each test, of which some use fewer, and clipping and masks are those of
one plan: one program is compiled for all.
"""

from typing import Any

import numpy as np

from textgen.settings import ModelSettings, TrainingSettings
from textgen.training.train_step import Batch

MODEL = ModelSettings(vocab_size=9, embedding_size=6, hidden_size=8, num_layers=2, dropout_rate=0.3)


def plan(**changes: Any) -> TrainingSettings:
    values: dict[str, Any] = {
        "steps": 100,
        "batch_size": 4,
        "sequence_length": 10,
        "learning_rate": 0.01,
        "warmup_steps": 10,
        "eval_every": 10,
        "checkpoint_every": 10,
        "max_grad_norm": 0.05,
        "seed": 5,
    }
    return TrainingSettings(**(values | changes))


def batches(tokens: Any, resets: Any = (False,) * 4, steps: Any = 0, rates: Any = 0.001) -> Batch:
    """Return five batches; what is given for one of them, or for all, is repeated.

    Args:
        tokens: ids, int32 [5, 4, 11] or [4, 11].
        resets: whether the state of each sequence is reset, bool [5, 4] or [4].
        steps: number of each step, int32 [5] or [].
        rates: learning rate of each step, float32 [5] or [].
    """
    tokens = np.broadcast_to(np.asarray(tokens, np.int32), (5, 4, 11))
    return Batch(
        tokens[..., :-1],
        tokens[..., 1:],
        np.broadcast_to(np.asarray(resets, bool), (5, 4)),
        np.broadcast_to(np.asarray(steps, np.int32), 5),
        np.broadcast_to(np.asarray(rates, np.float32), 5),
    )
