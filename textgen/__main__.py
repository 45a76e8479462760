"""`python -m textgen` is `textgen`."""

import os
import signal
import sys


def main() -> None:
    """Run the command of the process's arguments.

    Until a command takes the ending signals itself, they end the process with their code.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, lambda number, frame: os._exit(128 + number))
    from textgen.terminal.cli import run_process

    sys.exit(run_process())


if __name__ == "__main__":
    main()
