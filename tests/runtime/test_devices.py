import subprocess
import sys

import pytest

from textgen.errors import SettingError
from textgen.runtime.devices import make_mesh


def test_all_devices_that_divide_the_batch_are_used() -> None:
    assert make_mesh(None, 4).size == 2
    assert make_mesh(None, 5).size == 1


@pytest.mark.slow
def test_devices_beyond_the_cores_are_refused_before_jax_starts() -> None:
    code = (
        "from textgen.runtime.cores import available_cores\n"
        "from textgen.runtime.devices import check_devices\n"
        "from textgen.errors import SettingError\n"
        "check_devices(1)\n"
        "try: check_devices(available_cores() + 1)\n"
        "except SettingError as error: print(error.value - available_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "1\n")


def test_more_devices_than_there_are_is_refused() -> None:
    message = "devices must be at most 2, the number available, got 3"
    with pytest.raises(SettingError, match=message):
        make_mesh(3, 6)
