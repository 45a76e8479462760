"""The content of run.json: the text of a run, its model and its plans."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from textgen.data.source_rules import SourceRules
from textgen.data.text_rules import TextRules
from textgen.data.tokens import TokenFile
from textgen.data.vocabulary import END
from textgen.errors import DamagedError, SettingError, UsageError
from textgen.runs.ancestry import Ancestor
from textgen.runs.checkpoint import FORMAT, ModelConfig, check_format
from textgen.settings import TrainingSettings, check_number

# How the texts of runs were made before run.json told it.
BEFORE_RULES = TextRules(source=SourceRules(format="text", normalization="none"), fits_text=False)


@dataclass(frozen=True, kw_only=True)
class CorpusRecord:
    """The text a run is trained on.

    Attributes:
        origin: the paths that were given, as absolute paths.
        sha256: SHA-256 of the normalised text, in hexadecimal.
        training_characters: characters of the training part, without what was put between files,
            records and documents. In runs of textgen 0.2 and before it counts the newlines that
            were put between files.
        validation_characters: those of the validation part.
        training_ids: number of ids of the training part, with which the token file begins. End
            symbols and newlines between files and records are among them.
        validation_ids: number of ids of the validation part.
        old_ids: number of ids of an old text that stand after the validation part. A share of each
            batch reads them; see `TrainingSettings.forget_less`.
        tokens_sha256: SHA-256 of the token file, in hexadecimal.
        sums_sha256: SHA-256 of the file of the sums of its blocks, in hexadecimal; None in runs of
            textgen 0.2 and before, which have no such file.
        origins_sha256: SHA-256 of the file that tells where the training part comes from, in
            hexadecimal; None in runs of textgen 0.2 and before, which have no such file.
        kept: whether the run holds the token file.
        rules: how the text is made of its sources.
        documents: number of documents; 0 if it is one whole text.
        training_documents: number of documents in the training part, if documents have labels;
            else 0.
        labels_sha256: SHA-256 of the file of labels, in hexadecimal; None if there are none.
        files: number of files that were read.
        passed_over: name and reason of the first files that were not read.
    """

    origin: tuple[str, ...]
    sha256: str
    training_characters: int
    validation_characters: int
    training_ids: int
    validation_ids: int
    tokens_sha256: str
    kept: bool
    sums_sha256: str | None = None
    origins_sha256: str | None = None
    rules: TextRules = BEFORE_RULES
    documents: int = 0
    training_documents: int = 0
    labels_sha256: str | None = None
    old_ids: int = 0
    files: int = 0
    passed_over: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for part in ("training", "validation"):
            ids, characters = getattr(self, f"{part}_ids"), getattr(self, f"{part}_characters")
            check_number(f"{part}_ids", ids, 2, whole=True)
            check_number(f"{part}_characters", characters, 0, ids, whole=True)
        _check_texts("origin", *self.origin or [None])
        beside = filter(lambda one: one is not None, (self.sums_sha256, self.origins_sha256))
        _check_texts("sha256", self.sha256, self.tokens_sha256, *beside)
        if not isinstance(self.kept, bool):
            raise SettingError("kept", self.kept, "true or false")
        check_number("documents", self.documents, 0, whole=True)
        check_number("training_documents", self.training_documents, 0, whole=True)
        if self.labels_sha256 is not None:
            _check_texts("labels_sha256", self.labels_sha256)
        check_number("old_ids", self.old_ids, 0, whole=True)
        check_number("files", self.files, 0, whole=True)
        _check_texts("passed_over", *(text for pair in self.passed_over for text in pair))

    def to_json(self) -> dict[str, Any]:
        """Return the record as a dictionary that JSON can hold."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("sums_sha256", "origins_sha256"):
            if content[name] is None:
                del content[name]
        if self.labels_sha256 is None:
            del content["labels_sha256"], content["training_documents"]
        if not self.old_ids:
            del content["old_ids"]
        return content | {
            "origin": list(self.origin),
            "rules": self.rules.to_json(),
            "passed_over": [list(pair) for pair in self.passed_over],
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` of this version or an older one returned.

        Raises:
            SettingError: if a value is out of range.
            LookupError, TypeError, AttributeError: if the content has another form.
        """
        values = dict(content) | {"origin": tuple(content["origin"])}
        # It was the sum of the parts, or missed what was put between texts.
        values.pop("characters", None)
        for part in ("training", "validation"):
            values.setdefault(f"{part}_ids", content[f"{part}_characters"])
        if "rules" in content:
            values["rules"] = TextRules.from_json(content["rules"])
            values["passed_over"] = tuple((str(n), str(r)) for n, r in content["passed_over"])
        return cls(**values)

    def without_files(self) -> Self:
        """Return the record of a run that keeps no text."""
        return replace(self, kept=False, sums_sha256=None, origins_sha256=None)

    @property
    def tokens(self) -> int:
        """Number of ids in the token file."""
        return self.training_ids + self.validation_ids + self.old_ids

    def parts(self, tokens: TokenFile) -> tuple[TokenFile, TokenFile, TokenFile | None]:
        """Return the training part, the validation part and the old text, None if there is none."""
        split, end = self.training_ids, self.training_ids + self.validation_ids
        old = tokens.part(end) if self.old_ids else None
        return tokens.part(0, split), tokens.part(split, end), old

    @property
    def characters(self) -> int:
        """Length of the whole text in characters."""
        return self.training_characters + self.validation_characters


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The content of run.json.

    Attributes:
        created: when the run was created, in ISO 8601 and UTC.
        corpus: the text.
        config: the model, without its parameters.
        plans: the first plan, and one for each time the run was trained further. The last plan is
            in force.
        versions: versions of textgen and of the packages it depends on.
        is_measurement: whether the run was trained for a measurement. Such a run is never the
            newest run, with which commands work by default.
        ancestry: the runs from whose weights this one began, the oldest first; empty if it began
            from random weights.
    """

    created: str
    corpus: CorpusRecord
    config: ModelConfig
    plans: tuple[TrainingSettings, ...]
    versions: Mapping[str, str]
    is_measurement: bool = False
    ancestry: tuple[Ancestor, ...] = ()

    @property
    def plan(self) -> TrainingSettings:
        """The plan in force."""
        return self.plans[-1]

    @property
    def new_characters(self) -> str:
        """Characters that the run from whose weights this one began did not know."""
        if not self.ancestry:
            return ""
        # The unknown character has the first id, and is not among the characters.
        return self.config.vocabulary.characters[self.ancestry[-1].known_ids - 1 :].replace(END, "")

    @property
    def sum(self) -> str:
        """SHA-256 of what never changes in a run and tells it from any other, in hexadecimal.

        Each checkpoint holds it, so that one of another run is noticed.
        """
        corpus, first = self.corpus, self.plans[0]
        parts = [self.created, corpus.sha256, corpus.tokens_sha256, first.seed]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the record as a dictionary that JSON can hold."""
        return {
            "format": FORMAT,
            "created": self.created,
            "corpus": self.corpus.to_json(),
            "model": self.config.to_json(),
            "plans": [plan.to_json() for plan in self.plans],
            "versions": dict(self.versions),
            **({"measurement": True} if self.is_measurement else {}),
            **({"ancestry": [one.to_json() for one in self.ancestry]} if self.ancestry else {}),
        }

    @classmethod
    def from_json(cls, path: Path, content: Mapping[str, Any]) -> "RunRecord":
        """Read what `to_json` returned.

        Raises:
            DamagedError: if the content is invalid; the message names the path.
        """
        check_format(path, content)
        try:
            if content["plans"][0]["first_step"] != 0:
                raise SettingError("first_step", content["plans"][0]["first_step"], "0")
            _check_texts("created", content["created"], *content["versions"].values())
            return cls(
                created=content["created"],
                corpus=CorpusRecord.from_json(content["corpus"]),
                config=ModelConfig.from_json(path, content["model"]),
                plans=(
                    TrainingSettings.from_json(content["plans"][0]),
                    *map(TrainingSettings.from_json, content["plans"][1:]),
                ),
                versions=content["versions"],
                is_measurement=content.get("measurement") is True,
                ancestry=tuple(map(Ancestor.from_json, content.get("ancestry", ()))),
            )
        except (LookupError, TypeError, ValueError, AttributeError, UsageError) as error:
            raise DamagedError(path, f"bad content: {error}") from error


def _check_texts(name: str, *values: object) -> None:
    for value in values:
        if not isinstance(value, str):
            raise SettingError(name, value, "text")
