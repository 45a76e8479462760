"""How sources are read."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

from textgen.data.formats.decoding import Normalization, check_encoding
from textgen.data.formats.kinds import KINDS, Kind
from textgen.errors import SettingError

# What a label can be taken from, besides the fields of records.
LabelFrom = Literal["folder", "file"]


@dataclass(frozen=True, kw_only=True)
class SourceRules:
    """How sources are read.

    Attributes:
        format: kind of all files; None for that of each file's content and name.
        field: field of a record that holds the text; see `RecordRules`.
        encoding: encoding of all texts; `guess` to guess; None for a byte order mark's, or UTF-8.
        normalization: Unicode normal form into which texts are brought.
        skip_broken: whether to leave out broken records.
        labels: fields of a record that hold labels of its text.
        label_from: whether the folder or the file that a text stands in is a label of it too.
    """

    format: Kind | None = None
    field: str | None = None
    encoding: str | None = None
    normalization: Normalization = "nfc"
    skip_broken: bool = False
    labels: tuple[str, ...] = ()
    label_from: LabelFrom | None = None

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
        if self.label_from not in (None, *get_args(LabelFrom)):
            raise SettingError("label_from", self.label_from, "folder or file")
        names = self.label_fields
        if len({*names}) < len(names) or self.field in names:
            raise SettingError("label", ", ".join(names), "the names of different fields")
        if not all(isinstance(name, str) and len(name) > 0 and "=" not in name for name in names):
            raise SettingError("label", ", ".join(map(str, names)), "names without an equals sign")

    @property
    def label_fields(self) -> tuple[str, ...]:
        """The names of all fields of labels."""
        return (*self.labels, *([self.label_from] if self.label_from else []))

    def to_json(self) -> dict[str, Any]:
        """Return the rules as a dictionary that JSON can hold, without labels if there are none."""
        content = asdict(self)
        for name in ("labels", "label_from"):
            if not content[name]:
                del content[name]
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned.

        Raises:
            SettingError: if a value is out of range.
            TypeError: if a name is missing or unknown.
        """
        return cls(**{**content, "labels": tuple(content.get("labels", ()))})
