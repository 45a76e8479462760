"""The memory of an accelerator that this machine does not have."""

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.training.plans import plan
from textgen.errors import SettingError
from textgen.network.parameters import parameter_count
from textgen.runtime import memory
from textgen.runtime.accelerators import Accelerator
from textgen.runtime.memory import check_memory, training_memory
from textgen.settings import Computation, ModelSettings

MODEL = ModelSettings(
    vocab_size=66, embedding_size=512, hidden_size=512, num_layers=2, dropout_rate=0.0
)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Accelerator:
    card = Accelerator(name="Tesla T4", memory=2**30, has_bfloat16=False, has_cudnn=True)
    monkeypatch.setattr(memory, "find_accelerator", lambda: card)
    return card


def refused(model: ModelSettings, **changes: Any) -> tuple[str, int]:
    """Return the message of the error, and the number that it names as the largest."""
    with pytest.raises(SettingError) as caught:
        check_memory(model, plan(sequence_length=64, **changes))
    found = re.search(r"at most (\d+) ", str(caught.value))
    assert found
    return str(caught.value), int(found[1])


def test_the_largest_batch_that_fits_is_named_and_fits(card: Accelerator) -> None:
    message, most = refused(MODEL, batch_size=4096)
    assert message.startswith(f"batch_size must be at most {most} for the 1.0 GiB that JAX may use")
    assert "of Tesla T4 (this takes about 1" in message
    check_memory(MODEL, plan(sequence_length=64, batch_size=most))
    refused(MODEL, batch_size=most + 1)


def test_the_widest_network_that_fits_is_named_and_fits(card: Accelerator) -> None:
    def of_width(width: int) -> ModelSettings:
        return replace(MODEL, hidden_size=width, embedding_size=width)

    message, most = refused(of_width(4096), batch_size=1)
    assert message.startswith("hidden_size must be at most ")
    check_memory(of_width(most), plan(sequence_length=64, batch_size=1))
    refused(of_width(most + 1), batch_size=1)


def test_devices_share_a_batch_and_the_named_one_is_a_multiple_of_them(card: Accelerator) -> None:
    _, alone = refused(MODEL, batch_size=4096)
    _, shared = refused(MODEL, batch_size=4096, devices=4)
    assert shared == 4 * alone


def test_what_training_takes_is_counted_by_hand() -> None:
    # 2 layers of 2,048 columns keep 9 bytes of each of 8 x 16 characters, and 66 logits 12.
    kept = 8 * 16 * (2 * 2048 * 9 + 66 * 12)
    expected = 20 * parameter_count(MODEL) + kept
    assert training_memory(MODEL, 8, 16, Computation("bfloat16", "scan")) == expected


def test_the_estimate_is_near_what_was_measured() -> None:
    # XLA counted 6.5 GB for 3x1024 in bfloat16, 512 x 128 characters (notebook, 2026-11-27).
    model = replace(MODEL, hidden_size=1024, embedding_size=1024, num_layers=3)
    found = training_memory(model, 512, 128, Computation("bfloat16", "scan"))
    assert found == pytest.approx(6.5e9 + 20 * parameter_count(model), rel=0.2)
