import pytest

from textgen.workflows.bench_hosts import batch_needed


@pytest.mark.parametrize("processes", [2, 4, 16])
def test_with_the_batch_that_is_needed_the_gain_is_three_quarters(processes: int) -> None:
    per_sequence, besides = 0.01, 0.2

    def alone(batch: int) -> float:
        return per_sequence * batch

    def taken(batch: int) -> float:
        return per_sequence * batch / processes + besides

    needed = batch_needed(64, alone(64), taken(64), processes)
    assert alone(needed) / taken(needed) > 0.7499 * processes
    assert alone(needed - 2) / taken(needed - 2) < 0.75 * processes


def test_processes_that_lose_nothing_need_a_sequence_each() -> None:
    assert batch_needed(64, 1.0, 0.25, 4) == 4
    assert batch_needed(64, 1.0, 0.2, 4) == 4
