"""Bounds for the size of a terminal that the environment claims."""

import os
from collections.abc import MutableMapping

# Largest width and height that are believed, of a terminal or of COLUMNS and LINES.
MOST_COLUMNS, MOST_LINES = 1000, 1000


def bound_sizes(environment: MutableMapping[str, str] = os.environ) -> None:
    """Lower COLUMNS and LINES to what is believed, and remove what is no number.

    Everything in this process that draws reads these variables, libraries among them. Some make
    lines as long as COLUMNS says, and some fail on digits such as a superscript two.

    Args:
        environment: the environment variables of this process.
    """
    for name, most in (("COLUMNS", MOST_COLUMNS), ("LINES", MOST_LINES)):
        if name in environment:
            digits = environment[name].strip()
            if not (digits.isascii() and digits.isdigit()):
                del environment[name]
            elif len(digits.lstrip("0")) > len(str(most)) or int(digits) > most:
                environment[name] = str(most)
