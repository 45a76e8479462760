"""Each example of docs/python.md is run, in the order in which it stands there."""

import ast
import dataclasses
import doctest
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import textgen
from textgen.errors import DamagedError, RunNotFoundError, SettingError
from textgen.generation.jax_engine import JaxEngine
from textgen.generation.numpy_engine import NumpyEngine
from textgen.settings import MAX_SEED, SamplingSettings

PAGE = (Path(__file__).parents[1] / "docs" / "python.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(python|pycon)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PROGRAM = EXAMPLES[-1][1]


@pytest.fixture
def fables(tiny_run: Path) -> Path:
    """The tiny run, under the name that the page uses."""
    return tiny_run.rename(tiny_run.with_name("fables"))


@pytest.mark.slow
def test_every_example_gives_what_the_page_shows(
    fables: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    for kind, code in EXAMPLES[:-1]:
        if kind == "python":
            exec(compile(code, "docs/python.md", "exec"), names)
        else:
            parsed = doctest.DocTestParser().get_doctest(code, names, kind, "docs/python.md", 0)
            failures: list[str] = []
            doctest.DocTestRunner(optionflags=flags).run(
                parsed, out=failures.append, clear_globs=False
            )
            names.update(parsed.globs)
            assert not failures, "".join(failures)
    assert [kind for kind, _ in EXAMPLES].count("pycon") > 5
    shown = capsys.readouterr().out
    assert len(shown) == 301 + 200  # what the two examples that print have written
    assert {len(text) for text in names["texts"]} == {100}
    assert len(names["texts"]) == 8
    assert sorted(names["losses"]) == [10, 20, 30]
    assert names["written"]
    assert {"plan", "evaluation", "sample", "checkpoint", "done"} <= names["kinds"]


def test_the_messages_of_the_page_are_those_of_the_errors(fables: Path) -> None:
    names: dict[str, Any] = {"SamplingSettings": SamplingSettings, "generator": textgen.load()}
    shown = re.findall(r">>> (.*)\nTraceback.*\n    \.\.\.\ntextgen\.errors\.(\w+): (.*)\n", PAGE)
    assert len(shown) == 2
    for code, kind, message in shown:
        with pytest.raises(textgen.TextgenError) as caught:
            exec(code, names)
        assert type(caught.value).__name__ == kind
        assert str(caught.value).startswith(message.removesuffix("..."))


@pytest.mark.slow
def test_the_program_writes_an_acrostic(fables: Path) -> None:
    Path("acrostic.py").write_text(PROGRAM, encoding="utf-8")

    def run(word: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "acrostic.py", word]
        return subprocess.run(command, capture_output=True, text=True, timeout=600)

    lines = run("fox").stdout.splitlines()
    assert [line[:1] for line in lines] == ["f", "o", "x"]
    failed = run("FOX")
    assert failed.returncode == 1
    assert failed.stderr == (
        "acrostic: starts must be a text without 'F', which the model does not know, got 'F'\n"
    )


def test_the_table_of_settings_has_them_all_with_their_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \| .+ \|$", PAGE, re.MULTILINE)
    fields = dataclasses.fields(SamplingSettings)
    assert [(name, ast.literal_eval(value)) for name, value in rows] == [
        (field.name, field.default) for field in fields
    ]


def test_a_run_is_loaded_by_name_by_path_and_as_the_newest(fables: Path) -> None:
    texts = {textgen.load(run).generate(50).text for run in (None, "fables", fables, str(fables))}
    assert len(texts) == 1
    assert {textgen.load(seed=1).generate(50).text} != texts
    with pytest.raises(RunNotFoundError) as caught:
        textgen.load("fox")
    assert caught.value.available == ("fables",)


def test_the_engine_is_the_one_asked_for(fables: Path) -> None:
    assert isinstance(textgen.load().engine, NumpyEngine)
    assert isinstance(textgen.load(engine="jax").engine, JaxEngine)
    with pytest.raises(SettingError, match="engine must be numpy or jax, got 'cuda'"):
        textgen.load(engine="cuda")  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 1.5])
def test_a_seed_out_of_range_is_refused(seed: Any, fables: Path) -> None:
    with pytest.raises(SettingError, match="seed must be a whole number"):
        textgen.load(seed=seed)


def test_numbers_of_numpy_are_numbers(fables: Path) -> None:
    whole, real = np.int64(5), np.float32(0.5)
    settings = SamplingSettings(top_k=whole, temperature=real, top_p=np.float64(0.9))
    assert settings == SamplingSettings(top_k=5, temperature=0.5, top_p=0.9)
    assert json.loads(json.dumps(settings.to_json())) == {
        **settings.to_json(), "words": [], "starts": [], "stop": []
    }  # fmt: skip
    texts = [
        textgen.load(seed=seed).fork(sample).generate(length, settings).text
        for seed, sample, length in ((7, 3, 5), (np.uint8(7), np.int32(3), np.array(5)))
    ]
    assert texts[0] == texts[1]
    for wrong in (np.bool_(True), np.float64(5), np.array([5])):
        with pytest.raises(SettingError, match="top_k must be a whole number"):
            SamplingSettings(top_k=wrong)


def test_arguments_of_a_wrong_kind_are_refused_at_once(fables: Path) -> None:
    generator = textgen.load()
    with pytest.raises(SettingError, match=r"settings must be SamplingSettings, got \{"):
        generator.generate(5, {"temperature": 1})  # type: ignore[arg-type]
    with pytest.raises(
        SettingError, match=r"sample must be a whole number in \[0, 2\*\*63\), got -1"
    ):
        generator.fork(-1)
    kept = generator.settle()
    for wrong in (None, "state", kept.recurrent, dataclasses.replace(kept, recurrent=())):
        with pytest.raises(SettingError, match="state must be a state of a generator"):
            generator.state = wrong  # type: ignore[assignment]
    generator.state = kept
    assert generator.state is kept


def test_a_damaged_run_is_not_loaded(fables: Path) -> None:
    for tensors in fables.glob("checkpoints/*/model.safetensors"):
        tensors.write_bytes(tensors.read_bytes()[:-1] + b"\x55")
    with pytest.raises(DamagedError):
        textgen.load()


@pytest.mark.parametrize("name", textgen.__all__)
def test_the_package_has_all_that_it_offers(name: str) -> None:
    assert getattr(textgen, name) is not None


def test_the_package_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="module 'textgen' has no attribute 'Loader'"):
        textgen.Loader  # noqa: B018
