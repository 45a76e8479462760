"""The plugin for `llm` (llm.datasette.io), with which it writes with runs as with other models.

`llm` loads this module by its entry point; nothing else in textgen imports it. Its options are
those of `textgen sample`, in the same words, so it stands above the terminal. At each start of
`llm` it only lists the runs. What a run needs is imported when it writes.
"""

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llm
from pydantic import Field, create_model, model_validator

from textgen.errors import TextgenError
from textgen.runs.names import run_folders
from textgen.settings import (
    MAX_LENGTH,
    MAX_SEED,
    PROMPT_UNKNOWN,
    OnUnknown,
    SamplingSettings,
    check_number,
    setting_options,
)

if TYPE_CHECKING:
    from textgen.generation.generator import Generator
    from textgen.generation.model import Model

# Most characters of an answer by default.
LENGTH = 500
SAMPLING = setting_options(SamplingSettings)
# Settings of several texts. `llm -o` gives one text, or a list as JSON.
SEVERAL = {"stop", "label"}
# Where a conversation of `llm` keeps the generator that has written it.
KEPT = "_textgen"


@llm.hookimpl
def register_models(register: Any) -> None:
    """Register each run in the folder of runs, whether it can be read or not."""
    for path in run_folders():
        register(RunModel(path.resolve().name))


class _Checked(llm.Options):
    """Options that are checked when they are given."""

    @model_validator(mode="after")
    def check(self) -> "_Checked":
        """Check the values as `textgen sample` does.

        Raises:
            ValueError: if one is out of range.
        """
        try:
            for name, low, high in (("length", 0, MAX_LENGTH), ("seed", 0, MAX_SEED)):
                if (value := getattr(self, name)) is not None:
                    check_number(name, value, low, high, whole=True)
            _settings_of(self)
        except TextgenError as error:
            raise ValueError(str(error)) from error
        return self


def _options_type() -> Any:
    """Return the class of the options: those of `textgen sample` that decide about a text."""
    fields: dict[str, Any] = {
        "length": (int | None, _field("Largest number of characters to write.", LENGTH)),
        "seed": (
            int | None,
            _field("Seed of the draws: the same seed gives the same text. Random by default."),
        ),
        "label": (
            str | list[str] | None,
            _field(
                "Label of the text, such as author=austen, if the run was trained with labels; "
                "several as a list of JSON."
            ),
        ),
        "on_unknown": (
            OnUnknown | None,
            _field("What to do with a character that the model does not know.", PROMPT_UNKNOWN),
        ),
    }
    for name, one in SAMPLING.items():
        kind = {"temperature": float | str, "stop": str | list[str], "words": str, "starts": str}
        taken: Any = kind.get(name, one.annotation)
        fields[name] = (taken | None, _field(one.help_text, one.default))
    return create_model("Options", __base__=_Checked, **fields)


def _field(help_text: str, default: Any = None) -> Any:
    by_default = "" if default in (None, "", ()) else f" {default} by default."
    return Field(default=None, description=help_text + by_default)


def _settings_of(options: Any) -> SamplingSettings:
    """Return the settings of writing that options give.

    Raises:
        TextgenError: if a value is out of range, or the file of words cannot be read.
    """
    from textgen.terminal.commands.options import sampling_settings

    given = {name: getattr(options, name) for name in SAMPLING}
    given["stop"] = _several(given["stop"])
    settings = sampling_settings(given)
    if options.words is None:
        return settings
    from textgen.data.words import read_words

    return replace(settings, words=read_words(Path(options.words)))


def _several(given: str | list[str] | None) -> list[str] | None:
    """Return texts that are given as one text, as a list, or as a list of JSON.

    >>> _several("a=b"), _several('["a=b", "c=d"]')
    (['a=b'], ['a=b', 'c=d'])
    """
    if not isinstance(given, str):
        return given
    try:
        read = json.loads(given)
    except ValueError:
        return [given]
    return read if isinstance(read, list) and all(isinstance(t, str) for t in read) else [given]


@dataclass(frozen=True)
class _Kept:
    """A generator as it stands at the end of a conversation.

    Attributes:
        text: the whole text of the conversation.
        labels: the labels that were asked for.
        generator: the generator that has read and written it.
    """

    text: str
    labels: tuple[str, ...]
    generator: "Generator"


