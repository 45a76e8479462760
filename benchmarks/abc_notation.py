"""Read tunes in ABC notation, sum their bars and tell their keys.

This is the part of the standard that corpora/tunes.abc uses: a header, notes with accidentals and
octaves, lengths, rests, broken rhythm, triplets, bar lines and repeats. Everything else is an
error, so that a tune that is read has been understood.

References:
    The ABC music standard 2.1, https://abcnotation.com/wiki/abc:standard:v2.1
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}  # semitones above C
ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
# Sharps in the signature of each mode, compared with the major key of the same tonic.
MODES = {"": 0, "maj": 0, "m": -3, "min": -3, "dor": -2, "mix": -1, "lyd": 1, "phr": -4, "loc": -5}
# The modes that a melody is compared with to tell its key.
COMPARED = ("", "m", "dor", "mix")
ORDER_OF_SHARPS = "FCGDAEB"
TOKEN = re.compile(
    r"(?P<note>(?P<accidental>\^\^?|__?|=)?(?P<letter>[A-Ga-gz])(?P<octave>,+|'*)"
    r"(?P<times>\d{1,3})?(?P<slashes>/{1,4})?(?P<divisor>(?<=/)\d{1,3})?)"
    r"|(?P<bar>\|\]|\|\||\|:|:\||::|\|)|(?P<broken>[<>])|(?P<triplet>\(3)|(?P<space>[ \n]+)"
)


class AbcError(ValueError):
    """A text is no tune in the part of ABC notation that is read here."""


@dataclass(frozen=True)
class Note:
    """A note or a rest.

    Attributes:
        pitch: semitones above middle C; None for a rest.
        length: share of a whole note.
    """

    pitch: int | None
    length: Fraction


@dataclass(frozen=True)
class Key:
    """A key.

    Attributes:
        tonic: semitones of the tonic above C, in [0, 12).
        sharps: sharps in the signature; flats count as negative.
    """

    tonic: int
    sharps: int

    def scale(self) -> frozenset[int]:
        """Return the seven pitch classes: six fifths in a row, from the first flat."""
        return frozenset((7 * (self.sharps + fifth)) % 12 for fifth in range(-1, 6))


@dataclass(frozen=True)
class Tune:
    """A tune that has been read.

    Attributes:
        fields: text of each header field by its letter.
        key: its key.
        bars: notes of each bar that has notes.
        music: the lines below the header.
    """

    fields: dict[str, str]
    key: Key
    bars: tuple[tuple[Note, ...], ...]
    music: str

    def notes(self) -> Iterator[tuple[int, Fraction]]:
        """Yield the pitch and the length of each note, without rests."""
        for bar in self.bars:
            yield from ((note.pitch, note.length) for note in bar if note.pitch is not None)


def parse_key(name: str) -> Key:
    """Read a key such as `G`, `Bb`, `F#m`, `Ador` or `D mix`.

    Raises:
        AbcError: if it is none.
    """
    found = re.fullmatch(rf"([A-G])([#b]?) ?({'|'.join(MODES)})", name)
    if found is None:
        raise AbcError(f"no key: {name!r}")
    letter, sign, mode = found.groups()
    accidental = {"": 0, "#": 1, "b": -1}[sign]
    # F major has one flat, and each fifth above it a sharp more. A sharpened tonic adds seven.
    major = ORDER_OF_SHARPS.index(letter) - 1 + 7 * accidental
    return Key((LETTERS[letter] + accidental) % 12, major + MODES[mode])


def parse_fraction(text: str) -> Fraction:
    """Read a length or a time signature such as `6/8`.

    Raises:
        AbcError: if it is none.
    """
    if not re.fullmatch(r"[1-9]\d?/(1|2|4|8|16|32)", text):
        raise AbcError(f"no fraction: {text!r}")
    return Fraction(text)


def parse_tune(text: str) -> Tune:
    """Read a tune: the fields X, T, M and L in any order from X on, then K, then the notes.

    Raises:
        AbcError: if a field is missing or not understood, or the notes are not.
    """
    lines = text.strip("\n").split("\n")
    fields: dict[str, str] = {}
    while lines and (found := re.fullmatch(r"([A-Z]):(.*)", lines[0])):
        fields[found[1]] = found[2].strip()
        del lines[0]
        if found[1] == "K":
            break
    if not all(fields.get(name) for name in "XTMLK") or next(iter(fields)) != "X":
        raise AbcError(f"not all of the fields X, T, M, L and K, from X to K: {[*fields]}")
    parse_fraction(fields["M"])
    key, music = parse_key(fields["K"]), "\n".join(lines)
    return Tune(fields, key, tuple(read_bars(music, key, parse_fraction(fields["L"]))), music)


def read_bars(music: str, key: Key, unit: Fraction) -> Iterator[tuple[Note, ...]]:
    """Read the notes of a tune, bar by bar.

    Args:
        music: the lines below the header.
        key: the key, for its signature.
        unit: length of a note without a number, as a share of a whole note.

    Raises:
        AbcError: if something is not understood, a bar is empty, or a triplet or a broken rhythm
            has no end.
    """
    bar: list[Note] = []
    accidentals: dict[str, int] = {}
    factors: list[Fraction] = []  # of the lengths of the next notes: triplets and broken rhythm
    is_after_bar, place = True, 0
    while place < len(music):
        found = TOKEN.match(music, place)
        if found is None:
            raise AbcError(f"not understood: {music[place : place + 10]!r}")
        place = found.end()
        if found["note"]:
            note = read_note(found, key, accidentals, unit)
            bar.append(Note(note.pitch, note.length * (factors.pop(0) if factors else 1)))
            is_after_bar = False
        elif found["triplet"] and not factors:
            factors = [Fraction(2, 3)] * 3
        elif found["broken"] and bar and not factors:
            longer, shorter = Fraction(3, 2), Fraction(1, 2)
            if found["broken"] == "<":
                longer, shorter = shorter, longer
            bar[-1] = Note(bar[-1].pitch, bar[-1].length * longer)
            factors = [shorter]
        elif mark := found["bar"]:
            if factors or (is_after_bar and mark != "|:"):
                raise AbcError(f"a bar line where none can be: {music[: found.end()][-10:]!r}")
            if bar:
                yield tuple(bar)
            bar, accidentals, is_after_bar = [], {}, True
        elif not found["space"]:
            raise AbcError(f"no note for {found[0]!r}")
    if not is_after_bar or not place:
        raise AbcError("no bar line at the end")


def read_note(found: re.Match[str], key: Key, accidentals: dict[str, int], unit: Fraction) -> Note:
    """Read one note; its accidental is remembered for the rest of the bar, in all octaves."""
    times, slashes, divisor = (
        int(found["times"] or 1),
        len(found["slashes"] or ""),
        found["divisor"],
    )
    letter = found["letter"].upper()
    is_marked_rest = letter == "Z" and (found["accidental"] or found["octave"])
    if is_marked_rest or times == 0 or (divisor and (slashes != 1 or int(divisor) == 0)):
        raise AbcError(f"no note: {found[0]!r}")
    length = unit * times / (int(divisor) if divisor else 2**slashes)
    if letter == "Z":
        return Note(None, length)
    if found["accidental"]:
        accidentals[letter] = ACCIDENTALS[found["accidental"]]
    # Sharps come in their order, F first, and flats in the reverse order, B first.
    signature = (key.sharps - ORDER_OF_SHARPS.index(letter) + 6) // 7
    octave = found["letter"].islower() + found["octave"].count("'") - found["octave"].count(",")
    return Note(LETTERS[letter] + 12 * octave + accidentals.get(letter, signature), length)


def repeats_match(tune: Tune) -> bool:
    """Tell whether each repeat that begins also ends, and the other way round.

    The first repeat of a tune may begin where the tune does, without a mark.
    """
    marks = re.findall(r"\|:|:\||::", tune.music)
    ends_and_begins = "".join(mark.replace("::", ":||:") for mark in marks)
    return re.fullmatch(r"(:\|)?(\|::\|)*", ends_and_begins) is not None


def bar_lengths(tune: Tune) -> list[Fraction]:
    """Return the length of each bar, as a share of a whole note."""
    return [sum((note.length for note in bar), Fraction(0)) for bar in tune.bars]


def bars_add_up(tune: Tune, meter: Fraction) -> bool:
    """Tell whether each bar is as long as the meter says.

    A pickup may be shorter, if the last bar is shorter by as much as the pickup is long.
    """
    lengths = bar_lengths(tune)
    first, *inner, last = lengths if len(lengths) > 1 else [meter, *lengths]
    ends_fit = first == last == meter or (first < meter and first + last == meter)
    return ends_fit and all(length == meter for length in inner)


def fit(tune: Tune, key: Key) -> Fraction:
    """Return the share of the time in which the notes of a tune belong to a key."""
    scale = key.scale()
    inside = sum(length for pitch, length in tune.notes() if pitch % 12 in scale)
    return inside / Fraction(sum(length for _, length in tune.notes()))


def is_in_key(tune: Tune, key: Key) -> bool:
    """Tell whether the notes of a tune are in a key, as they sound, and in no other one.

    The last note must be the tonic, and the key must hold the notes for a larger share of the time
    than the other modes on this tonic do: major, minor, Dorian and Mixolydian.
    """
    *_, last = [None, *(pitch % 12 for pitch, _ in tune.notes())]
    major = 7 * key.tonic  # sharps of the major key on the tonic; only their remainder by 12 counts
    same_tonic = (Key(key.tonic, major + MODES[mode]) for mode in COMPARED)
    others = [other for other in same_tonic if other.scale() != key.scale()]
    return last == key.tonic and all(fit(tune, key) > fit(tune, other) for other in others)
