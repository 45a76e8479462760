"""The plugin for `llm`: in one process with it, and from its command line."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import llm
import pytest
from pydantic import ValidationError

import textgen
from tests.runs.test_changes import make_run
from textgen.llm_plugin import RunModel, register_models
from textgen.settings import SamplingSettings, setting_options

ROOT = Path(__file__).parents[1]
# Runs the command line of llm with the plugin, whether its entry point was installed or not.
COMMAND = (
    "import llm.cli, llm.plugins, textgen.llm_plugin as plugin\n"
    "llm.plugins.load_plugins()\n"
    "if not llm.plugins.pm.is_registered(plugin):\n"
    "    llm.plugins.pm.register(plugin)\n"
    "llm.cli.cli()\n"
)


@pytest.fixture
def fox(tiny_run: Path) -> RunModel:
    return RunModel("fox")


def run_llm(
    arguments: Sequence[str], folder: Path, given: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env=os.environ | {"LLM_USER_PATH": str(folder / "llm"), "LLM_MODEL": "textgen/fox"},
        input=given,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_the_command_line_of_llm_lists_writes_goes_on_and_logs(
    tiny_run: Path, tmp_path: Path
) -> None:
    make_run(Path("checkpoints/damaged"))
    (tmp_path / "llm").mkdir()
    shown = run_llm(["models", "list"], tmp_path)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert {"textgen: textgen/fox", "textgen: textgen/damaged"} < {*shown.stdout.splitlines()}

    options = ["-o", "length", "30", "-o", "seed", "7"]
    first = run_llm(["-m", "textgen/fox", "the quick", *options], tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    generator = textgen.load("fox", seed=7)
    generator.feed("the quick")
    assert first.stdout.removesuffix("\n") == generator.generate(30).text.removesuffix("\n")

    second = run_llm(["-c", " dog", "-o", "length", "10"], tmp_path)
    assert (second.returncode, second.stderr) == (0, "")
    logged = json.loads(run_llm(["logs", "--json"], tmp_path).stdout)
    assert [one["response_json"]["sample"] for one in logged] == [0, 1]
    assert logged[0]["response_json"]["seed"] == 7
    assert (logged[0]["input_tokens"], logged[0]["output_tokens"]) == (9, 30)
    assert logged[1]["input_tokens"] == 9 + 30 + 4

    seed = logged[1]["response_json"]["seed"]
    text = "the quick" + logged[0]["response"] + " dog"
    again = RunModel("fox").conversation()
    generator = textgen.load("fox", seed=seed)
    generator.feed(text)
    assert generator.fork(1).generate(10).text == logged[1]["response"]
    assert again.model.model_id == "textgen/fox"

    for arguments, message in (
        (["-m", "textgen/damaged", "a"], "Error: the run 'checkpoints/damaged' has no checkpoint"),
        (["-o", "top_p", "7", "a"], "top_p must be a number in (0, 1], got 7"),
        (["-s", "be kind", "a"], "follows no instructions"),
    ):
        failed = run_llm(arguments, tmp_path)
        assert failed.returncode == 1
        assert message in failed.stderr
        assert "Traceback" not in failed.stderr


def test_a_conversation_goes_on_from_the_state_as_if_it_were_read_again(fox: RunModel) -> None:
    kept = fox.conversation()
    answers = []
    for number, given in enumerate(("the quick", " dog", "")):
        response = kept.prompt(given, length=20, seed=3)
        answers.append(response.text())
        details = response.usage().details
        before = "the quick" + "".join(answers[:1]) + " dog" * (number > 1) + "".join(answers[1:2])
        assert details == (None if number == 0 else {"kept": len(before) if number > 1 else 29})
    assert len({*answers}) == 3

    again = RunModel("fox").conversation()
    for number, given in enumerate(("the quick", " dog", "")):
        again.responses = list(kept.responses[:number])
        assert again.prompt(given, length=20, seed=3).text() == answers[number]


def test_a_conversation_that_was_changed_is_read_again(fox: RunModel) -> None:
    one, other = fox.conversation(), fox.conversation()
    one.prompt("the quick", length=20, seed=3).text()
    other.prompt("the lazy", length=20, seed=3).text()
    one.responses = other.responses
    response = one.prompt(" dog", length=5, seed=1)
    response.text()
    assert response.usage().details is None
    assert response.usage().input == len("the lazy") + 20 + len(" dog")


def test_an_answer_that_was_cut_leaves_the_conversation_as_it_was(fox: RunModel) -> None:
    conversation = fox.conversation()
    conversation.prompt("the quick", length=20, seed=3).text()
    pieces = iter(conversation.prompt(" dog", length=2000, seed=3))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    response = conversation.prompt(" dog", length=5, seed=3)
    whole = RunModel("fox").conversation()
    whole.responses = conversation.responses[:1]
    assert response.text() == whole.prompt(" dog", length=5, seed=3).text()


def test_the_text_comes_in_pieces(fox: RunModel) -> None:
    assert len([*fox.prompt("the", length=200, seed=1)]) > 1
    assert fox.can_stream


def test_a_prompt_without_a_seed_is_written_again_with_the_seed_that_is_told(fox: RunModel) -> None:
    first = fox.prompt("the", length=40)
    text, told = first.text(), first.response_json
    assert told is not None
    assert fox.prompt("the", length=40, seed=told["seed"]).text() == text
    assert (
        fox.prompt("the", length=40).text() != text or fox.prompt("the", length=40).text() != text
    )
    assert told["run"] == "fox"
    assert told["finish"] == "length"
    assert json.loads(json.dumps(told)) == told | {
        "settings": {**told["settings"], "words": [], "starts": [], "stop": []}
    }


def test_the_options_are_those_of_the_settings() -> None:
    fields: dict[str, Any] = RunModel.Options.model_fields
    settings = setting_options(SamplingSettings)
    assert {*fields} == {*settings, "length", "seed", "label", "on_unknown"}
    for name, one in settings.items():
        assert fields[name].description.startswith(one.help_text)


def test_options_mean_what_they_mean_to_the_command(fox: RunModel, tmp_path: Path) -> None:
    assert fox.prompt("the", length=300, seed=1, stop='["fox", "dog"]').text().find("fox") == -1
    assert fox.prompt("the", length=300, seed=1, lines=2).text().count("\n") <= 2
    (tmp_path / "words.txt").write_text("fox dog")
    words = fox.prompt("", length=30, seed=1, words=str(tmp_path / "words.txt")).text()
    assert {*re.findall(r"\w+", words)[:-1]} <= {"fox", "dog"}
    assert fox.prompt("", length=20, seed=1, starts="t,d").text().startswith("t")
    assert {*fox.prompt("", length=20, seed=1, only="ab").text()} <= {*"ab"}
    assert fox.prompt("the", length=9, temperature="0.2..0.9", seed=0).text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_p": 5}, r"top_p must be a number in \(0, 1\], got 5"),
        ({"top_k": "many"}, "valid integer"),
        ({"lenght": 5}, "Extra inputs are not permitted"),
        ({"length": -1}, r"length must be a whole number in \[0, 1000000000\], got -1"),
        ({"seed": -1}, r"seed must be a whole number in \[0, 2\*\*63\), got -1"),
        ({"temperature": "hot"}, "temperature must be a number"),
        ({"on_unknown": "guess"}, "'error', 'nearest', 'skip' or 'replace'"),
        ({"words": "none.txt"}, "there is no such file"),
    ],
)
def test_a_wrong_option_is_told(fox: RunModel, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        fox.prompt("the", **options)


def test_what_a_run_cannot_do_is_told(fox: RunModel, two_way_run: Path) -> None:
    for model, prompt, more, message in (
        (fox, "\u4e2d", {"on_unknown": "error"}, "does not know the character"),
        (fox, "a", {"label": "kind=x"}, "trained without labels"),
        (RunModel("none"), "a", {}, "no run named 'none'"),
        (RunModel("two-ways"), "a", {}, "both directions"),
    ):
        with pytest.raises(llm.ModelError, match=message):
            model.prompt(prompt, **more).text()


def test_labels_decide_what_is_written(labelled_run: Path) -> None:
    kinds = RunModel("kinds")
    low = kinds.prompt("", label="kind=low", length=30, seed=1).text()
    high = kinds.prompt("", label='["kind=high", "language=two"]', length=30, seed=1).text()
    assert {*low} & {*"abcd"}
    assert {*high} & {*"wxyz"}
    assert not {*high} & {*"abcd"}


def test_a_run_that_vanished_does_not_disturb_the_others(tiny_run: Path) -> None:
    shutil.copytree(tiny_run, tiny_run.with_name("other"))
    make_run(Path("checkpoints/damaged"))
    Path("checkpoints/nowhere").symlink_to("nothing")
    found: list[RunModel] = []
    register_models(found.append)
    assert {one.model_id for one in found} == {f"textgen/{n}" for n in ("fox", "other", "damaged")}
    shutil.rmtree(tiny_run)
    with pytest.raises(llm.ModelError, match="no run named 'fox'"):
        next(one for one in found if one.model_id == "textgen/fox").prompt("a").text()


def test_the_distribution_names_the_plugin() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["llm"] == {"textgen": "textgen.llm_plugin"}
