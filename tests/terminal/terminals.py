"""Programs and commands on a terminal, and what a person sees of it."""

import os
import sys

import pexpect


def on_terminal(code: str, columns: int = 80, **environment: str) -> str:
    """Return what a program that has imported the module writes to a terminal."""
    child = spawn(code, columns, **environment)
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


def spawn(code: str, columns: int = 80, **environment: str) -> "pexpect.spawn[str]":
    """Start a program that has imported the module, on a terminal."""
    modules = "output", "display.progress_line"
    imports = [f"from textgen.terminal.{name} import *\n" for name in modules]
    setting_up = "".join(["import sys, time\n", *imports])
    return start(["-c", setting_up + code], columns, **environment)


def command_on_terminal(arguments: list[str], columns: int = 80, **environment: str) -> str:
    """Return what a command writes to a terminal."""
    child = start(["-m", "textgen", *arguments], columns, **environment)
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


def start(arguments: list[str], columns: int, **environment: str) -> "pexpect.spawn[str]":
    """Start Python on a terminal."""
    # A terminal in which a notebook or a variable says nothing else.
    names = ("COLUMNS", "JPY_PARENT_PID", "MPLBACKEND")
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return pexpect.spawn(
        sys.executable,
        arguments,
        encoding="utf-8",
        timeout=60,
        dimensions=(24, columns),
        env=kept | {"TERM": "xterm-256color"} | environment,
    )


def screen(written: str, columns: int) -> list[str]:
    """Return the lines that a terminal shows after some text, carriage returns and erased lines."""
    lines, column = [""], 0
    for part in written.replace("\x1b[K", "\0"):
        if part == "\n":
            lines.append("")
            column = 0
        elif part == "\r":
            column = 0
        elif part == "\0":
            lines[-1] = lines[-1][:column]
        else:
            if column == columns:
                lines.append("")
                column = 0
            lines[-1] = lines[-1][:column] + part + lines[-1][column + 1 :]
            column += 1
    return lines
