"""The help of a session: all commands, or one command or setting."""

from collections.abc import Sequence

from textgen.errors import UsageError
from textgen.readable import wrap_lines
from textgen.session.arguments import did_you_mean
from textgen.session.command import Command, SessionState
from textgen.session.controls import NAMES, explain_setting, find_setting

# Widest line of the help, and least width of a table of commands, in columns.
MAX_COLUMNS, TABLE_COLUMNS = 80, 70
INTRODUCTION = '''\
Type text, and the model continues it. Each text begins on a new line; an empty line continues \
the text where it ends. Ctrl-C stops the writing, Ctrl-D ends the session. Type // to begin a text \
with /, and type a text of several lines between """ and """. Tab completes words and commands, \
Ctrl-R searches the lines that were typed before. /help NAME explains a command or a setting.
'''
# What is explained by /help besides the commands and the settings.
TOPICS = {
    "copy": "copy\nAfter each turn the line at the bottom shows, as copied N, how many characters "
    "of the text that the model wrote stand in its training text too, in the same order and "
    "without a gap. It is shown as soon as it is counted, also for a turn that was loaded; there "
    "is no number if the training text was not kept or is over 20 MB, or if the terminal is too "
    "narrow. /set max_copy N lets the model copy no more than N characters.",
}


def list_commands(commands: Sequence[Command], columns: int) -> str:
    """Return the help of all commands, wrapped to a width in columns: a table if it is wide."""
    if columns >= TABLE_COLUMNS:
        lines = [f"  {f'{each.name} {each.arguments}':18}{each.help}" for each in commands]
    else:
        lines = [f"{each.name} {each.arguments}\n  {each.help}" for each in commands]
    return wrap_lines(INTRODUCTION + "\n".join(lines), min(columns, MAX_COLUMNS))


def explain(state: SessionState, commands: Sequence[Command], typed: str) -> str:
    """Return what a command or a setting does, or a text on one of `TOPICS`.

    Both are explained if a command and a setting have the name.

    Args:
        state: the session.
        commands: all commands.
        typed: the name; that of a command may lack its slash.

    Raises:
        UsageError: if there is neither.
    """
    name = typed.lower().lstrip("/")
    if typed.lower() in TOPICS:
        return TOPICS[name]
    found = [explain_command(each) for each in commands if f"/{name}" in (each.name, *each.aliases)]
    if not typed.startswith("/"):
        try:
            found.append(explain_setting(state, find_setting(typed)))
        except UsageError:
            if not found:
                known = [*(each.name.lstrip("/") for each in commands), *NAMES, *TOPICS]
                hint = did_you_mean(name, known)
                raise UsageError(f"there is no command or setting {typed[:40]!r}{hint}") from None
    if not found:
        hint = did_you_mean(f"/{name}", [each.name for each in commands])
        raise UsageError(f"there is no command {typed[:40]}{hint}")
    return "\n".join(found)


def explain_command(command: Command) -> str:
    """Return what a command does, with its details and other names."""
    sentence = command.help[0].upper() + command.help[1:]
    also = f" Other names: {', '.join(command.aliases)}." if command.aliases else ""
    details = f" {command.details}" if command.details else ""
    return f"{command.name} {command.arguments}".rstrip() + f"\n{sentence}.{details}{also}"
