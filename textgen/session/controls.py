"""The settings of a session: changed by what is typed, and shown so that it can be typed again."""

import dataclasses
import re
from typing import Any, get_args

from textgen.data.words import read_words
from textgen.errors import SettingError, UsageError
from textgen.readable import unescape, with_point
from textgen.session.arguments import did_you_mean, file_path
from textgen.session.command import SessionState
from textgen.settings import (
    MAX_LENGTH,
    MAX_SEED,
    OnUnknown,
    SamplingSettings,
    check_number,
    setting_options,
)

# Defaults of the settings of writing, by name.
DEFAULTS = {
    field.name: field.default for field in dataclasses.fields(SamplingSettings) if field.init
}
RULES: tuple[OnUnknown, ...] = get_args(OnUnknown)
# Settings that belong to the conversation itself, and to the screen.
OWN = ("length", "seed", "on_unknown")
WRAP = "wrap"
NAMES = [*DEFAULTS, *OWN, WRAP]
ON, OFF = "on", "off"
ESCAPES = {"\\": r"\\", "\n": r"\n", "\t": r"\t"}
# What `off` means for settings whose default is something else, as it is typed.
OFF_VALUES = {"temperature": "1", "length": str(MAX_LENGTH), "on_unknown": "error"}
# Settings that cannot be off, and what to do instead.
ALWAYS_ON = {
    "seed": "/seed N changes it",
    "repetition_window": "/set repetition_penalty off turns the penalty off",
}
# What the settings do, where that is not what the help of the options says.
EXPLANATIONS = {
    "words": "File with the only words that may be written.",
    "starts": "Beginnings of the lines, separated by commas; the text ends after the last line. "
    "\\, is a comma.",
    "stop": "End before one of these texts, which are separated by commas. \\, is a comma.",
    "max_copy": "Longest run of characters to copy from the training text; 0 is off. A copy that "
    "has become as long as that is broken off, also inside of a word.",
    "length": "Largest number of characters that a turn writes.",
    "seed": "Seed of the draws: the same seed and the same lines give the same text.",
    "on_unknown": "What to do with a typed character that the model does not know: read it as the "
    "nearest known one (nearest), leave it out (skip), read it as the unknown character (replace), "
    "or refuse the text (error).",
    WRAP: "Whether the lines of text and messages are broken between words (on or off).",
}


def find_setting(typed: str) -> str:
    """Return the setting that is meant: its beginning is enough, and a hyphen is an underscore.

    Raises:
        UsageError: if there is none, or if there are several.
    """
    name = typed.lower().lstrip("-").replace("-", "_")
    if name in NAMES:
        return name
    found = [each for each in NAMES if name and each.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{typed!r} can be {' or '.join(found)}; type more of the name")
    raise UsageError(f"there is no setting {typed[:40]!r}{did_you_mean(name, NAMES)}")


def explain_setting(state: SessionState, name: str) -> str:
    """Return what a setting does, what it is now, and what `off` makes it."""
    text = EXPLANATIONS.get(name) or setting_options(SamplingSettings)[name].help_text
    now = f"It is {show_control(state, name)} now"
    if name in ALWAYS_ON:
        return f"/set {name} VALUE\n{text} {now}."
    off = format_control(name, parse_control(name, OFF))
    means = "" if off == OFF else f", which is {off}"
    return f"/set {name} VALUE\n{text} {now}; /set {name} off turns it off{means}."


def parse_control(name: str, text: str) -> Any:
    r"""Read a value as it is typed.

    Args:
        name: one of NAMES.
        text: a number; the name of a file for `words`; strings separated by commas for `starts` and
            `stop`, in which `\,` is a comma; a string for `forbid` and `only`. Strings have the
            escapes of `unescape`. `off` turns a setting off, and so does an empty text where
            strings are expected.

    Raises:
        UsageError: if the text is not a value of this setting.
        CorpusError: if the file of words cannot be read.
    """
    default, plain = DEFAULTS.get(name), text.strip()
    if name == WRAP:
        return _parse_switch(plain)
    if plain.lower() == OFF:
        if name in ALWAYS_ON:
            raise UsageError(f"{name} cannot be off; {ALWAYS_ON[name]}")
        if name not in OFF_VALUES:
            return default
        plain = OFF_VALUES[name]
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
        raise SettingError(name, plain[:40], kind, with_point(plain)) from None
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


def _parse_switch(text: str) -> bool:
    if text.lower() not in (ON, OFF):
        raise SettingError(WRAP, text[:40], f"{ON} or {OFF}")
    return text.lower() == ON


def _parse_rule(text: str) -> OnUnknown:
    for rule in RULES:
        if rule == text.lower():
            return rule
    raise SettingError("on_unknown", text[:40], f"{', '.join(RULES[:-1])} or {RULES[-1]}")


def format_control(name: str, value: Any) -> str:
    """Return a value as it can be typed again; for words, only their number."""
    if name == "words" and value:
        return f"{len(value):,} {'word' if len(value) == 1 else 'words'}"
    if isinstance(value, bool):
        return ON if value else OFF
    if name == "length" and value == MAX_LENGTH:
        return OFF
    if isinstance(value, str | tuple) and not value:
        return OFF
    if isinstance(value, tuple):
        text = ",".join(_escape(text).replace(",", r"\,") for text in value)
    else:
        text = _escape(value) if isinstance(value, str) else str(value)
    if text.strip().lower() == OFF:
        first = text.strip()[0]
        return text.replace(first, f"\\u{ord(first):04x}", 1)
    return text


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


def change_control(state: SessionState, name: str, text: str) -> None:
    """Change a setting of a session to a typed value.

    Raises:
        TextgenError: if the value is not allowed, or if the model cannot write with it. Nothing
            has changed then.
    """
    value, conversation = parse_control(name, text), state.conversation
    if name == WRAP:
        state.wraps = value
    elif name in OWN:
        setattr(conversation, name, value)
    else:
        settings = dataclasses.replace(conversation.settings, **{name: value})
        conversation.generator.sampler(settings)  # an error if the model cannot write with it
        conversation.settings = settings


def show_control(state: SessionState, name: str) -> str:
    """Return the value of a setting of a session as it can be typed."""
    if name == WRAP:
        return format_control(name, state.wraps)
    owner = state.conversation if name in OWN else state.conversation.settings
    return format_control(name, getattr(owner, name))
