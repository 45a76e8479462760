"""The reader of ABC notation that measures tunes, on cases worked by hand."""

from fractions import Fraction
from types import ModuleType

import pytest


@pytest.fixture
def abc() -> ModuleType:
    import abc_notation

    return abc_notation


def tune(music: str, meter: str = "4/4", key: str = "C", unit: str = "1/8") -> str:
    return f"X:1\nT:A tune\nM:{meter}\nL:{unit}\nK:{key}\n{music}"


def pitches(abc: ModuleType, music: str, key: str = "C") -> list[int]:
    return [pitch for pitch, _ in abc.parse_tune(tune(music, key=key)).notes()]


def lengths(abc: ModuleType, music: str) -> list[str]:
    bars = abc.parse_tune(tune(music, unit="1/4")).bars
    return [str(note.length * 4) for bar in bars for note in bar]  # in quarter notes


@pytest.mark.parametrize(
    ("key", "tonic", "signature"),
    [
        ("C", 0, ""),
        ("G", 7, "F#"),
        ("A", 9, "F# C# G#"),
        ("F", 5, "Bb"),
        ("Bb", 10, "Bb Eb"),
        ("Cb", 11, "Bb Eb Ab Db Gb Cb Fb"),
        ("F#m", 6, "F# C# G#"),
        ("Bm", 11, "F# C#"),
        ("Dmin", 2, "Bb"),
        ("Edor", 4, "F# C#"),
        ("D mix", 2, "F#"),
        ("Flyd", 5, ""),
        ("Ephr", 4, ""),
        ("Bloc", 11, ""),
    ],
)
def test_a_key_has_the_signature_of_its_mode(
    abc: ModuleType, key: str, tonic: int, signature: str
) -> None:
    natural = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
    changes = {name[0]: {"#": 1, "b": -1}[name[1]] for name in signature.split()}
    expected = [pitch + changes.get(letter, 0) for letter, pitch in natural.items()]
    assert pitches(abc, "CDEF GAB2|]", key=key) == expected
    assert abc.parse_key(key).tonic == tonic
    assert abc.parse_key(key).scale() == {pitch % 12 for pitch in expected}


def test_octaves_are_commas_case_and_apostrophes(abc: ModuleType) -> None:
    assert pitches(abc, "C,, C, C c c' c''|]") == [-24, -12, 0, 12, 24, 36]


def test_an_accidental_holds_to_the_end_of_its_bar_in_all_octaves(abc: ModuleType) -> None:
    assert pitches(abc, "F ^F F f =F F|F|]", key="G") == [6, 6, 6, 18, 5, 5, 6]
    assert pitches(abc, "_B B ^^C C __D D|]") == [10, 10, 2, 2, 0, 0]


def test_lengths_are_multiples_and_parts_of_the_unit(abc: ModuleType) -> None:
    expected = ["1", "2", "1/2", "1/4", "1/4", "3/2", "2", "1/2"]
    assert lengths(abc, "A A2 A/ A// A/4 A3/2 z2 z/|]") == expected


def test_broken_rhythm_and_triplets_change_the_lengths_of_notes(abc: ModuleType) -> None:
    assert lengths(abc, "A>B c<d e2>f2|]") == ["3/2", "1/2", "1/2", "3/2", "3", "1"]
    assert lengths(abc, "(3ABc d (3d2e2f2|]") == ["2/3"] * 3 + ["1"] + ["4/3"] * 3


@pytest.mark.parametrize(
    "music",
    [
        "ABcd",  # no bar line at the end
        "",
        "|]",
        "A B| |c|",
        "A>|B|",
        ">A|",
        "(3AB|c|",
        "A0|",
        "A/0|",
        "A//2|",
        "^z|",
        "z,|",
        "A,'|",
        "H|",
        "A-A|",
        "[CEG]|",
        "^|",
        "X:2|",
    ],
)
def test_what_is_no_tune_is_an_error(abc: ModuleType, music: str) -> None:
    with pytest.raises(abc.AbcError):
        abc.parse_tune(tune(music))


