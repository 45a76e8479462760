from pathlib import Path

import pytest

from textgen.errors import DamagedError
from textgen.runs.files import encode_json
from textgen.runs.logged import TRACKING, read_logged, write_logged


def test_steps_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert read_logged(tmp_path) == {}
    write_logged(tmp_path, {"tensorboard": 20, "wandb-0a": 0})
    assert read_logged(tmp_path) == {"tensorboard": 20, "wandb-0a": 0}


def test_a_changed_file_and_other_values_are_damage(tmp_path: Path) -> None:
    write_logged(tmp_path, {"tensorboard": 20})
    path = tmp_path / TRACKING
    path.write_bytes(path.read_bytes().replace(b"20", b"30"))
    with pytest.raises(DamagedError, match="SHA-256"):
        read_logged(tmp_path)
    path.write_bytes(encode_json({"tensorboard": "20"}))
    with pytest.raises(DamagedError, match="something else than steps"):
        read_logged(tmp_path)