class RunModel(llm.Model):  # type: ignore[misc, unused-ignore]
    """A run that answers a text by what follows it.

    A conversation is one text, of what the user gives and what the run writes, in turns.
    """

    can_stream = True
    Options = _options_type()

    def __init__(self, name: str) -> None:
        self.model_id = f"textgen/{name}"
        self._name = name
        self._loaded: dict[tuple[str, ...], Model] = {}

    def __str__(self) -> str:
        return f"textgen: {self.model_id}"

    def execute(
        self, prompt: Any, stream: bool, response: Any, conversation: Any = None
    ) -> Iterator[str]:
        """Read the conversation, go on with it, and yield the text in pieces.

        Raises:
            llm.ModelError: if the run cannot be used, or the prompt cannot be read.
        """
        try:
            yield from self._write(prompt, response, conversation)
        except (TextgenError, OSError) as error:
            raise llm.ModelError(str(error)) from error

    def _write(self, prompt: Any, response: Any, conversation: Any) -> Iterator[str]:
        options = prompt.options
        turns = _turns_of(prompt.messages)
        before, text = "".join(turns[:-1]), "".join(turns)
        labels = tuple(_several(options.label) or ())
        settings = _settings_of(options)
        model = self._model(labels)
        kept = getattr(conversation, KEPT, None)
        if isinstance(kept, _Kept) and (kept.text, kept.labels) == (before, labels):
            generator, unread = kept.generator, turns[-1]
        else:
            generator, unread = model.generator(seed=0), text
        if conversation is not None:
            # If this answer is cut, the generator has read more than the conversation holds.
            setattr(conversation, KEPT, None)
        generator.feed(unread, options.on_unknown or PROMPT_UNKNOWN)
        seed = secrets.randbelow(2**31) if options.seed is None else options.seed
        # Each answer is a sample of its own, so that it is the same whether the state was kept or
        # the conversation is read again.
        sample = len(turns) // 2
        generator.state = replace(generator.settle(), seed=seed, sample=sample, position=0)
        length = LENGTH if options.length is None else options.length
        response.response_json = {
            "run": model.run.name,
            "step": model.step,
            "sha256": model.sha256,
            "seed": seed,
            "sample": sample,
            "labels": {name: dict(values) for name, values in model.labels.items()},
            "settings": {"length": length, **settings.to_json()},
        }
        answer, finish = "", None
        for piece in generator.pieces(length, settings):
            answer, finish = answer + piece.text, piece.finish
            if piece.text:
                yield piece.text
        response.response_json["finish"] = finish
        kept_characters = {"kept": len(text) - len(unread)} if len(unread) < len(text) else None
        response.set_usage(input=len(text), output=len(answer), details=kept_characters)
        # After the end of a document, a conversation that is read again would not begin a new one.
        if conversation is not None and finish != "end":
            setattr(conversation, KEPT, _Kept(text + answer, labels, generator))

    def _model(self, labels: tuple[str, ...]) -> "Model":
        """Return the best checkpoint of the run, which is loaded once for each choice of labels."""
        from textgen.workflows.load import load_forward

        if labels not in self._loaded:
            self._loaded[labels] = load_forward(self._name, "llm", labels)
        return self._loaded[labels]


def _turns_of(messages: Sequence[Any]) -> list[str]:
    """Return the texts of a conversation: what was given, what was written, and so on in turn.

    Raises:
        llm.ModelError: if it has instructions, which a run cannot follow.
    """
    turns: list[str] = []
    roles: list[str] = []
    for message in messages:
        if message.role == "system":
            raise llm.ModelError(
                "a run of textgen goes on with a text and follows no instructions; leave the "
                "system prompt out, or begin the prompt with it"
            )
        text = "".join(getattr(part, "text", None) or "" for part in message.parts)
        if roles and roles[-1] == message.role:
            turns[-1] += text
        else:
            turns.append(text)
            roles.append(message.role)
    if not roles or roles[-1] != "user":
        turns.append("")  # nothing was given since
    return turns