@pytest.mark.parametrize(
    ("field", "other"),
    [
        *(("X:1\n", ""), ("T:A tune", "T:"), ("M:4/4\n", ""), ("M:4/4", "M:4/5")),
        *(("M:4/4", "M:4"), ("L:1/8\n", ""), ("L:1/8", "L:0/8"), ("K:C\n", "")),
        *(("K:C", "K:H"), ("K:C", "K:Cq")),
    ],
)
def test_a_header_without_a_field_that_is_understood_is_an_error(
    abc: ModuleType, field: str, other: str
) -> None:
    whole = tune("C8|]")
    assert len(abc.parse_tune(whole).bars) == 1
    with pytest.raises(abc.AbcError):
        abc.parse_tune(whole.replace(field, other))


def test_repeats_end_and_begin_bars(abc: ModuleType) -> None:
    for music in ("|:A8:|\n|:B8:|", "|:A8::B8:|", "A8:|B8|]", "A8||B8|]", "A8|\nB8|"):
        assert len(abc.parse_tune(tune(music)).bars) == 2, music


@pytest.mark.parametrize("music", ["A|]", "|:A:|B|]", "|:A:|\n|:B:|", "A::B:|", "A|B:|", "A:|B|]"])
def test_repeats_that_begin_and_end_match(abc: ModuleType, music: str) -> None:
    assert abc.repeats_match(abc.parse_tune(tune(music)))


@pytest.mark.parametrize(
    "music", ["|:A|]", "|:A|:B:|", "A:|B:|", "|:A::B|]", "|:A:|B:|", "|:A:||:B|"]
)
def test_repeats_that_do_not_end_or_begin_do_not_match(abc: ModuleType, music: str) -> None:
    assert not abc.repeats_match(abc.parse_tune(tune(music.replace(":||:", ":|\n|:"))))


@pytest.mark.parametrize(
    ("music", "is_right"),
    [
        ("A2B cde|f3 g3|]", True),
        ("A2B cde|f3 g2|]", False),
        ("A2B cde|f3 g4|]", False),
        ("A2B cd|f3 g3|f3 g3|]", False),
        ("A|A2B cde|f3 g2|]", True),  # the last bar lacks the pickup
        ("A|A2B cde|f3 g3|]", False),
        ("AA|A2B cde|f3 g|]", True),
        ("A2B cde|f3 g|A2B cde|]", False),
        ("A2B cde|]", True),
        ("A2B cd|]", False),
        ("A6A6|A6|]", False),
    ],
)
def test_bars_add_up_but_for_a_pickup_and_what_the_last_bar_lacks(
    abc: ModuleType, music: str, is_right: bool
) -> None:
    read = abc.parse_tune(tune(music, meter="6/8"))
    assert abc.bars_add_up(read, Fraction(6, 8)) == is_right
    assert not abc.bars_add_up(read, Fraction(4, 4))


def test_a_tune_is_in_the_one_key_that_its_notes_and_its_last_note_tell(abc: ModuleType) -> None:
    def keys(music: str, key: str = "C") -> list[str]:
        read = abc.parse_tune(tune(music, key=key))
        names = [tonic + mode for tonic in "CDEFGAB" for mode in ("", "m", "dor", "mix")]
        return [name for name in names if abc.is_in_key(read, abc.parse_key(name))]

    assert keys("CDEF GABc|c8|]") == ["C"]
    assert keys("CDEF GABc|A8|]") == ["Am"]
    assert keys("CDEF GABc|d8|]") == ["Ddor"]
    assert keys("CDEF GABc|g8|]") == ["Gmix"]
    assert keys("CDEF GABc|c8|]", key="Cm") == ["Cm"]  # as they sound, not as they are written
    assert keys("CDEF G2A2|c8|]") == []  # without the seventh, C major or C mixolydian
    assert keys("A2Bc defg|^ga a2 f4|A8|]") == ["Am"]
    assert keys("z8|]") == []
    read = abc.parse_tune(tune("A2Bc defg|^g2a2 a4|]"))
    assert abc.fit(read, abc.parse_key("Am")) == Fraction(14, 16)
