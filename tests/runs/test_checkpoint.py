import dataclasses
import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pytest

from textgen.data.vocabulary import Vocabulary
from textgen.errors import DamagedError
from textgen.network.parameters import parameter_shapes
from textgen.runs.checkpoint import (
    CONFIG,
    FILES,
    MANIFEST,
    MODEL,
    Checkpoint,
    ModelConfig,
    read_checkpoint,
    verify_checkpoint,
    write_checkpoint,
)
from textgen.runs.files import encode_json
from textgen.settings import ModelSettings

SETTINGS = ModelSettings(
    vocab_size=4, embedding_size=2, hidden_size=3, num_layers=2, dropout_rate=0.5
)


def checkpoint(step: int = 30) -> Checkpoint:
    source = np.random.default_rng(step)
    parameters = {
        name: source.normal(size=shape).astype(np.float32)
        for name, shape in parameter_shapes(SETTINGS).items()
    }
    # In Fortran order: safetensors by itself writes such an array wrongly.
    parameters["embedding"] = np.asfortranarray(parameters["embedding"])
    return Checkpoint(
        step=step,
        validation_loss=1.25,
        progress={"step": step, "loss_sum": 0.1 + 0.2},
        config=ModelConfig(SETTINGS, Vocabulary("\nbé"), "\n"),
        parameters=parameters,
        train_state={"count": np.array(7, np.int32), "mean": source.normal(size=(2, 3)).T},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "step-00000030"
    write_checkpoint(path, checkpoint())
    return path


def test_what_is_written_is_read_back_to_the_last_bit(folder: Path) -> None:
    written, back = checkpoint(), read_checkpoint(folder, train_state=True)
    assert (back.step, back.validation_loss) == (30, 1.25)
    assert back.progress == written.progress
    assert back.config.settings == SETTINGS
    assert back.config.vocabulary.characters == "\nbé"
    assert back.config.start == "\n"
    for name, array in written.parameters.items():
        np.testing.assert_array_equal(back.parameters[name], array)
    for name, array in written.train_state.items():
        np.testing.assert_array_equal(back.train_state[name], array)
        assert back.train_state[name].dtype == array.dtype


def test_a_step_folder_has_the_files_of_the_design(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "model.safetensors",
        "config.json",
        "train_state.safetensors",
        "manifest.json",
    }
    config = json.loads((folder / CONFIG).read_text())
    assert (config["architecture"], config["direction"]) == ("lstm", "forward")


def test_a_checkpoint_is_never_written_over(folder: Path) -> None:
    with pytest.raises(FileExistsError):
        write_checkpoint(folder, checkpoint())


@pytest.mark.slow
def test_single_flipped_bits_anywhere_are_noticed(folder: Path) -> None:
    source = random.Random(0)
    sizes = {name: (folder / name).stat().st_size for name in (*FILES, MANIFEST)}
    for _ in range(1000):
        path = folder / source.choices(list(sizes), list(sizes.values()))[0]
        whole = path.read_bytes()
        place, bit = source.randrange(len(whole)), source.randrange(8)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
        with pytest.raises(DamagedError, match="step-00000030"):
            verify_checkpoint(folder)
        path.write_bytes(whole)
    verify_checkpoint(folder)


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_file_cut_emptied_or_missing_is_named(folder: Path, name: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    cuts = {whole[:length] for length in (*range(0, len(whole), 1024), len(whole) // 2)}
    for data in (*cuts, bytes(len(whole))):
        path.write_bytes(data)
        with pytest.raises(DamagedError, match=name):
            verify_checkpoint(folder)
    path.unlink()
    with pytest.raises(DamagedError, match=rf"{name}.*missing"):
        verify_checkpoint(folder)


def test_a_file_of_another_step_is_noticed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "step-00000031"
    write_checkpoint(other, checkpoint(31))
    (folder / MODEL).write_bytes((other / MODEL).read_bytes())
    with pytest.raises(DamagedError, match=MODEL):
        verify_checkpoint(folder)
    folder.rename(tmp_path / "step-00000099")
    with pytest.raises(DamagedError, match="belongs to step 30"):
        verify_checkpoint(tmp_path / "step-00000099")


def test_a_file_too_many_is_noticed(folder: Path) -> None:
    (folder / "model.pkl").write_bytes(b"x")
    with pytest.raises(DamagedError, match=r"model\.pkl"):
        verify_checkpoint(folder)


def reseal(folder: Path) -> None:
    """Make the manifest fit files that were changed on purpose."""
    manifest = json.loads((folder / MANIFEST).read_text())
    for name in FILES:
        data = (folder / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / MANIFEST).write_bytes(encode_json(manifest))


@pytest.mark.parametrize("number", [99, 4, 0, -1, None, "3"])
def test_an_unknown_format_is_refused_by_name(folder: Path, number: object) -> None:
    config = json.loads((folder / CONFIG).read_text()) | {"format": number}
    (folder / CONFIG).write_bytes(encode_json(config))
    reseal(folder)
    with pytest.raises(DamagedError, match=f"format is {number!r}, .* only formats 1 to 3;"):
        read_checkpoint(folder)


def test_parameters_that_do_not_fit_the_settings_are_named(tmp_path: Path) -> None:
    wrong = dict(checkpoint().parameters)
    wrong["layers.1.bias"] = np.zeros(5, np.float32)
    write_checkpoint(
        tmp_path / "step-00000030", dataclasses.replace(checkpoint(), parameters=wrong)
    )
    with pytest.raises(DamagedError, match=r"layers\.1\.bias is \(5,\), expected \(12,\)"):
        read_checkpoint(tmp_path / "step-00000030")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    wrong = dict(checkpoint().parameters)
    wrong["layers.1.bias"] = np.full(12, value, np.float32)
    write_checkpoint(
        tmp_path / "step-00000030", dataclasses.replace(checkpoint(), parameters=wrong)
    )
    with pytest.raises(DamagedError, match=r"layers\.1\.bias .*not finite"):
        read_checkpoint(tmp_path / "step-00000030")
