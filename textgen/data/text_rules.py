"""How a training text is made of its sources. This module imports no NumPy."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self, get_args

from textgen.data.source_rules import SourceRules
from textgen.errors import SettingError
from textgen.settings import check_number

# What a document is; `whole` makes one text of everything.
DocumentUnit = Literal["whole", "file", "paragraph", "line", "row"]
# Share of a text that is held out unless the user asks for another.
SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class TextRules:
    """How a training text is made of its sources.

    Attributes:
        source: how the sources are read.
        documents: what a document is; `whole` makes one text of everything.
        validation: share that is held out, in (0, 0.5], or the path of a text to validate on.
        rare: characters that appear fewer times than this become the unknown character.
        drop_repeats: whether a document that equals an earlier one is left out. In one whole text
            these are files and records, or lines if it is a list.
        seed: seed of what is held out.
        fits_text: whether what is held out of one whole text depends on what the text is. Otherwise
            it is the last tenth of each file, as in runs of textgen 0.2 and before.
    """

    source: SourceRules = field(default_factory=SourceRules)
    documents: DocumentUnit = "whole"
    validation: float | str = SHARE
    rare: int = 0
    drop_repeats: bool = False
    seed: int = 0
    fits_text: bool = True

    def __post_init__(self) -> None:
        if self.documents not in get_args(DocumentUnit):
            allowed = ", ".join(get_args(DocumentUnit))
            raise SettingError("documents", self.documents, f"one of {allowed}")
        if not isinstance(self.validation, str):
            check_number("validation", self.validation, 0, 0.5, open_low=True)
        check_number("rare", self.rare, 0, whole=True)
        for name in ("drop_repeats", "fits_text"):
            if not isinstance(getattr(self, name), bool):
                raise SettingError(name, getattr(self, name), "true or false")

    def changed(self) -> list[str]:
        """Return the names of the rules that differ from the default, except the seed."""
        plain = type(self)(seed=self.seed)
        pairs = [(self, plain), (self.source, plain.source)]
        return [
            one.name
            for mine, other in pairs
            for one in fields(mine)  # type: ignore[arg-type]
            if one.name != "source" and getattr(mine, one.name) != getattr(other, one.name)
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the rules as a dictionary that JSON can hold."""
        return asdict(self) | {"source": self.source.to_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned.

        Raises:
            SettingError: if a value is out of range.
            TypeError: if a name is missing or unknown.
        """
        return cls(**{**content, "source": SourceRules.from_json(content["source"])})
