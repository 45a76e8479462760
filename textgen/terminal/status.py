"""The line below the prompt: what the last turn was written with, and how it came out."""

import math

from textgen.terminal.columns import cut, width
from textgen.terminal.story import Story


def status_line(story: Story, columns: int) -> str:
    """Write the state of a session on one line, in the longest words that fit.

    Args:
        story: the session's text, of which the current turn is described.
        columns: width of the terminal.
    """
    turn, settings = story.tree.current, story.settings
    short = [f"T{settings.temperature}", f"seed {story.seed}"]
    long = [f"temperature {settings.temperature}", f"seed {story.seed}"]
    if turn.nats is not None and turn.written and turn.seconds:
        speed = len(turn.written) / turn.seconds
        bits = turn.nats / math.log(2) / len(turn.written)
        short += [f"{speed:.0f}/s", f"{bits:.2f}b"]
        long += [f"{speed:,.0f} characters/s", f"{bits:.2f} bits/character"]
    copied = story.known_copy(turn)
    if copied is not None:
        short.append(f"c{copied}")
        long.append(f"copied {copied}")
    whole = " | ".join(long)
    return whole if width(whole) <= columns else cut(" ".join(short), columns)
