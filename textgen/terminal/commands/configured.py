"""Commands whose options have the defaults that files give them."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Self

import typer

from textgen.errors import SettingError, UsageError
from textgen.terminal.commands.configuration import Given, defaults, options_of
from textgen.terminal.commands.configuration_file import read_tables
from textgen.terminal.commands.run_names import path_of
from textgen.terminal.commands.shells import META as ARGUMENTS
from textgen.terminal.display.help import Command
from textgen.terminal.output import say

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="File with defaults of options, in place of textgen.toml in the current folder and "
        "in the user's configuration.",
        parser=path_of,
        expose_value=False,
    ),
]
NoConfig = Annotated[
    bool,
    typer.Option("--no-config", help="Read no file with defaults.", expose_value=False),
]
# Where a context keeps what files have given its command.
META = "textgen.given"


@dataclass
class Answer:
    """How the process answers: the object of its contexts.

    Attributes:
        as_json: whether JSON is asked for, on the command line or in a file. Errors are then told
            in JSON too.
    """

    as_json: bool

    @classmethod
    def to(cls, arguments: Sequence[str]) -> Self:
        """Return what a command line asks for, before any file is read."""
        return cls("--json" in takewhile(lambda argument: argument != "--", arguments))


def takes_configuration(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options `--config` and `--no-config`, of which it gets nothing."""
    more = {"config": (ConfigFile, None), "no_config": (NoConfig, False)}

    @wraps(command)
    def configured(**given: Any) -> None:
        command(**{name: value for name, value in given.items() if name not in more})

    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [one.replace(kind=kind) for one in inspect.signature(command).parameters.values()]
    parameters += [
        inspect.Parameter(name, kind, default=default, annotation=annotation)
        for name, (annotation, default) in more.items()
    ]
    configured.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    configured.__annotations__ = {one.name: one.annotation for one in parameters}
    return configured


class ConfiguredCommand(Command):
    """A command whose options have the defaults that files give them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the files, then the arguments."""
        if ARGUMENTS in ctx.meta and not ctx.resilient_parsing:
            given = self.make_parser(ctx).parse_args(args=[*args])[0]
            found = self._given(ctx, given)
            ctx.meta[META] = found
            ctx.default_map = {name: one.value for name, one in found.items()}
            if "as_json" in found:
                ctx.obj.as_json = found["as_json"].value
        if ctx.resilient_parsing and args and args[-1].startswith("-"):
            # A shell completes the value of this option. Typer would take no argument before it.
            args = args[:-1]
        return super().parse_args(ctx, args)

    def _given(self, ctx: Any, given: Mapping[str, Any]) -> dict[str, Given]:
        """Return what files give, from the parameters that are on the command line.

        Raises:
            UsageError: if a file is wrong, or is both named and left out.
        """
        # Both options may also stand before the command.
        group = ctx.parent.command
        before = group.make_parser(ctx.parent).parse_args(args=[*ctx.meta[ARGUMENTS]])[0]
        config = given.get("config", before.get("config"))
        no_config = given.get("no_config", before.get("no_config"))
        if "help" in given or (no_config and config is None):
            return {}
        if no_config:
            raise UsageError("give --config or --no-config, not both")
        tables = read_tables(path_of(config) if config is not None else None)
        if not tables:
            return {}
        commands = {
            name: options_of(one.callback, one.params) for name, one in group.commands.items()
        }
        return defaults(tables, commands, ctx.info_name, {*given})

    def invoke(self, ctx: Any) -> Any:
        """Say what files give the command, and run it."""
        found: dict[str, Given] = ctx.meta.get(META, {})
        own = {one.name: one.default for one in self.params}
        changed = [one for name, one in found.items() if one.value != own[name]]
        if not ctx.params.get("quiet"):
            for file in dict.fromkeys(one.table.path for one in changed):
                values = ", ".join(one.shown() for one in changed if one.table.path == file)
                say(f"{file} gives {values} (--no-config leaves it out)")
        try:
            return super().invoke(ctx)
        except SettingError as error:
            if error.name in found:
                error.args = (f"{error} ({found[error.name].place()})",)
            raise
