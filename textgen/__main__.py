"""`python -m textgen` is `textgen`."""

import os
import signal
import sys


def main() -> None:
    """Run the command of the process's arguments.

    Until a command takes Ctrl-C itself, it ends the process without a traceback.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(128 + number))
    from textgen.terminal.cli import run_process

    sys.exit(run_process())


if __name__ == "__main__":
    main()
