"""Files that give options other defaults: textgen.toml, here or in the user's configuration.

A table has the name of a command and holds its options, as in `[train]` and `minutes = 5`. What
stands before the first table holds for all commands that have the option. The command line wins
over the file in the current folder, and that over the user's.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Set
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple, get_args, get_origin

from textgen.errors import UsageError
from textgen.planning.request import MODEL_OPTIONS
from textgen.readable import cut, one_line
from textgen.terminal.commands.configuration_file import NAME, Table, user_file
from textgen.terminal.commands.refusals import (
    MOST_COLUMNS,
    allowed_values,
    did_you_mean,
    taken_type,
)

# Longest value that is shown where it is used, in columns.
MOST_SHOWN = 30
# Options that only a command line gives, since they say what a command is to do, once.
NEVER = frozenset({"config", "no_config", "help", "yes"})
# What the file of the current folder may set besides numbers, choices and switches. A folder may
# come from a stranger: its file must not choose what is read and written, or what runs.
TEXTS = frozenset(
    {"temperature", "prompt", "forbid", "only", "starts", "stop", "label", "field", "encoding"}
    | {"units", "show", "gap"}
)
# Switches that it may not set, since they delete, overwrite or open something.
SWITCHES = frozenset({"delete", "rename", "copy", "force", "no_key"})
# Options that do not go together: one on the command line leaves out the others of a file.
APART = ({"minutes", "steps"}, {"prompt", "prompt_file"})
# What a file still gives where a run is resumed: the run has decided the rest.
WITH_RESUME = frozenset({"keep", "devices", "progress", "as_json", "quiet", "verbose"})


class Option(NamedTuple):
    """An option of a command.

    Attributes:
        name: name of the parameter of the command.
        annotation: its annotation.
        is_repeated: whether it can be given several times.
    """

    name: str
    annotation: Any
    is_repeated: bool


class Given(NamedTuple):
    """A value that a file gives an option.

    Attributes:
        value: the value, as the command takes it.
        option: name of the option, without the dashes.
        table: the table of the file.
    """

    value: Any
    option: str
    table: Table

    def place(self) -> str:
        """Return the file and the line, for messages."""
        return self.table.place(self.option)

    def shown(self) -> str:
        """Return the option with its value, for people."""
        value = self.value if isinstance(self.value, list) else [self.value]
        texts = (str(one).lower() if isinstance(one, bool) else str(one) for one in value)
        return f"{self.option} {cut(one_line(', '.join(texts)), MOST_SHOWN)}"


def options_of(command: Callable[..., Any], parameters: Iterable[Any]) -> dict[str, Option]:
    """Return the options of a command that a file can give, by their names without dashes.

    Args:
        command: the function of the command.
        parameters: its parameters, as Typer has them.
    """
    known = inspect.signature(command).parameters
    return {
        name.removeprefix("--"): Option(one.name, known[one.name].annotation, bool(one.multiple))
        for one in parameters
        if one.param_type_name == "option" and one.name in known and one.name not in NEVER
        for name in one.opts
        if name.startswith("--")
    }


def defaults(
    tables: Iterable[Table],
    commands: Mapping[str, Mapping[str, Option]],
    command: str,
    given: Set[str] = frozenset(),
) -> dict[str, Given]:
    """Return what files give the options of a command that are not given on the command line.

    Args:
        tables: what `read_tables` returned.
        commands: the options of each command, as `options_of` returns them.
        command: name of the command that runs.
        given: names of the parameters that are given on the command line.

    Returns:
        Values by the names of parameters.

    Raises:
        UsageError: if any command or option in a file does not exist, or the file may not give it,
            or its value has another type.
    """
    found: dict[str, Given] = {}
    for table in tables:
        own: dict[str, Given] = {}
        known = _known(table, commands)
        for option, value in table.values.items():
            if option not in known:
                whose = f"textgen {table.command} has" if table.command else "there is"
                raise UsageError(
                    f"{table.place(option)}: {whose} no option {option!r}"
                    f"{did_you_mean(get_close_matches(option, known, 1))}"
                )
            _check_allowed(table, option, known[option])
            taken = _typed(table, option, value, known[option])
            if table.command in ("", command) and option in commands[command]:
                own[commands[command][option].name] = Given(taken, option, table)
        apart = _contradicting(own.keys())
        found = {name: one for name, one in found.items() if name not in apart} | own
    if "resume" in given:
        found = {name: one for name, one in found.items() if name in WITH_RESUME}
    left_out = given | _contradicting(given)
    return {name: one for name, one in found.items() if name not in left_out}


def _known(table: Table, commands: Mapping[str, Mapping[str, Option]]) -> Mapping[str, Option]:
    """Return the options that a table may name.

    Raises:
        UsageError: if there is no such command.
    """
    if not table.command:
        return {name: one for options in commands.values() for name, one in options.items()}
    if table.command not in commands:
        near = did_you_mean(get_close_matches(table.command, commands, 1))
        raise UsageError(f"{table.place()}: there is no command {table.command!r}{near}")
    return commands[table.command]


def _contradicting(given: Set[str]) -> set[str]:
    """Return the parameters that cannot be given with some others."""
    found = {name for group in APART if given & group for name in group}
    return found | ({*MODEL_OPTIONS} if "from_run" in given else set())


def _check_allowed(table: Table, option: str, found: Option) -> None:
    """Check that the file of the current folder does nothing but set how a command works.

    Raises:
        UsageError: if it names what is read, written, deleted or run.
    """
    kind = taken_type(found.annotation)
    is_text = kind not in (int, float, bool) and get_origin(kind) is not Literal
    if table.is_local and (found.name in SWITCHES or (is_text and found.name not in TEXTS)):
        raise UsageError(
            f"{table.place(option)}: a file of the current folder cannot set {option}, since it "
            f"may come from a stranger; set it in {str(user_file())!r}, or name the file: "
            f"--config {NAME}"
        )


def _typed(table: Table, option: str, value: Any, found: Option) -> Any:
    """Return a value as the command takes it.

    Raises:
        UsageError: if it has another type.
    """
    if found.is_repeated:
        values = value if isinstance(value, list) else [value]
        single = found._replace(is_repeated=False)
        return [_typed(table, option, one, single) for one in values]
    kind, is_switch = taken_type(found.annotation), isinstance(value, bool)
    is_number = isinstance(value, int | float) and not is_switch
    if kind is bool and is_switch:
        return value
    if kind is float and is_number:
        return float(value)
    if kind is int and isinstance(value, int) and not is_switch:
        return value
    if get_origin(kind) is Literal and value in get_args(kind):
        return value
    # A text may look like a number, as a temperature does.
    is_text = kind not in (int, float, bool) and get_origin(kind) is not Literal
    if is_text and (isinstance(value, str) or is_number):
        return str(value)
    shown = {True: "true", False: "false"}[value] if is_switch else cut(repr(value), MOST_COLUMNS)
    allowed = allowed_values(found.annotation)
    raise UsageError(f"{table.place(option)}: {option} must be {allowed}, got {shown}")
