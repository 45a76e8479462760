"""The shipped texts are what corpora/README.md says of them."""

import lzma
import re
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from types import ModuleType

import pytest

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


@pytest.fixture
def composer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(CORPORA))
    import make_tunes

    return make_tunes


def test_the_first_tunes_are_what_the_script_composes(composer: ModuleType) -> None:
    shipped = read("tunes.abc").split("\n\n")
    composed = [tune.strip() for tune in islice(composer.tunes(), 20)]
    assert composed == shipped[:20]


@pytest.mark.slow
def test_all_tunes_are_what_the_script_composes(composer: ModuleType) -> None:
    assert "\n".join(composer.tunes()) == read("tunes.abc")


@pytest.mark.slow
def test_every_tune_parses_adds_up_and_is_in_its_key() -> None:
    from abc_notation import bars_add_up, is_in_key, parse_tune, repeats_match

    tunes = read("tunes.abc").strip().split("\n\n")
    for tune in map(parse_tune, tunes[::12]):
        meter = Fraction(tune.fields["M"])
        assert bars_add_up(tune, meter), tune.fields
        assert is_in_key(tune, tune.key), tune.fields
        assert repeats_match(tune), tune.fields
        has_pickup = sum(note.length for note in tune.bars[0]) < meter
        assert len(tune.bars) == 16 + has_pickup
    kinds = Counter(re.search("M:(.*)\nL:1/8\nK:(.*)\n", tune).groups() for tune in tunes)  # type: ignore[union-attr]
    assert len(kinds) == 5 * 14
    assert {*kinds.values()} == {34}
    assert len({tune.split("\n")[1] for tune in tunes}) == len(tunes) == 2380
    assert len({tune.partition("\nK:")[2] for tune in tunes}) == len(tunes)


def test_foreign_notes_are_few_and_are_raised_sevenths_that_lead_to_the_tonic() -> None:
    tunes = read("tunes.abc").strip().split("\n\n")
    sharp = [tune for tune in tunes if "^" in tune.partition("K:")[2]]
    assert {re.search("K:(.*)", tune)[1] for tune in sharp} == {"Am", "Bm", "Dm", "Em"}  # type: ignore[index]
    for tune in sharp:
        tonic = re.search("K:(.)", tune)[1]  # type: ignore[index]
        for seventh, after in re.findall(r"\^([A-Ga-g])[^A-Ga-g^=]*(?:=)?([A-Ga-g])", tune):
            assert after.upper() == tonic
            assert "ABCDEFG".index(tonic) == ("ABCDEFG".index(seventh.upper()) + 1) % 7
    notes = len(re.findall("[A-Ga-g]", "".join(tune.partition("K:")[2] for tune in tunes)))
    assert 0 < sum(tune.count("^") for tune in tunes) < 0.02 * notes


def test_phrases_answer_each_other(composer: ModuleType) -> None:
    tunes = read("tunes.abc").strip().split("\n\n")
    for tune in tunes:
        a, answer, b, last = (line.strip("|:]").split("|") for line in tune.split("\n")[5:])
        a, answer, b, last = a[-4:], answer[:4], b[:4], last[:4]
        assert a[0] == answer[0]  # A' begins as A does, and ends differently
        assert a != answer
        assert b[0] != a[0]
        assert sum(one == other for one, other in zip(answer, last, strict=True)) >= 1


def test_records_of_tunes_have_their_meter_and_key(composer: ModuleType) -> None:
    first = read("tunes.abc").split("\n\n")[0]
    assert composer.labelled(first) == {"text": first, "meter": "9/8", "key": "Dmix"}


def test_the_table_of_origins_counts_right() -> None:
    table = dict(re.findall(r"^\| `([\w.]+)` \| ([\d,]+) \|", read("README.md"), re.MULTILINE))
    assert set(table) == {p.name for p in CORPORA.iterdir() if p.suffix in (".txt", ".abc")}
    for name, characters in table.items():
        assert int(characters.replace(",", "")) == len(read(name))
