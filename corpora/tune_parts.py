"""What tunes are made of: kinds of tune with their rhythms, chords, arcs and contours."""

from dataclasses import dataclass

# Semitones of the seven degrees above the tonic.
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}


@dataclass(frozen=True, kw_only=True)
class Style:
    """A kind of tune.

    In a pattern, each x is a note in ABC notation, and groups of notes are separated by spaces.

    Attributes:
        name: what such a tune is called.
        meter: time signature.
        patterns: rhythms of a bar within a phrase.
        closings: rhythms of the last bar of a phrase; the last group is one long note.
        pickup: the long note of each closing, and what it becomes before a pickup.
    """

    name: str
    meter: str
    patterns: tuple[str, ...]
    closings: tuple[str, ...]
    pickup: tuple[str, str]

    def pickup_rhythm(self) -> str:
        """Return the rhythm of a pickup."""
        return self.pickup[1].split()[1]


STYLES = (
    Style(
        name="Polka",
        meter="2/4",
        patterns=("xx xx", "x2 xx", "xx/x/ xx", "x/x/x xx", "xx x/x/x"),
        closings=("xx x2", "x/x/x x2", "x2 x2"),
        pickup=("x2", "x x"),
    ),
    Style(
        name="March",
        meter="2/4",
        patterns=("x>x xx", "x2 x>x", "x>x x>x", "x>x x/x/x"),
        closings=("x>x x2", "x2 x2"),
        pickup=("x2", "x x"),
    ),
    Style(
        name="Waltz",
        meter="3/4",
        patterns=("x4 x2", "x2 x2x2", "x3x x2", "x2xx x2", "x2 xxxx"),
        closings=("x6", "x2 x4"),
        pickup=("x6", "x4 x2"),
    ),
    Style(
        name="Minuet",
        meter="3/4",
        patterns=("x2 xxxx", "x2 x2x2", "xxxx x2", "x2xx x2"),
        closings=("x2 x4", "xx x4"),
        pickup=("x4", "x2 x2"),
    ),
    Style(
        name="Reel",
        meter="4/4",
        patterns=("xxxx xxxx", "x2xx xxxx", "xxxx x2xx", "x2xx x2xx", "x3x xxxx"),
        closings=("xxxx x4", "x2xx x4"),
        pickup=("x4", "x2 x2"),
    ),
    Style(
        name="Hornpipe",
        meter="4/4",
        patterns=("x>xx>x x>xx>x", "(3xxx x>x x>xx>x", "x2 x>x x>xx>x", "x>xx>x x2 x2"),
        closings=("x>xx>x x4", "x2x>x x4", "x>x (3xxx x4"),
        pickup=("x4", "x2 x>x"),
    ),
    Style(
        name="Air",
        meter="4/4",
        patterns=("x2x2 x2x2", "x3x x2x2", "x4 x2x2", "x2xx x2x2", "x3x x4"),
        closings=("x2x2 x4", "x3x x4"),
        pickup=("x4", "x2 x2"),
    ),
    Style(
        name="Jig",
        meter="6/8",
        patterns=("xxx xxx", "x2x xxx", "xxx x2x", "x2x x2x", "x3 xxx", "x3 x2x"),
        closings=("xxx x3", "x2x x3"),
        pickup=("x3", "x2 x"),
    ),
    Style(
        name="Slip Jig",
        meter="9/8",
        patterns=("x2x x2x xxx", "x2x xxx xxx", "x2x xxx x3", "xxx x2x x3", "x3 x2x xxx"),
        closings=("xxx xxx x3", "x2x xxx x3", "x2x x2x x3"),
        pickup=("x3", "x2 x"),
    ),
)

# Chords of a phrase's bars, by the degree of the root: A, the beginning of A', and B. The second
# last chord of A' is that before the tonic: V, or VII in the modes without a leading note.
MAJOR = (
    ((0, 0, 3, 4), (0, 3, 0, 4), (0, 5, 1, 4), (0, 4, 0, 4), (0, 5, 3, 4), (0, 3, 1, 4)),
    ((3, 0, 1, 4), (5, 2, 3, 4), (3, 3, 0, 4), (4, 0, 1, 4), (5, 3, 1, 4)),
)
MINOR = (
    ((0, 0, 3, 4), (0, 6, 0, 4), (0, 3, 6, 4), (0, 5, 6, 4), (0, 3, 0, 4)),
    ((2, 6, 5, 4), (5, 6, 0, 4), (2, 2, 3, 4), (3, 0, 5, 4)),
)
DORIAN = (
    ((0, 6, 0, 6), (0, 0, 3, 6), (0, 3, 0, 6), (0, 2, 3, 6)),
    ((2, 6, 3, 6), (3, 0, 3, 6), (2, 3, 0, 6), (6, 0, 3, 6)),
)
MIXOLYDIAN = (
    ((0, 6, 0, 6), (0, 0, 3, 6), (0, 3, 0, 6), (0, 4, 3, 6)),
    ((3, 0, 3, 6), (6, 3, 0, 6), (0, 6, 3, 6), (4, 3, 0, 6)),
)
CHORDS = {"major": MAJOR, "minor": MINOR, "dorian": DORIAN, "mixolydian": MIXOLYDIAN}

# How far the bars of a phrase lie above its first note, in degrees.
ARCS = ((0, 1, 2), (0, 2, 4), (0, -1, -2), (0, 2, 1), (0, 3, 1), (0, 0, 2), (0, 2, -1))
HIGH_ARCS = ((0, -1, -2), (0, 1, -1), (0, 0, -2), (0, 2, 0), (0, -2, -3))
# Degrees of a group's notes above its first, by their number.
CONTOURS: dict[int, tuple[tuple[int, ...], ...]] = {
    1: ((0,),),
    2: ((0, 1), (0, -1), (0, 2), (0, -2), (0, 0), (0, -3), (0, 3)),
    3: (
        *((0, 1, 2), (0, -1, -2), (0, 1, 0), (0, -1, 0), (0, 2, 1), (0, -2, -1), (0, 2, 4)),
        *((0, -2, -4), (0, -2, 0), (0, -1, -3), (0, 1, -1), (0, 2, 0), (0, 1, 3), (0, 0, 1)),
    ),
    4: (
        *((0, 1, 2, 3), (0, -1, -2, -3), (0, 1, 0, -1), (0, -1, 0, 1), (0, 2, 1, 0)),
        *((0, -2, 0, -2), (0, 2, 4, 2), (0, 1, 2, 1), (0, 1, 2, 0), (0, 2, 1, -1), (0, -2, -1, 0)),
        *((0, -3, 0, 1), (0, -1, -2, -1), (0, 2, 0, -1), (0, -1, -3, -1), (0, 0, 1, 2)),
    ),
}
