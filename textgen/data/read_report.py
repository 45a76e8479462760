"""What was read of some sources, and what was not."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from textgen.data.formats.decoding import Findings
from textgen.data.formats.kinds import RECORDS
from textgen.data.source_rules import SourceRules
from textgen.errors import UsageError


@dataclass
class FileReport:
    """What was read of a file.

    Attributes:
        name: path of the file; inside an archive, the archive's path and the name in it.
        kind: its kind.
        characters: length of its text.
        findings: what decoding changed or noticed.
        broken: number of broken records left out.
        first_broken: what is wrong with the first of them.
    """

    name: str
    kind: str
    characters: int = 0
    findings: Findings = field(default_factory=Findings)
    broken: int = 0
    first_broken: str = ""


@dataclass
class ReadReport:
    """What was read of some sources, and what was not.

    Attributes:
        files: the files that were read, in order.
        passed_over: name and reason of each file that was not read.
        notes: remarks for the user, one sentence each.
        broken: number of broken records left out.
        first_broken: file of the first of them, and what is wrong with it.
        finished_bytes: size of the files that are read to their end.
        current: the file that is being read; None between two files.
    """

    files: list[FileReport] = field(default_factory=list)
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: int = 0
    first_broken: str = ""
    finished_bytes: int = 0
    current: IO[bytes] | None = field(default=None, repr=False)

    def bytes_read(self) -> int:
        """Return how much of the files is read, in bytes as they are on the disk."""
        return self.finished_bytes + (self.current.tell() if self.current else 0)

    def summary(self) -> str:
        """Say in one sentence what was read and what was not."""
        characters = sum(file.characters for file in self.files)
        count = f"{len(self.files):,} file{'' if len(self.files) == 1 else 's'}, "
        parts = [f"read {count if len(self.files) > 1 else ''}{characters:,} characters"]
        if self.passed_over:
            reasons = Counter(reason for _, reason in self.passed_over)
            listed = ", ".join(f"{count:,} ({reason})" for reason, count in reasons.most_common())
            parts.append(f"passed over: {listed}")
        if self.broken:
            parts.append(left_out(self.broken, self.first_broken))
        return "; ".join(parts)

    def changes(self) -> Iterator[str]:
        """Give the remarks, and say what decoding changed, one sentence for each kind of change."""
        yield from self.notes
        found = [file.findings for file in self.files]
        encodings = Counter(one.encoding for one in found if one.encoding not in ("", "utf-8"))
        for encoding, count in encodings.items():
            yield f"{count:,} file{'' if count == 1 else 's'} read as {encoding}"
        if marks := sum(one.marks for one in found):
            yield f"left out {marks:,} byte order marks inside the text"
        if doubled := sum(one.double_returns for one in found):
            yield f"{doubled:,} lines ended in CR CR LF; each counts as one line end"
        if any(one.is_normalized for one in found):
            yield "brought letters with accents into one form; --normalize none leaves them as is"


def left_out(broken: int, first: str) -> str:
    """Say how many broken records were left out, and what is wrong with the first."""
    count = f"{broken:,} broken record" + ("" if broken == 1 else "s, the first")
    return f"left out: {count} ({first})"


def check_has_fields(rules: SourceRules, report: ReadReport) -> None:
    """Check that options for records were given for records, once the sources are read.

    Raises:
        UsageError: if a field is named, or broken records are to be left out, but nothing that was
            read has records.
    """
    if any(file.kind in RECORDS for file in report.files):
        return
    option = "field" if rules.field is not None else "skip-broken" if rules.skip_broken else None
    if option:
        raise UsageError(
            f"--{option} is for records, but the text is none of {', '.join(RECORDS)}; "
            "leave it out, or say what the text is with --format"
        )
