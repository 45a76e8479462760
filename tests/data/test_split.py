import random
from pathlib import Path

import numpy as np
import pytest

from textgen.data.gather import Gathered, gather
from textgen.data.source_rules import SourceRules
from textgen.data.split import Split, choose_split, is_list


def gathered(tmp_path: Path, *texts: str, name: str = "{}.txt") -> Gathered:
    paths = [tmp_path / name.format(number) for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return gather(paths, SourceRules(), tmp_path / "ids")


def parts(found: Gathered, split: Split) -> tuple[list[str], list[str]]:
    """Return the stretches of the training and the validation part."""
    text = "".join(found.characters[number] for number in found.ids().tolist())
    spans = split.training(len(found)), split.validation
    training, validation = ([text[begin:end] for begin, end in part.tolist()] for part in spans)
    assert sum(map(len, training + validation)) == len(text)
    return training, validation


def poem(number: int) -> str:
    return f"poem {number} begins\nand goes on\nuntil the end.\n"


def test_whole_files_are_held_out_of_many(tmp_path: Path) -> None:
    poems = [poem(number) for number in range(50)]
    found = gathered(tmp_path, *poems)
    split = choose_split(found, 0.1, seed=0)
    training, validation = parts(found, split)
    held = "".join(validation).split("poem ")[1:]
    assert 4 <= len(held) <= 6
    assert split.reason == f"validation: {len(held)} of 50 files, whole and drawn by the seed"
    assert all(text.rstrip("\n").endswith("until the end.") for text in held)
    kept = "".join(training)
    assert not any(f"poem {text.split()[0]} begins" in kept for text in held)
    assert not np.array_equal(split.validation, choose_split(found, 0.1, seed=1).validation)


def test_equal_files_are_never_on_both_sides(tmp_path: Path) -> None:
    found = gathered(tmp_path, *[poem(number % 10) for number in range(100)])
    training, validation = parts(found, choose_split(found, 0.1, seed=3))
    lines = [set("".join(part).split("\n")) for part in (training, validation)]
    numbered = [{line for line in part if line.startswith("poem")} for part in lines]
    assert not numbered[0] & numbered[1]
    assert len(numbered[1]) == 1


def test_whole_records_are_held_out(tmp_path: Path) -> None:
    rows = "".join(f'{number},"tweet {number}\nand more"\n' for number in range(40))
    found = gathered(tmp_path, "id,tweet\n" + rows, name="{}.csv")
    split = choose_split(found, 0.1, seed=0)
    _, validation = parts(found, split)
    assert split.kind == "records"
    assert all(text.startswith("tweet") and text.endswith("and more\n") for text in validation)


@pytest.mark.parametrize("is_sorted", [True, False])
def test_blocks_of_lines_are_held_out_of_a_list(tmp_path: Path, is_sorted: bool) -> None:
    words = [f"{first}{second}{third}o" for first in "abcdefghijk" for second in "aeiou"
             for third in "bcdfgklmnp"]  # fmt: skip
    if not is_sorted:
        random.Random(0).shuffle(words)
    found = gathered(tmp_path, "\n".join(words) + "\n")
    split = choose_split(found, 0.1, seed=0)
    training, validation = parts(found, split)
    assert split.kind == "blocks"
    assert sorted("".join(training + validation).split()) == sorted(words)
    held = "".join(validation).split()
    assert set(held) <= set(words)
    assert 0.07 < len(held) / len(words) < 0.13
    assert len(split.validation) >= 4
    if is_sorted:
        assert {"a", "k"} <= {word[0] for word in "".join(training).split()}


@pytest.mark.parametrize(
    "text",
    [
        "A paragraph of prose.\n\nAnother paragraph, which is longer.\n" * 100,
        "def f(x):\n    return x\n\n" * 100,
        "one line without an end " * 500,
    ],
)
def test_the_end_of_any_other_text_is_held_out(tmp_path: Path, text: str) -> None:
    found = gathered(tmp_path, text)
    assert not is_list(found)
    split = choose_split(found, 0.1, seed=0)
    assert split.validation.tolist() == [[len(text) * 9 // 10, len(text)]]
    assert split.reason == "validation: the end of the text, 10% of it"


def test_prose_that_is_filled_to_one_width_is_no_list(tmp_path: Path) -> None:
    source = random.Random(0)
    words = ["harbour", "the", "lantern", "of", "waits", "quiet", "by", "a", "candle"]
    lines, line = [], ""
    while len(lines) < 400:
        word = source.choice(words)
        if len(line) + len(word) > 70:
            lines.append(line.strip())
            line = ""
        line += word + " "
    assert not is_list(gathered(tmp_path, "\n".join(lines)))


def test_the_end_of_each_of_a_few_files_is_held_out_at_a_line(tmp_path: Path) -> None:
    found = gathered(tmp_path, *["".join(f"{name} line {n}\n" for n in range(99)) for name in "ab"])
    training, validation = parts(found, choose_split(found, 0.1, seed=0))
    assert [text[:7] for text in validation] == ["a line ", "b line "]
    assert all(text.startswith(("a line", "b line")) for text in training)


def test_another_share_is_held_out_if_it_is_asked_for(tmp_path: Path) -> None:
    text = "A paragraph.\n\nAnother one.\n" * 100
    split = choose_split(gathered(tmp_path, text), 0.25, seed=0)
    assert split.validation.tolist() == [[len(text) * 3 // 4, len(text)]]
