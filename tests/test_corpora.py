"""The shipped texts are what corpora/README.md says of them."""

import lzma
import re
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

CORPORA = Path(__file__).parents[1] / "corpora"


def read(name: str) -> str:
    return (CORPORA / name).read_text(encoding="utf-8")


def test_the_fables_are_long_varied_and_plain() -> None:
    text = read("fables.txt")
    assert len(text) >= 150_000
    assert set(text) <= {"\n", *map(chr, range(0x20, 0x7F))}
    lines = Counter(line for line in text.splitlines() if line)
    assert sum(count for count in lines.values() if count > 1) < 0.01 * lines.total()
    packed = lzma.compress(text.encode(), preset=9)
    assert len(packed) > 0.30 * len(text)


def test_the_names_are_many_and_distinct() -> None:
    names = read("names.txt").splitlines()
    assert len(names) >= 3000
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Z][A-Za-z'-]+", name) for name in names)


def test_the_generated_texts_are_what_the_script_writes(tmp_path: Path) -> None:
    for name in ("generate.py", "fables.txt"):
        (tmp_path / name).write_bytes((CORPORA / name).read_bytes())
    subprocess.run([sys.executable, str(tmp_path / "generate.py")], check=True)
    for name in ("narration.txt", "numerals.txt", "sequences.txt", "speech.txt"):
        assert (tmp_path / name).read_bytes() == (CORPORA / name).read_bytes()


def test_sequences_are_arithmetic() -> None:
    lines = read("sequences.txt").splitlines()
    for line in lines:
        terms = list(map(int, line.split()))
        assert len(terms) == 5
        assert len({b - a for a, b in pairwise(terms)}) == 1
    assert len(set(lines)) == len(lines) == 12_000


def test_numerals_are_spelled_as_in_english() -> None:
    lines = dict(line.split(" = ") for line in read("numerals.txt").splitlines())
    assert len(lines) == 4000
    assert lines["417"] == "four hundred and seventeen"
    assert lines["0"] == "zero"
    assert lines["90"] == "ninety"
    assert lines["700"] == "seven hundred"
    assert lines["9055"] == "nine thousand and fifty-five"
    assert len(set(lines.values())) == 4000


def test_speech_and_narration_are_sentences_of_the_fables_and_of_one_kind() -> None:
    fables = " ".join(read("fables.txt").split())
    quoted = " ".join(re.findall(r'"[^"]*"', fables))
    spoken, told = read("speech.txt").splitlines(), read("narration.txt").splitlines()
    assert spoken[:2] == [
        "You are late, I have been standing here since the bell, waiting to see my feet.",
        "I'm not late.",
    ]
    assert sum(line in quoted for line in spoken) > 0.7 * len(spoken)  # what no tag interrupts
    assert all(line in fables for line in told)
    assert not any(line in quoted for line in told if len(line) > 25)  # "He did." may be both
    assert not any('"' in line for line in [*spoken, *told])
    assert len(spoken) > 1000
    assert len(told) > 1500


def test_the_table_of_origins_counts_right() -> None:
    table = dict(re.findall(r"^\| `(\w+\.txt)` \| ([\d,]+) \|", read("README.md"), re.MULTILINE))
    assert set(table) == {path.name for path in CORPORA.glob("*.txt")}
    for name, characters in table.items():
        assert int(characters.replace(",", "")) == len(read(name))
