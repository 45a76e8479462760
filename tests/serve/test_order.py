import numpy as np
import pytest

from textgen.errors import UsageError
from textgen.serve.order import Order


def test_an_id_is_in_the_vocabulary_or_refused() -> None:
    for token in (0, 6):
        Order(model="a", prompt=np.array([token], np.int32), logit_bias={token: -100}).check(7)
    for token in (-1, 7):
        with pytest.raises(UsageError, match=f"the prompt holds the id {token}; .* ids 0 to 6"):
            Order(model="a", prompt=np.array([3, token], np.int32)).check(7)


def test_a_number_is_told_as_it_is_written() -> None:
    order = Order(model="a", prompt=np.zeros(0, np.int32), logit_bias={70_000: 1.0})
    with pytest.raises(UsageError, match=r"the logit_bias holds the id 70000; .* 0 to 65,535"):
        order.check(2**16)
