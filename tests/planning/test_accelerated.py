"""A plan for an accelerator on paper; its numbers are those of the rules, worked by hand."""

from typing import Any

import pytest

from textgen.errors import UsageError
from textgen.planning.accelerated import (
    check_backend,
    choose_precision,
    explain_backend,
    other_backend,
    rate_factor,
    usual_batch_size,
)
from textgen.planning.request import Request
from textgen.runtime.accelerators import Accelerator
from textgen.settings import Computation, ModelSettings

CARD = Accelerator(name="NVIDIA H200", memory=10**11, has_bfloat16=True, has_cudnn=True)
OLD_CARD = Accelerator(name="Tesla T4", memory=10**10, has_bfloat16=False, has_cudnn=True)


def network(**changes: Any) -> ModelSettings:
    given = {"vocab_size": 66, "embedding_size": 8, "hidden_size": 8, "num_layers": 2}
    return ModelSettings(**(given | {"dropout_rate": 0.0} | changes))


def test_auto_is_bfloat16_on_an_accelerator_that_has_it_and_float32_elsewhere() -> None:
    assert choose_precision(Request(precision="auto"), CARD).value == "bfloat16"
    assert "NVIDIA H200" in choose_precision(Request(), CARD).reason
    for card in (None, OLD_CARD):
        assert choose_precision(Request(), card).value == "float32"
    assert choose_precision(Request(precision="bfloat16"), None).value == "bfloat16"
    assert choose_precision(Request(precision="float32"), CARD).value == "float32"
    assert choose_precision(Request(backend="cudnn"), CARD).value == "float32"
    assert choose_precision(Request(backend="scan"), CARD).value == "bfloat16"


@pytest.mark.parametrize(
    ("characters", "size"), [(10**9, 512), (10**6, 512), (300_000, 128), (30_000, 32), (100, 32)]
)
def test_a_batch_fills_the_accelerator_and_leaves_500_steps(characters: int, size: int) -> None:
    assert usual_batch_size(Request(), characters) == size
    assert size == 32 or 24 * characters / (size * 64) >= 500


def test_rates_grow_with_the_fourth_root_of_the_batch() -> None:
    assert [rate_factor(size) for size in (16, 32, 512)] == [1, 1, 2]


def test_cudnn_is_measured_where_it_can_run_and_the_time_allows_it() -> None:
    cudnn = Computation("float32", "cudnn")
    assert other_backend(Request(minutes=5), network(), CARD, 15.0) == cudnn
    # It would take more than a twentieth of the time to compile it.
    assert other_backend(Request(minutes=5), network(), CARD, 15.1) is None
    for request, model, card in (
        (Request(steps=10), network(), CARD),
        (Request(minutes=5, backend="scan"), network(), CARD),
        (Request(minutes=5, precision="bfloat16"), network(), CARD),
        (Request(minutes=5), network(cell="gru"), CARD),
        (Request(minutes=5), network(num_labels=2), CARD),
        (Request(minutes=5), network(), None),
    ):
        assert other_backend(request, model, card, 1.0) is None


def test_what_cudnn_cannot_run_is_refused() -> None:
    request = Request(backend="cudnn")
    check_backend(request, "lstm", has_labels=False)
    check_backend(Request(), "gru", has_labels=True)
    with pytest.raises(UsageError, match="not a gru; leave --backend out"):
        check_backend(request, "gru", has_labels=False)
    with pytest.raises(UsageError, match="not a network with labels"):
        check_backend(request, "lstm", has_labels=True)
    with pytest.raises(UsageError, match="not --precision bfloat16"):
        check_backend(Request(backend="cudnn", precision="bfloat16"), "lstm", has_labels=False)


def test_the_reason_for_a_backend_says_how_much_faster_it_is() -> None:
    reason = "backend scan: a step took 2.5 times as long with cuDNN as with a scan"
    assert explain_backend("scan", 0.1, 0.25) == reason
    reason = "backend cudnn: a step took 4 times as long with a scan as with cuDNN"
    assert explain_backend("cudnn", 1.0, 0.25) == reason
