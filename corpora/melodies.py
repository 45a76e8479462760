"""Compose short tunes of four phrases that answer each other: A, A', B and A''.

A phrase has four bars, one chord to a bar. Phrase A ends away from the tonic. A' begins as A does
and ends on the tonic. B has its own motifs, lies higher and ends away from the tonic. A'' is A'
with one bar varied. A motif is a rhythm, the chord tones on which its groups of notes begin, and
the contour of each group. Where a motif returns over another chord, it is transposed by its chord
tones and keeps its contours as far as they lead to what follows.

Pitches are counted in degrees of the scale: 0 is the tonic, 4 the fifth above it, 7 the octave.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise

from tune_parts import ARCS, CHORDS, CONTOURS, HIGH_ARCS, SCALES, Style

# Lowest and highest degree of a melody.
LOWEST, HIGHEST = -4, 9
# Tunes that are drawn before the best of them is taken.
DRAFTS = 8


@dataclass(frozen=True)
class Motif:
    """A rhythm, the steps between its groups on the ladder of chord tones, and its contours."""

    pattern: str
    steps: tuple[int, ...]
    contours: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Bar:
    """A bar of a melody.

    Attributes:
        pattern: its rhythm, with an x for each note.
        degrees: degree of each note.
        chord: degree of the chord's root.
    """

    pattern: str
    degrees: tuple[int, ...]
    chord: int


@dataclass(frozen=True)
class Tune:
    """A melody of four phrases of four bars, with the degrees of a pickup if it has one."""

    style: Style
    mode: str
    pickup: tuple[int, ...]
    phrases: tuple[tuple[Bar, ...], ...]

    def notes(self) -> list[int]:
        """Return the degrees of all notes, without the pickup."""
        return [degree for phrase in self.phrases for bar in phrase for degree in bar.degrees]


@cache
def ladder(chord: int) -> tuple[int, ...]:
    """Return the tones of a chord in the range of a melody, from the lowest."""
    tones = {(chord + third) % 7 for third in (0, 2, 4)}
    return tuple(degree for degree in range(LOWEST, HIGHEST + 1) if degree % 7 in tones)


def nearest(degrees: Iterable[int], target: int) -> int:
    """Return the degree that is closest to a target; the lower one of two."""
    return min(degrees, key=lambda degree: (abs(degree - target), degree))


def sizes(pattern: str) -> list[int]:
    """Return how many notes each group of a pattern has."""
    return [group.count("x") for group in pattern.split()]


def new_motif(pattern: str, source: random.Random) -> Motif:
    """Draw a motif with a given rhythm."""
    counts = sizes(pattern)
    steps = (0, *(source.choice((-2, -1, -1, 0, 1, 1, 2)) for _ in counts[1:]))
    return Motif(pattern, steps, tuple(source.choice(CONTOURS[n]) for n in counts))


def group_starts(motif: Motif, chord: int, target: int) -> list[int]:
    """Return the chord tones on which the groups of a motif begin, the first near a target."""
    tones = ladder(chord)
    place = tones.index(nearest(tones, target))
    starts = []
    for step in motif.steps:
        place = max(0, min(len(tones) - 1, place + step))
        starts.append(tones[place])
    return starts


def contour_cost(
    contour: Sequence[int], wanted: Sequence[int], start: int, after: int, chord: int
) -> float:
    """Rate how badly a contour fits: the motif, the range, the chord, and what follows it."""
    notes = [start + offset for offset in contour]
    tones = {(chord + third) % 7 for third in (0, 2, 4)}
    cost = 0.0 if tuple(contour) == tuple(wanted) else 1.2
    cost += {0: 1.0, 1: 0.0, 2: 0.4, 3: 1.0, 4: 1.5}.get(abs(after - notes[-1]), 5.0)
    cost += 9.0 * sum(not LOWEST <= note <= HIGHEST for note in notes)
    for first, second in pairwise(notes):
        leaps_off_chord = abs(second - first) > 1 and second % 7 not in tones
        cost += 1.0 * leaps_off_chord
    return cost


@cache
def best_contour(
    count: int, wanted: tuple[int, ...], start: int, after: int, chord: int
) -> tuple[int, ...]:
    """Return the notes of a group: the contour that fits best, from its first note."""
    best = min(CONTOURS[count], key=lambda c: contour_cost(c, wanted, start, after, chord))
    return tuple(start + offset for offset in best)


def fill(motif: Motif, starts: Sequence[int], after: int, chord: int) -> Bar:
    """Write out the groups of a motif from their first notes, towards the note after the bar."""
    degrees: list[int] = []
    ends = [*starts[1:], after]
    for count, wanted, start, end in zip(
        sizes(motif.pattern), motif.contours, starts, ends, strict=True
    ):
        degrees += best_contour(count, wanted, start, end, chord)
    return Bar(motif.pattern, tuple(degrees), chord)


@dataclass(frozen=True)
class Plan:
    """What a phrase is made of: three motifs, a last bar, its chords, its arc and its last note."""

    motifs: tuple[Motif, ...]
    closing: Motif
    chords: tuple[int, ...]
    heights: tuple[int, ...]
    last: int

    def bars(self) -> tuple[Bar, ...]:
        """Write the phrase out."""
        rows = [
            group_starts(motif, chord, height)
            for motif, chord, height in zip(self.motifs, self.chords, self.heights, strict=False)
        ]
        octaves = [self.last + 7 * octave for octave in (-1, 0, 1)]
        last = nearest((d for d in octaves if LOWEST <= d <= HIGHEST), rows[-1][-1])
        closing = group_starts(self.closing, self.chords[-1], last + 2)
        rows.append([*closing[:-1], last])
        followers = [row[0] for row in rows[1:]] + [last]
        parts = zip((*self.motifs, self.closing), rows, followers, self.chords, strict=True)
        return tuple(fill(*part) for part in parts)


def draft(style: Style, mode: str, source: random.Random) -> Tune:
    """Draw a tune, good or bad."""
    chords_a, chords_b = map(source.choice, CHORDS[mode])
    dominant = chords_a[-1]
    patterns = source.sample(style.patterns, 3)
    a, b, d = (new_motif(pattern, source) for pattern in patterns)
    e = source.choice((b, new_motif(source.choice(style.patterns), source)))
    has_pickup = source.random() < 0.3
    closings = [c for c in style.closings if c.split()[-1] == style.pickup[0] or not has_pickup]
    closing, closing_b = (new_motif(source.choice(closings), source) for _ in range(2))
    motifs = source.choice(((a, b, a), (a, a, b), (a, b, b)))
    motifs_b = source.choice(((d, d, e), (d, e, d), (d, e, b)))
    first = source.choice((0, 2, 4, 4, 7) if source.random() < 0.7 else (0, 2, 4))
    arc, high_arc = source.choice(ARCS), source.choice(HIGH_ARCS)
    heights = tuple(first + height for height in arc)
    begin_b = min(max(first + source.choice((2, 3, 4)), 4), 8)
    open_end = source.choice((dominant, 1) if dominant == 4 else (6, 1))
    closed_chords = (*chords_a[:2], dominant, 0)
    phrases = [
        Plan(motifs, closing, chords_a, heights, open_end).bars(),
        Plan(motifs, closing, closed_chords, heights, 0).bars(),
        Plan(motifs_b, closing_b, chords_b, tuple(begin_b + h for h in high_arc), open_end).bars(),
    ]
    varied = list(motifs)
    varied[source.choice((0, 1, 1, 2))] = new_motif(source.choice(style.patterns), source)
    phrases.append(Plan(tuple(varied), closing, closed_chords, heights, 0).bars())
    tune = Tune(style, mode, (), tuple(phrases))
    return with_pickups(tune, source.choice(("fifth", "step"))) if has_pickup else tune


def with_pickups(tune: Tune, kind: str) -> Tune:
    """Let a pickup lead into each phrase, at the cost of the long note that ends the one before.

    Args:
        tune: a tune whose phrases end in the long note of its style.
        kind: `fifth` begins on the fifth degree, `step` one degree away from the phrase.
    """
    long, shorter = tune.style.pickup
    count = tune.style.pickup_rhythm().count("x")

    def pickup(phrase: tuple[Bar, ...]) -> tuple[int, ...]:
        first = phrase[0].degrees[0]
        note = nearest((-3, 4), first - 3) if kind == "fifth" else max(first - 1, LOWEST)
        return (note, nearest((first - 1, first + 1), note))[:count]

    phrases = []
    followers = [*map(pickup, tune.phrases[1:]), ()]
    for phrase, follower in zip(tune.phrases, followers, strict=True):
        *bars, last = phrase
        pattern = last.pattern.removesuffix(long) + (shorter if follower else shorter.split()[0])
        phrases.append((*bars, Bar(pattern, (*last.degrees, *follower), last.chord)))
    return replace(tune, pickup=pickup(tune.phrases[0]), phrases=tuple(phrases))


def raised(tune: Tune, bar: Bar, after: int | None) -> list[bool]:
    """Tell which notes of a bar are the raised seventh of a minor key; it leads to the tonic.

    Args:
        tune: the tune.
        bar: one of its bars.
        after: degree of the note that follows the bar, if there is one.
    """
    followers = [*bar.degrees[1:], after]
    return [
        tune.mode == "minor" and bar.chord in (0, 4) and degree % 7 == 6 and follower == degree + 1
        for degree, follower in zip(bar.degrees, followers, strict=True)
    ]


def flaws(tune: Tune) -> float:
    """Rate how badly a tune sings: 0 is best; infinite if it must not be used.

    Its key must be heard: all seven degrees occur. Leaps are small and are followed by a turn, most
    motion is by step, notes are seldom repeated, and the range is between a fifth and a twelfth.
    """
    notes = tune.notes()
    if len({note % 7 for note in notes}) < 7 or not all(LOWEST <= n <= HIGHEST for n in notes):
        return float("inf")
    scale = SCALES[tune.mode]
    heights = [12 * (note // 7) + scale[note % 7] for note in notes]
    total = 0.0
    for low, high in pairwise(heights):
        total += 3.0 * (abs(high - low) in (6, 10, 11)) + 2.0 * (abs(high - low) > 9)
    leaps = [second - first for first, second in pairwise(notes)]
    for leap, motion in pairwise(leaps):
        total += 1.0 * (abs(leap) >= 4 and (motion * leap > 0 or abs(motion) >= 4))
        total += 1.0 * (leap == motion == 0)
    total += 40.0 * max(0.0, 0.55 - sum(abs(leap) == 1 for leap in leaps) / len(leaps))
    total += 40.0 * max(0.0, sum(leap == 0 for leap in leaps) / len(leaps) - 0.15)
    extent = max(notes) - min(notes)
    total += 2.0 * max(0, 7 - extent)
    return total + 0.5 * max(0, notes.count(max(notes)) - 4)


def compose(style: Style, mode: str, source: random.Random) -> Tune:
    """Compose a tune: draw several, and take the best."""
    while True:
        best = min((draft(style, mode, source) for _ in range(DRAFTS)), key=flaws)
        if flaws(best) < float("inf"):
            return best
