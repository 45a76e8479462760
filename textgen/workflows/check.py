"""Look at a text before a network is trained on it."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textgen.aside import interruptibly
from textgen.data.gather import gather
from textgen.data.labels import LabelField, named
from textgen.data.origins import Place
from textgen.data.read_report import FileReport, ReadReport, check_has_fields
from textgen.data.shipped import find_corpus
from textgen.data.source_rules import SourceRules
from textgen.data.split import Split, choose_split, describe_unit
from textgen.data.survey import RARE, Survey, survey
from textgen.data.text_rules import SHARE
from textgen.network.parameters import operations_per_character
from textgen.planning.choices import FEW_CHARACTERS
from textgen.planning.request import Request
from textgen.planning.site import TRAINING_SHARE
from textgen.runtime.devices import make_mesh, product_speed
from textgen.workflows.events import Working, reading_work

# Widths of the networks for which the time to read the text once is estimated.
WIDTHS = (128, 256, 512)
# Share of the validation part that may stand in the training part without a remark.
MOST_LEAKED = 0.05
# Longest line without a remark, in characters.
LONG_LINE = 10_000


@dataclass(frozen=True)
class Finding:
    """Something about a text that may harm a model of it.

    Attributes:
        what: one sentence.
        remedy: the option of `textgen train` that mends it; empty if there is none.
    """

    what: str
    remedy: str = ""


@dataclass(frozen=True)
class Checked:
    """What is in a text.

    Attributes:
        files: what was read of each file.
        report: what was read and what was not.
        survey: the characters, lines and documents.
        split: what would be held out.
        findings: what may harm a model.
        seconds: estimated time to train on the text once, for each size of a network.
        labels: the labels, and the number of records or files that have each value.
    """

    files: tuple[FileReport, ...]
    report: ReadReport
    survey: Survey
    split: Split
    findings: tuple[Finding, ...]
    seconds: dict[str, float]
    labels: tuple[LabelField, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        found = self.survey
        return {
            "characters": found.characters,
            "lines": found.lines,
            "blank_lines": found.blank_lines,
            "files": [
                {
                    "name": file.name,
                    "kind": file.kind,
                    "encoding": file.findings.encoding,
                    "characters": file.characters,
                }
                for file in self.files
            ],
            "passed_over": [
                {"name": name, "reason": reason} for name, reason in self.report.passed_over
            ],
            "broken_records": self.report.broken,
            "alphabet": [
                {
                    "character": one.character,
                    "code_point": ord(one.character),
                    "name": one.name,
                    "count": one.count,
                    "is_invisible": one.is_invisible,
                }
                | (_place_json(one.place) if one.place else {"file": None, "line": None})
                for one in found.alphabet
            ],
            "mixed_letters": [
                {"letter": letter, "composed": composed, "decomposed": decomposed}
                for letter, composed, decomposed in found.mixed
            ],
            "longest_lines": [
                {"characters": size} | _place_json(place) for size, place in found.longest_lines
            ],
            "labels": [
                {"name": field.name, "texts": dict(zip(field.values, field.documents, strict=True))}
                for field in self.labels
            ],
            "repeated_lines": found.repeated_lines,
            "repeated_texts": found.repeated_texts,
            "leaked": found.leaked,
            "scripts": dict(found.scripts),
            "validation": self.split.reason.removeprefix("validation: "),
            "findings": [{"what": one.what, "remedy": one.remedy} for one in self.findings],
            "seconds_to_read_once": self.seconds,
        }


def _place_json(place: Place) -> dict[str, Any]:
    return {"file": place.file, "record" if place.is_record else "line": place.number}


def check_text(
    paths: Sequence[Path],
    rules: SourceRules,
    interruptible: Callable[[], AbstractContextManager[None]] = nullcontext,
    tell: Callable[[Working], None] = lambda _: None,
) -> Checked:
    """Read a text, look at it, and estimate how long training would read it.

    Args:
        paths: sources; see `read_sources`. A bare name may be that of a shipped text.
        rules: how to read them. What normalisation would change is told, and not done.
        interruptible: function that returns a context in which a signal may raise an exception; the
            text is read in it. The temporary file is removed then.
        tell: function that is called now and then with how far the reading is.

    Raises:
        CorpusError: if a source cannot be read.
    """
    begun = time.perf_counter()

    def read(characters: int, share: float | None) -> None:
        tell(reading_work(characters, share, time.perf_counter() - begun))

    with interruptible(), tempfile.TemporaryDirectory(prefix="textgen-") as folder:
        sources = [find_corpus(path) for path in paths]
        gathered = gather(sources, rules, Path(folder) / "ids", read)
        check_has_fields(rules, gathered.report)
        split = choose_split(gathered, SHARE, seed=0)
        tell(Working("looking at its characters and lines"))
        # To sort the lines of a large text takes long.
        found, unit = interruptibly(lambda: survey(gathered, split)), split.unit
        files = tuple(gathered.report.files)
        what = describe_unit(gathered, unit) if unit else ""
        labels = gathered.labels.fields()
    findings = (
        *_character_findings(found),
        *_document_findings(found, unit, what),
        *(() if rules.label_from == "file" else _label_findings(labels)),
    )
    seconds = _seconds_to_read(found.characters, len(found.alphabet) + 1)
    return Checked(files, gathered.report, found, split, findings, seconds, labels)


def _character_findings(found: Survey) -> Iterator[Finding]:
    if found.rare:
        count = len(found.rare)
        appear = "character appears" if count == 1 else "characters appear"
        what = f"{count:,} {appear} fewer than {RARE} times, too few to be learnt"
        yield Finding(what, f"--rare {RARE}")
    if found.invisible:
        total = sum(one.count for one in found.invisible)
        spaces = any(one.character == "\u00a0" for one in found.invisible)
        kinds = len(found.invisible)
        are = "character is" if total == 1 else "characters are"
        of = f", of {kinds} kinds" if kinds > 1 else ""
        yield Finding(
            f"{total:,} {are} invisible{of}",
            "--normalize nfkc makes plain spaces of no-break spaces" if spaces else "",
        )
    if found.mixed:
        letters = " ".join(letter for letter, *_ in found.mixed[:5])
        what = f"letters are written in two ways, as one character and with a mark: {letters}"
        yield Finding(what, "--normalize nfc, which is the default")


def _document_findings(found: Survey, unit: str | None, what_it_is: str) -> Iterator[Finding]:
    if found.characters < FEW_CHARACTERS:
        few = "1 character is" if found.characters == 1 else f"{found.characters:,} characters are"
        what = f"{few} few; a network will mostly memorise them"
        yield Finding(what)
    if unit is not None:
        yield Finding(what_it_is, f"--documents {unit}")
    if found.repeated_texts:
        what = f"{found.repeated_texts:,} of the files and records equal an earlier one"
        yield Finding(what, "--drop-repeats")
    if found.leaked > MOST_LEAKED:
        what = (
            f"{found.leaked:.0%} of the validation part stands in the training part, line by line"
        )
        # What repeats is dropped as files and records, or as lines of a list.
        drops = unit == "line" or found.repeated_texts
        yield Finding(what, "--drop-repeats" if drops else "--validation FILE")
    size, place = found.longest_lines[0] if found.longest_lines else (0, None)
    if size > LONG_LINE and place:
        yield Finding(f"{place} has a line of {size:,} characters")


def _seconds_to_read(characters: int, vocab_size: int) -> dict[str, float]:
    """Estimate the time to train on a text once, for a few sizes of a network."""
    speed = product_speed(make_mesh(None, 2**20), repeats=4) * TRAINING_SHARE
    models = [Request().model_settings(vocab_size, width, 0.0) for width in WIDTHS]
    return {model.size: characters * operations_per_character(model) / speed for model in models}


def _label_findings(labels: Sequence[LabelField]) -> Iterator[Finding]:
    for field in labels:
        pairs = zip(field.values, field.documents, strict=True)
        if single := [value for value, count in pairs if count == 1]:
            values = f"{len(single):,} value{'' if len(single) == 1 else 's'}"
            what = f"{values} of the label {field.name!r} with one text, too little to learn from"
            yield Finding(f"{what}: {named(single)}")
