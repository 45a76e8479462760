"""The runs from whose weights a run began, one from the other."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from textgen.errors import SettingError
from textgen.settings import check_number


@dataclass(frozen=True, kw_only=True)
class Ancestor:
    """A run from whose weights another began. It may have been deleted since.

    Attributes:
        name: its name at that time.
        step: the step of the checkpoint with its weights.
        sha256: SHA-256 of the file of these weights, in hexadecimal.
        origin: the paths of its text.
        known_ids: number of ids that it knew. Characters with other ids were new to it.
        first_loss: loss of its weights on the validation text of the run that began from them, in
            nats per character.
        learnt_characters: number of characters that were learnt in a session before the other run
            began from the weights; 0 if none were.
    """

    name: str
    step: int
    sha256: str
    origin: tuple[str, ...]
    known_ids: int
    first_loss: float
    learnt_characters: int = 0

    def __post_init__(self) -> None:
        for name in ("name", "sha256"):
            if not isinstance(getattr(self, name), str):
                raise SettingError(name, getattr(self, name), "text")
        if not all(isinstance(path, str) for path in self.origin):
            raise SettingError("origin", self.origin, "texts")
        check_number("step", self.step, 0, whole=True)
        check_number("known_ids", self.known_ids, 2, whole=True)
        check_number("first_loss", self.first_loss, 0)
        check_number("learnt_characters", self.learnt_characters, 0, whole=True)

    def to_json(self) -> dict[str, Any]:
        """Return the ancestor as a dictionary that JSON can hold."""
        content = asdict(self) | {"origin": list(self.origin)}
        if not self.learnt_characters:
            del content["learnt_characters"]
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned.

        Raises:
            SettingError: if a value is out of range.
            LookupError, TypeError: if a name is missing or unknown.
        """
        return cls(**{**content, "origin": tuple(content["origin"])})
