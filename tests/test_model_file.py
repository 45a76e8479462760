"""Strangers read a model's file: as docs/model-file.md says, and as the file itself says."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import safetensors

from tests.networks import CHARACTERS, random_network
from textgen.data.vocabulary import END, Vocabulary
from textgen.network.cells import CELLS, sigmoid, tanh
from textgen.network.inference import next_logits, prepare_parameters, step_network
from textgen.runs.checkpoint import Checkpoint, ModelConfig, write_checkpoint
from textgen.runs.run import Run
from textgen.settings import CellName, Projected

PAGE = Path(__file__).parents[1] / "docs" / "model-file.md"
NUMPY, TORCH = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
# Its first character is unknown to the networks.
TEXT = "\u2603abc def\u00e9\n\u4e2dT"
PROJECTED = get_args(Projected)
NETWORKS = [(cell, projected, 0) for cell in get_args(CellName) for projected in PROJECTED]
NETWORKS += [("lstm", projected, 3) for projected in PROJECTED]


@pytest.fixture(params=NETWORKS, ids=lambda network: "-".join(map(str, network)))
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Checkpoint:
    """Write a random model to step-00000012."""
    cell, projected, rank = request.param
    settings, parameters = random_network(
        cell=cell, projected=projected, projection_rank=rank, vocab_size=len(CHARACTERS) + 1
    )
    config = ModelConfig(settings, Vocabulary(CHARACTERS), "\n")
    written = Checkpoint(12, None, {}, config, parameters, {})
    write_checkpoint(tmp_path / "step-00000012", written)
    return written


def own_logits(checkpoint: Checkpoint) -> np.ndarray:
    """Return textgen's logits after the start and each character of the text, [1 + T, V]."""
    settings, rows = checkpoint.config.settings, []
    prepared = prepare_parameters(checkpoint.parameters)
    zero = np.zeros(settings.hidden_size, np.float32)
    states = (CELLS[settings.cell].fill_state(zero),) * settings.num_layers
    start, vocabulary = checkpoint.config.start, checkpoint.config.vocabulary
    tokens = [*vocabulary.encode_start(start), *vocabulary.encode(TEXT, "replace")]
    for token in tokens:
        states = step_network(settings, prepared, token, states)
        rows.append(next_logits(settings, prepared, states))
    return np.array(rows)


def function(name: str, *programs: str) -> Callable[[Path, str], Any]:
    """Return a function of the page's programs."""
    names: dict[str, Any] = {"__name__": "page"}
    for program in programs:
        exec(program, names)
    return names[name]


def test_the_page_in_numpy_gives_the_same_logits(checkpoint: Checkpoint) -> None:
    found = function("logits_of", NUMPY)(Path("step-00000012"), TEXT)
    np.testing.assert_allclose(found, own_logits(checkpoint), rtol=1e-4, atol=1e-5)


def test_the_page_in_pytorch_gives_the_same_logits(checkpoint: Checkpoint) -> None:
    pytest.importorskip("torch")
    found = function("torch_logits_of", NUMPY, TORCH)(Path("step-00000012"), TEXT)
    np.testing.assert_allclose(found.numpy(), own_logits(checkpoint), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("characters", ["abc", "a\ue000bc", "\ue000abc", "abc\ue000"])
def test_the_page_gives_the_ids_of_a_network_with_an_end_symbol(characters: str) -> None:
    vocabulary = Vocabulary(characters.replace("\ue000", END))
    is_end = vocabulary.end_id is not None
    settings, _ = random_network(vocab_size=len(vocabulary))
    config = ModelConfig(settings, vocabulary, END if is_end else "a", "nfc")
    text = "cabxa\u0301"
    expected = [*vocabulary.encode_start(config.start), *vocabulary.encode("cabx\u00e1", "replace")]
    assert function("ids_of", NUMPY)(config.to_json(), text) == expected


def test_the_page_reads_the_checkpoint_that_textgen_uses(tiny_run: Path) -> None:
    run, best = Run(tiny_run), function("best_checkpoint", NUMPY)
    written = run.load(20, train_state=True)
    for step, loss in ((30, 0.5), (40, 0.25), (50, 0.25), (60, None)):
        run.save(replace(written, step=step, validation_loss=loss))
        assert best(tiny_run) == run.folder(run.best_step())
    for step in run.steps():
        run.remove([step] * (step < 60))
    assert best(tiny_run) == run.folder(60)


def test_the_formulas_in_the_file_are_those_of_the_cell(checkpoint: Checkpoint) -> None:
    with safetensors.safe_open("step-00000012/model.safetensors", "numpy") as file:
        said = json.loads(file.metadata()["textgen"])
        arrays = {name: file.get_tensor(f"layers.1.{name}") for name in ("bias", "input_kernel")}
        arrays["recurrent_kernel"] = file.get_tensor("layers.1.recurrent_kernel")
    cell, size = CELLS[said["cell"]], checkpoint.config.settings.hidden_size
    x, h, c = np.random.default_rng(3).normal(size=(3, size)).astype(np.float32)
    names: dict[str, Any] = {"x": x, "h": h, "c": c, "sigmoid": sigmoid, "tanh": tanh, **arrays}
    for name, formula in said["blocks"].items():
        index = said["columns"].index(name[2:])
        names[name] = eval(formula, names)[index * size : (index + 1) * size]
    for line in said["step"]:
        exec(line, names)
    inputs = x @ arrays["input_kernel"] + arrays["bias"]
    pre_activations = cell.combine(inputs, h @ arrays["recurrent_kernel"])
    state = cell.state_type(*(h, c)[: len(cell.state_type._fields)])
    after = cell.step(pre_activations, state)
    np.testing.assert_allclose(names["h"], after.hidden, rtol=1e-5)
    layers = "all layers side by side" if checkpoint.config.settings.projected == "all" else "last"
    assert layers in said["logits"]
    has_inner = "projection.inner_kernel" in checkpoint.parameters
    assert ("inner_kernel" in said["logits"]) == has_inner


def test_files_are_the_same_each_time_and_without_metadata_as_before(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path / "a" / "step-00000012", checkpoint)
    first, again = (
        Path(folder, "step-00000012", "model.safetensors").read_bytes() for folder in (".", "a")
    )
    assert first == again
    write_checkpoint(tmp_path / "b" / "step-00000012", checkpoint, is_described=False)
    plain = (tmp_path / "b" / "step-00000012" / "model.safetensors").read_bytes()
    assert plain == safetensors.numpy.save(dict(checkpoint.parameters))
