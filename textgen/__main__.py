"""The command `textgen`, which `python -m textgen` runs too."""

import os
import signal
import sys
import warnings
from contextlib import suppress


def main() -> None:
    """Run the command that the arguments of this process name.

    Until a command handles SIGINT, SIGTERM and SIGHUP itself, each ends the process with 128 plus
    its number as the exit code.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, lambda number, frame: os._exit(128 + number))
    # With PYTHONWARNINGS=error a library's warning would end a command that has nothing to fear.
    if any(action == "error" for action, *_ in warnings.filters):
        warnings.simplefilter("ignore")
    from textgen.aside import is_working
    from textgen.runtime.cores import limit_threads

    limit_threads()
    from textgen.terminal.cli import run_process

    code = run_process()
    if is_working():
        # Compiling and sorting cannot be interrupted, and what they make is no longer wanted.
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _forget_current_folder() -> None:
    """Take the current folder off the path of modules, unless textgen itself lies there.

    `python -m` puts it first, so that a file with the name of a package would be run.
    """
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    with suppress(OSError):  # the current folder, or that of textgen, is gone
        is_first = not sys.flags.safe_path and os.path.samefile(sys.path[0], os.curdir)
        if is_first and not os.path.samefile(sys.path[0], own):
            del sys.path[0]


if __name__ == "__main__":
    _forget_current_folder()
    main()
