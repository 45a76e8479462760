"""The command that shows and changes the labels of what is written."""

from collections.abc import Iterator, Sequence

from textgen.data.labels import LabelField, find_field, format_shares, named, typed_value
from textgen.session.command import Command, SessionState
from textgen.session.messages import Message, Reply

OFF = "off"


def label(state: SessionState, rest: str) -> Iterator[Reply]:
    """Show the labels, or change one of them. The state of the network is kept.

    Raises:
        UsageError: if there is no such label.
    """
    generator = state.conversation.generator
    fields, typed = generator.label_fields, rest.strip()
    if typed.lower() == OFF:
        generator.use_labels({})
    elif typed:
        name, value = _field_and_value(fields, typed)
        field = find_field(fields, name)
        if not value:
            yield Message(f"{name}: {named(field.values)}; /label {name} VALUE sets it")
            return
        others = {one: shares for one, shares in generator.labels.items() if one != name}
        new = {} if value.lower() == OFF else {name: typed_value(field, value)}
        generator.use_labels({**others, **new})
    yield Message(_shown(state))


def _field_and_value(fields: Sequence[LabelField], typed: str) -> tuple[str, str]:
    """Return the field and the value of `FIELD VALUE` or `FIELD=VALUE`; names may hold spaces."""
    for field in sorted(fields, key=lambda one: -len(one.name)):
        after = typed.removeprefix(field.name)
        if after != typed and (not after or after[0] in " ="):
            return field.name, after[1:].strip()
    name, _, value = typed.replace("=", " ", 1).partition(" ")
    return name, value.strip()


def _shown(state: SessionState) -> str:
    generator = state.conversation.generator
    if not generator.label_fields:
        return "this run was trained without labels"
    can_be = "; ".join(f"{one.name} can be {named(one.values)}" for one in generator.label_fields)
    now = "; ".join(format_shares(generator.labels)) or "none, so that it writes as all of them"
    return f"label: {now}\n{can_be}"


def _completions(state: SessionState) -> list[str]:
    fields = state.conversation.generator.label_fields
    pairs = [f"{field.name} {value}" for field in fields for value in (*field.values, OFF)]
    return [OFF, *(field.name for field in fields), *pairs]


LABEL_COMMANDS = (
    Command(
        "/label",
        "NAME VALUE",
        "set a label of what is written; /label shows all",
        label,
        _completions,
        details="Without a name it shows the labels. A run that was trained with --label or "
        "--label-from writes what is asked for. "
        "/label author austen sets a label, /label author austen:3,melville:1 mixes values, "
        "/label author off leaves one out, and /label off leaves all out. What was read and "
        "written before stays as it is.",
    ),
)
