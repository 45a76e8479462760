from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from textgen.errors import CorpusError, SettingError, TextgenError, UsageError
from textgen.python.options import option_names, order_of
from textgen.settings import ModelSettings, TrainingSettings, setting_options
from textgen.terminal.cli import app

COMMAND = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]


def test_the_options_are_those_of_the_command() -> None:
    options = {
        max(one.opts, key=len).removeprefix("--").replace("-", "_"): one.name
        for one in COMMAND.params
        if one.param_type_name == "option"
    }
    # What only a command has: what it shows, and whether it trains at all.
    alone = {"progress", "json", "quiet", "config", "no_config", "dry_run"}
    alone |= {"hosts", "hosts_timeout", "corpus"}
    assert alone <= options.keys()
    expected = {name: key for name, key in options.items() if name not in alone}
    # `from` is no name in Python, and the longest name of --resume is an older one.
    expected["from_run"] = expected.pop("from")
    assert option_names() == expected
    settings = {**setting_options(ModelSettings), **setting_options(TrainingSettings)}
    assert {one.option.replace("-", "_") for one in settings.values()} < option_names().keys()


def test_values_arrive_where_the_command_puts_them() -> None:
    order = order_of(
        ["a.txt", Path("b")],
        {
            "steps": np.int64(7),
            "dropout": 0.25,
            "hidden_size": 32,
            "validation": 0.2,
            "label": "author",
            "seed": 3,
            "log_to": print,
            "keep": 5,
            "minutes": None,
            "run": Path("runs/x"),
        },
    )
    assert order.sources == (Path("a.txt"), Path("b"))
    assert (order.request.steps, order.request.minutes) == (7, None)
    assert order.request.asked == {"dropout_rate": 0.25, "hidden_size": 32, "seed": 3}
    assert (order.rules.validation, order.rules.seed) == (0.2, 3)
    assert order.rules.source.labels == ("author",)
    assert (order.log_to, order.keep, order.run) == ((print,), 5, "runs/x")


@pytest.mark.parametrize(
    ("given", "near"),
    [("minuts", "minutes"), ("dropout_rate", "dropout"), ("hiden_size", "hidden_size")],
)
def test_a_wrong_name_is_an_error_that_names_the_nearest(given: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        order_of([], {given: 1})
    assert str(caught.value) == f"textgen.train has no option {given!r}; did you mean {near}?"


def test_a_name_that_is_near_none_is_an_error_too() -> None:
    with pytest.raises(UsageError, match="no option 'colour'; the options are those of textgen"):
        order_of([], {"colour": 1})


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"minutes": -1}, r"minutes must be a number in \(0, 525600\], got -1"),
        ({"minutes": 1, "steps": 2}, "give --minutes or --steps, not both"),
        ({"steps": "ten"}, "steps must be a whole number"),
        ({"validation": 0.7}, r"validation must be a number in \(0, 0.5\], got 0.7"),
        ({"documents": True}, "documents must be one of whole, "),
        ({"cell": "lstn"}, "cell must be"),
        ({"label": [3]}, "label must be names"),
        ({"run": 5}, "run must be a name or a path, got 5"),
        ({"run": b"x"}, "run must be a name or a path"),
        ({"resume": ""}, "the name of a run is empty"),
        ({"resume": "r", "from_run": "s"}, "give --from or --resume, not both"),
        ({"resume": "r", "hidden_size": 8}, "--hidden-size cannot be given with --resume"),
        ({"log_to": ["tensorboard", 3]}, "log_to must be tensorboard, trackio, wandb or MODULE"),
        ({"keep": 0}, "keep must be a whole number of at least 1"),
    ],
)
def test_a_wrong_value_is_an_error(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(TextgenError, match=problem):
        order_of([], options)


def test_a_wrong_source_is_an_error() -> None:
    for wrong in (["a.txt"], 3, None):
        with pytest.raises(SettingError, match="sources must be a name or a path"):
            order_of([wrong], {})
    with pytest.raises(UsageError, match="the name of a file or folder is empty"):
        order_of([""], {})
    assert issubclass(CorpusError, TextgenError)
