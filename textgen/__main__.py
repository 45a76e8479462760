"""The command `textgen`, which `python -m textgen` runs too."""

import os
import signal
import sys
import warnings


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
    from textgen.runtime.cores import limit_threads

    limit_threads()
    from textgen.terminal.cli import run_process

    sys.exit(run_process())


if __name__ == "__main__":
    main()
