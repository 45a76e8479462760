"""`python -m textgen` is `textgen`."""

from textgen.terminal.cli import main

if __name__ == "__main__":
    main()
