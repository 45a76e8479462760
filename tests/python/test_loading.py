from pathlib import Path

import pytest

from textgen.errors import SettingError
from textgen.python.loading import load_generator


def test_seed_and_engine_are_checked_before_the_run_is_looked_for(own_folder: Path) -> None:
    with pytest.raises(SettingError, match="seed must be a whole number"):
        load_generator("none", seed=-1)
    with pytest.raises(SettingError, match="engine must be numpy or jax, got 'gpu'"):
        load_generator("none", engine="gpu")  # type: ignore[arg-type]


def test_labels_are_those_that_the_generator_writes_with(labelled_run: Path) -> None:
    generator = load_generator("kinds", labels={"kind": "low"}, seed=2)
    assert set(generator.generate(3).text) <= set("abcd.!\n")


def test_runs_are_mixed_by_name_or_with_their_weights(tiny_run: Path, labelled_run: Path) -> None:
    texts = [
        load_generator(name, mix=mix, seed=2).generate(40).text
        for name, mix in (
            ("fox:0.6+kinds:0.4", None),
            ("fox", {"kinds": 0.4}),
            (str(tiny_run), {labelled_run: 0.4}),
        )
    ]
    assert texts[0] == texts[1] == texts[2]
    assert texts[0] != load_generator("fox", seed=2).generate(40).text
    for weight in (0, 1.5, "x"):
        with pytest.raises(SettingError, match="mix must be"):
            load_generator("fox", mix={"kinds": weight})  # type: ignore[dict-item]
