"""The settings of a session: changed by what is typed, and shown so that it can be typed again."""

import dataclasses
import re
from typing import Any, get_args

from textgen.data.words import read_words
from textgen.errors import SettingError
from textgen.readable import unescape
from textgen.session.arguments import file_path
from textgen.session.conversation import Conversation
from textgen.settings import MAX_LENGTH, MAX_SEED, OnUnknown, SamplingSettings, check_number

# Defaults of the settings of writing, by name.
DEFAULTS = {
    field.name: field.default for field in dataclasses.fields(SamplingSettings) if field.init
}
RULES: tuple[OnUnknown, ...] = get_args(OnUnknown)
# Settings that belong to the conversation itself.
OWN = ("length", "seed", "on_unknown")
NAMES = [*DEFAULTS, *OWN]
OFF = "off"
ESCAPES = {"\\": r"\\", "\n": r"\n", "\t": r"\t"}
# Settings that cannot be turned off. For every other setting, `off` is the default.
ALWAYS_ON = ("temperature", "repetition_window", *OWN)


def parse_control(name: str, text: str) -> Any:
    r"""Read a value as it is typed.

    Args:
        name: one of NAMES.
        text: a number; the name of a file for `words`; strings separated by commas for `starts` and
            `stop`, in which `\,` is a comma; a string for `forbid` and `only`. Strings have the
            escapes of `unescape`. `off` turns a setting off, and so does an empty text where
            strings are expected.

    Raises:
        SettingError: if the text is not a value of this setting.
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
    """Return a value as it can be typed again; for words, only their number."""
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
    # Half of a surrogate pair and a character beyond U+FFFF have no escape.
    code = ord(character)
    has_escape = code < 0xD800 or 0xE000 <= code <= 0xFFFF
    return f"\\u{code:04x}" if has_escape and not character.isprintable() else character


def takes_text(name: str) -> bool:
    """Return whether the values of a setting are strings, which may be empty."""
    return name != "temperature" and isinstance(DEFAULTS.get(name), str | tuple)


def change_control(conversation: Conversation, name: str, text: str) -> None:
    """Change a setting of a session to a typed value.

    Raises:
        TextgenError: if the value is not allowed, or if the model cannot write with it. Nothing
            has changed then.
    """
    value = parse_control(name, text)
    if name in OWN:
        setattr(conversation, name, value)
    else:
        settings = dataclasses.replace(conversation.settings, **{name: value})
        conversation.generator.sampler(settings)  # an error if the model cannot write with it
        conversation.settings = settings


def show_control(conversation: Conversation, name: str) -> str:
    """Return the value of a setting of a session as it can be typed."""
    return format_control(
        name, getattr(conversation if name in OWN else conversation.settings, name)
    )
