"""The settings of a session by their names: from what is typed to a value, and back."""

import dataclasses
import re
from typing import Any, get_args

from textgen.data.words import read_words
from textgen.errors import SettingError
from textgen.readable import unescape
from textgen.session.arguments import file_path
from textgen.session.conversation import Conversation
from textgen.settings import MAX_LENGTH, MAX_SEED, OnUnknown, SamplingSettings, check_number

DEFAULTS = {
    field.name: field.default for field in dataclasses.fields(SamplingSettings) if field.init
}
RULES: tuple[OnUnknown, ...] = get_args(OnUnknown)
OWN = ("length", "seed", "on_unknown")
NAMES = [*DEFAULTS, *OWN]
OFF = "off"
ESCAPES = {"\\": r"\\", "\n": r"\n", "\t": r"\t"}
# Those that `off` says nothing about: it stands for the default of every other.
ALWAYS_ON = ("temperature", "repetition_window", *OWN)


def parse_control(name: str, text: str) -> Any:
    r"""Read a value as it is typed.

    Args:
        name: one of NAMES.
        text: numbers; a file for `words`; texts separated by commas for `starts` and `stop`, in
            which `\,` is a comma; the other texts as they are; all with the escapes of `unescape`.
            `off`, or nothing for a text, turns a setting off.

    Raises:
        SettingError: if it is not such a value.
        CorpusError: if the file of words cannot be read.
    """
    default, plain = DEFAULTS.get(name), text.strip()
    if plain == OFF and name not in ALWAYS_ON:
        return default
    if name == "on_unknown":
        return _parse_rule(plain)
    if name == "temperature":
        return plain
    if isinstance(default, str | tuple):
        return _parse_text(name, text) if plain or text else default
    is_whole = isinstance(default, int) or name in ("length", "seed")
    try:
        value = int(plain) if is_whole else float(plain)
    except ValueError:
        kind = "a whole number" if is_whole else "a number"
        raise SettingError(name, plain[:40], kind) from None
    if name == "length":
        check_number(name, value, 1, MAX_LENGTH, whole=True)
    elif name == "seed":
        check_number(name, value, 0, MAX_SEED, whole=True)
    return value


def _parse_text(name: str, text: str) -> Any:
    if name == "words":
        return read_words(file_path("/set words", text))
    return _split(text) if isinstance(DEFAULTS[name], tuple) else unescape(text)


def _split(text: str) -> tuple[str, ...]:
    parts: list[list[str]] = [[]]
    for found in re.findall(r"\\u[0-9a-fA-F]{4}|\\.|,|[^\\,]+|\\", text, re.DOTALL):
        if found == ",":
            parts.append([])
        else:
            parts[-1].append("," if found == r"\," else unescape(found))
    return tuple(map("".join, parts))


def _parse_rule(text: str) -> OnUnknown:
    for rule in RULES:
        if rule == text:
            return rule
    raise SettingError("on_unknown", text, f"{', '.join(RULES[:-1])} or {RULES[-1]}")


def format_control(name: str, value: Any) -> str:
    """Write a value so that typed again it is the same; of words only how many there are."""
    if name == "words" and value:
        return f"{len(value):,} {'word' if len(value) == 1 else 'words'}"
    if isinstance(value, str | tuple) and not value:
        return OFF
    if isinstance(value, tuple):
        text = ",".join(_escape(text).replace(",", r"\,") for text in value)
    else:
        text = _escape(value) if isinstance(value, str) else str(value)
    return text.replace("o", r"\u006f", 1) if text.strip() == OFF else text


def _escape(text: str) -> str:
    return "".join(map(_escape_character, text))


def _escape_character(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    # Halves of surrogate pairs have no escape, nor has what lies beyond U+FFFF.
    code = ord(character)
    has_escape = code < 0xD800 or 0xE000 <= code <= 0xFFFF
    return f"\\u{code:04x}" if has_escape and not character.isprintable() else character


def takes_text(name: str) -> bool:
    """Return whether a setting is a text or several, for which nothing is a value too."""
    return name != "temperature" and isinstance(DEFAULTS.get(name), str | tuple)


def change_control(conversation: Conversation, name: str, text: str) -> None:
    """Change a setting of a session to what was typed.

    Raises:
        TextgenError: if that cannot be, or the model cannot write so; nothing has changed then.
    """
    value = parse_control(name, text)
    if name in OWN:
        setattr(conversation, name, value)
    else:
        settings = dataclasses.replace(conversation.settings, **{name: value})
        conversation.generator.sampler(settings)  # refuses what the model cannot do
        conversation.settings = settings


def show_control(conversation: Conversation, name: str) -> str:
    """Write a setting of a session."""
    return format_control(
        name, getattr(conversation if name in OWN else conversation.settings, name)
    )
