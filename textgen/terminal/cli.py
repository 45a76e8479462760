"""The list of commands, and the exit code of each kind of error."""

import errno
import os
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer

from textgen import __version__
from textgen.errors import (
    CorpusError,
    LostProcessError,
    RunError,
    SettingError,
    StorageError,
    TextgenError,
    UnknownCharacterError,
    UsageError,
    reason,
)
from textgen.runtime.sizes import bound_sizes
from textgen.terminal.commands.bench import bench
from textgen.terminal.commands.check import check
from textgen.terminal.commands.classify import classify
from textgen.terminal.commands.configured import (
    Answer,
    ConfigFile,
    ConfiguredCommand,
    NoConfig,
    takes_configuration,
)
from textgen.terminal.commands.corpora import corpora
from textgen.terminal.commands.evaluate import evaluate
from textgen.terminal.commands.export import export
from textgen.terminal.commands.gradient import gradient
from textgen.terminal.commands.hosts import LOST
from textgen.terminal.commands.inspect import inspect
from textgen.terminal.commands.man import man
from textgen.terminal.commands.options import option_name
from textgen.terminal.commands.plot import plot
from textgen.terminal.commands.proofread import proofread
from textgen.terminal.commands.refusals import refusal
from textgen.terminal.commands.repl import repl
from textgen.terminal.commands.restore import restore
from textgen.terminal.commands.runs import info, runs, verify
from textgen.terminal.commands.sample import sample
from textgen.terminal.commands.score import score
from textgen.terminal.commands.serve import serve
from textgen.terminal.commands.shells import (
    InstallCompletion,
    ShellGroup,
    ShowCompletion,
    complete,
    is_completing,
)
from textgen.terminal.commands.trace import trace
from textgen.terminal.commands.train import train
from textgen.terminal.output import (
    ReaderGoneError,
    emit_json,
    fail,
    prepare_streams,
    said_warnings,
    silence_stdout,
)

# Exit codes of the kinds of errors. All other errors have 1.
EXIT_CODES = (
    (UsageError, 2),
    (CorpusError, 3),
    (RunError, 4),
    (StorageError, 5),
    (LostProcessError, LOST),
)

app = typer.Typer(
    cls=ShellGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train a character-level LSTM on your text, on your machine, and write with it.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"textgen {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    install_completion: InstallCompletion = False,
    show_completion: ShowCompletion = False,
    config: ConfigFile = None,
    no_config: NoConfig = False,
) -> None:
    """Declare the options that come before a command."""


# All commands, in the order of the help.
COMMANDS = (
    train,
    sample,
    inspect,
    gradient,
    score,
    classify,
    trace,
    check,
    corpora,
    evaluate,
    plot,
    repl,
    restore,
    proofread,
    export,
    serve,
    info,
    runs,
    verify,
    man,
    bench,
)
for command in COMMANDS:
    app.command(cls=ConfiguredCommand)(takes_configuration(command))


def run_command(arguments: list[str]) -> int:
    """Run a command and return its exit code.

    An error that a user can cause is shown in one line. If JSON is asked for, stdout gets it as
    JSON too.

    Args:
        arguments: the command line, without the name of the program.
    """
    answer = Answer.to(arguments)

    def end(message: str, code: int) -> int:
        fail(message)
        if answer.as_json:
            with suppress(ReaderGoneError, OSError, StorageError):  # the human line is on stderr
                emit_json("error", {"message": message, "exit_code": code})
        return code

    try:
        with said_warnings():
            result: Any = app(arguments, prog_name="textgen", standalone_mode=False, obj=answer)
        sys.stdout.flush()
    except typer.Exit as leaving:
        return leaving.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 2
        return end(refusal(error, COMMANDS, arguments), 2)
    except ReaderGoneError:
        silence_stdout()
        return 0
    except SettingError as error:
        return end(str(error).replace(error.name, option_name(error.name), 1), 2)
    except UnknownCharacterError as error:
        return end(error.advice("--on-unknown"), 2)
    except TextgenError as error:
        return end(str(error), next((n for kind, n in EXIT_CODES if isinstance(error, kind)), 1))
    except OSError as error:
        where = f"{error.filename!r}: " if error.filename else ""
        return end(f"{where}{reason(error)}", 5 if error.errno == errno.ENOSPC else 1)
    except RecursionError:
        return end("a folder or a value is nested too deep, over a thousand levels", 1)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "RESOURCE_EXHAUSTED" not in str(error):
            raise
        return end("not enough memory; choose a smaller network, batch or number of samples", 1)
    return result if isinstance(result, int) else 0


def run_process() -> int:
    """Run the command that the process was started with, and return its exit code."""
    prepare_streams()
    bound_sizes()
    if is_completing():
        complete(app)
        return 0
    code = run_command(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    except OSError as error:
        fail(f"cannot write standard output: {reason(error)}")
        code = 5
        silence_stdout()
    _end_together(code)
    return code


def _end_together(code: int) -> None:
    """Tell the other processes of a training that this one ends, if there are any."""
    together = sys.modules.get("textgen.runtime.together")
    current = together and together.current()
    if current:
        current.end(code)
        sys.stdout.flush()
        sys.stderr.flush()
        # JAX would wait for the others once more.
        os._exit(code)
