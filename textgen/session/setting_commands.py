"""Commands that show and change the settings of a session."""

import re
from collections.abc import Iterator
from dataclasses import replace

from textgen.generation.remarks import remark
from textgen.readable import escape_note
from textgen.session.command import Command, SessionState
from textgen.session.controls import (
    NAMES,
    OFF,
    ON,
    RULES,
    WRAP,
    change_control,
    find_setting,
    parse_control,
    show_control,
    takes_text,
)
from textgen.session.loaded_model import mixed_in
from textgen.session.messages import Message, Reply
from textgen.session.prefill import Progress

INDEXING = "indexing the training text for max_copy, once; Ctrl-C stops it"


def change(state: SessionState, rest: str) -> Iterator[Reply]:
    """Change a setting; without a name, show all."""
    found = re.match(r"([^\s=]*)(?:[\s=](.*))?", rest.lstrip(), re.DOTALL)
    typed, value = (found[1], found[2]) if found else ("", None)
    if not typed:
        yield from show(state, "")
        return
    name = find_setting(typed)
    if value is None or not (value or takes_text(name)):
        yield Message(f"{name}: {show_control(state, name)}; /set {name} VALUE changes it")
        return
    if name == "max_copy":
        yield from _prepare(state, value)
    change_control(state, name, value)
    yield Message(f"{name}: {show_control(state, name)}")
    conversation = state.conversation
    notes = [remark(name, conversation.settings, conversation.generator.vocabulary)]
    if name in ("starts", "stop") and (note := escape_note(value)):
        notes.insert(0, f"{name}: {note}")
    yield from (Message(note) for note in notes if note)


def _prepare(state: SessionState, text: str) -> Iterator[Reply]:
    """Prepare the index of the training text for a limit of copies, as it was typed."""
    conversation, is_told = state.conversation, False
    settings = replace(conversation.settings, max_copy=parse_control("max_copy", text))
    for share in conversation.generator.prepare(settings):
        is_long = bool(share)  # a small text needs no message
        if is_long and not is_told:
            yield Message(INDEXING)
        is_told = is_told or is_long
        yield Progress(f"indexing the training text: {share:.0%}") if share else ""


def show(state: SessionState, rest: str) -> Iterator[Reply]:
    """Show all settings, and what is mixed in."""
    lines = [f"{name}: {show_control(state, name)}" for name in NAMES]
    mixed = mixed_in(state.conversation.model)
    yield Message("\n".join([*lines, *([f"mix: {mixed}"] if mixed else [])]))


def seed(state: SessionState, rest: str) -> Iterator[Reply]:
    """Show the seed, or change it."""
    if rest.strip():
        change_control(state, "seed", rest)
    yield Message(f"seed: {state.conversation.seed}")


SETTING_COMMANDS = (
    Command(
        "/set",
        "NAME VALUE",
        "change a setting; the value off turns it off",
        change,
        lambda state: [
            *NAMES,
            *(f"on_unknown {rule}" for rule in RULES),
            *(f"{WRAP} {value}" for value in (ON, OFF)),
        ],
        before_file="words ",
        details=f"The settings are {', '.join(NAMES)}. The beginning of a name is enough. "
        "A name alone shows the value. "
        "/help NAME explains a setting, and /show shows the values of all.",
    ),
    Command("/show", "", "show all settings", show),
    Command("/seed", "[N]", "show the seed, or change it", seed),
)
