"""Compose the tunes of tunes.abc, or print them as lines of JSON with their meters and keys.

    python corpora/make_tunes.py                        # writes tunes.abc beside this file
    python corpora/make_tunes.py --jsonl > tunes.jsonl

Every run writes the same bytes. No tune is taken from anywhere: melodies.py composes each of them
from a seed, and titles.py gives it a title.
"""

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

from melodies import Bar, Tune, compose, raised
from titles import new_title
from tune_parts import STYLES

FILE = Path(__file__).parent / "tunes.abc"
# Name of each key in the field K: and its mode. The first letter is the tonic.
KEYS = {
    "C": "major",
    "G": "major",
    "D": "major",
    "A": "major",
    "F": "major",
    "Bb": "major",
    "Am": "minor",
    "Em": "minor",
    "Bm": "minor",
    "Dm": "minor",
    "Ador": "dorian",
    "Edor": "dorian",
    "Dmix": "mixolydian",
    "Amix": "mixolydian",
}
METERS = ("2/4", "3/4", "4/4", "6/8", "9/8")
TUNES_OF_EACH = 34  # for each meter in each key
LETTERS = "CDEFGAB"


def note_name(degree: int, tonic: str) -> str:
    """Write a degree above a tonic in ABC notation: C is middle C, c the octave above, C, below."""
    octave, letter = divmod(LETTERS.index(tonic) + degree, 7)
    if octave > 0:
        return LETTERS[letter].lower() + "'" * (octave - 1)
    return LETTERS[letter] + "," * -octave


def written_bar(tune: Tune, bar: Bar, after: int | None, tonic: str) -> str:
    """Write a bar in ABC notation; if a seventh in it is raised, each seventh has an accidental."""
    raises = raised(tune, bar, after)
    notes = []
    for degree, is_raised in zip(bar.degrees, raises, strict=True):
        has_mark = degree % 7 == 6 and any(raises)
        notes.append(("^" if is_raised else "=") * has_mark + note_name(degree, tonic))
    rest = iter(notes)
    return re.sub("x", lambda _: next(rest), bar.pattern)


def body(tune: Tune, tonic: str, has_repeats: bool) -> str:
    """Write a tune in ABC notation, one phrase to a line.

    Args:
        tune: the tune.
        tonic: letter of the tonic.
        has_repeats: whether each half is repeated; only for a tune without a pickup.
    """
    bars = [bar for phrase in tune.phrases for bar in phrase]
    followers: list[int | None] = [bar.degrees[0] for bar in bars[1:]]
    written = [
        written_bar(tune, bar, after, tonic)
        for bar, after in zip(bars, [*followers, None], strict=True)
    ]
    lines = ["|".join(written[begin : begin + 4]) for begin in range(0, len(written), 4)]
    if has_repeats:
        return f"|:{lines[0]}|\n{lines[1]}:|\n|:{lines[2]}|\n{lines[3]}:|"
    rhythm = tune.style.pickup_rhythm()
    pickup = (
        f"{written_bar(tune, Bar(rhythm, tune.pickup, 0), None, tonic)}|" if tune.pickup else ""
    )
    return pickup + "|\n".join(lines) + "|]"


def tunes() -> Iterator[str]:
    """Compose all tunes, in an order that mixes meters and keys."""
    wanted = [(meter, key) for meter in METERS for key in KEYS for _ in range(TUNES_OF_EACH)]
    random.Random(0).shuffle(wanted)
    titles: set[str] = set()
    for number, (meter, key) in enumerate(wanted, start=1):
        source = random.Random(number)
        style = source.choice([style for style in STYLES if style.meter == meter])
        tune = compose(style, KEYS[key], source)
        title = new_title(style.name, titles, source)
        has_repeats = not tune.pickup and source.random() < 0.5
        head = f"X:{number}\nT:{title}\nM:{meter}\nL:1/8\nK:{key}\n"
        yield head + body(tune, key[0], has_repeats) + "\n"


def labelled(tune: str) -> dict[str, str]:
    """Return a tune in ABC notation as a record with its meter and its key."""
    fields = dict(re.findall(r"^([MK]):(.*)$", tune, re.MULTILINE))
    return {"text": tune, "meter": fields["M"], "key": fields["K"]}


def main() -> None:
    """Write the tunes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jsonl", action="store_true", help="print tunes.abc as lines of JSON")
    if parser.parse_args().jsonl:
        for tune in FILE.read_text(encoding="utf-8").strip().split("\n\n"):
            print(json.dumps(labelled(tune)))
    else:
        FILE.write_text("\n".join(tunes()), encoding="utf-8")


if __name__ == "__main__":
    main()
