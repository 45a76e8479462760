"""A small network and plans for it, which tests of training share."""

from typing import Any

from textgen.settings import ModelSettings, TrainingSettings

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
    }
    return TrainingSettings(**(values | changes))
