"""How sources are read."""

from dataclasses import dataclass
from typing import get_args

from textgen.data.formats.decoding import Normalization, check_encoding
from textgen.data.formats.kinds import KINDS, Kind
from textgen.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class SourceRules:
    """How sources are read.

    Attributes:
        format: kind of all files; None for that of each file's content and name.
        field: field of a record that holds the text; see `RecordRules`.
        encoding: encoding of all texts; `guess` to guess; None for a byte order mark's, or UTF-8.
        normalization: Unicode normal form into which texts are brought.
        skip_broken: whether to leave out broken records.
    """

    format: Kind | None = None
    field: str | None = None
    encoding: str | None = None
    normalization: Normalization = "nfc"
    skip_broken: bool = False

    def __post_init__(self) -> None:
        if self.format not in (None, *KINDS):
            raise SettingError("format", self.format, "one of " + ", ".join(KINDS))
        if self.normalization not in get_args(Normalization):
            raise SettingError("normalize", self.normalization, "none, nfc or nfkc")
        if self.encoding is not None:
            check_encoding(self.encoding)
        if not isinstance(self.field, str | None):
            raise SettingError("field", self.field, "the name of a field")
        if not isinstance(self.skip_broken, bool):
            raise SettingError("skip_broken", self.skip_broken, "true or false")
