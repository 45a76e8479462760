import pytest

from textgen.errors import SettingError
from textgen.training.devices import make_mesh


def test_all_devices_that_divide_the_batch_are_used() -> None:
    assert make_mesh(None, 4).size == 2
    assert make_mesh(None, 5).size == 1


def test_more_devices_than_there_are_is_refused() -> None:
    with pytest.raises(SettingError, match="devices must be at most the 2 there are, got 3"):
        make_mesh(3, 6)
