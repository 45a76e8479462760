"""The line below the prompt: what the last turn was written with, and how it came out."""

import math

from textgen.readable import cut, width
from textgen.session.conversation import Conversation


def status_line(conversation: Conversation, columns: int) -> str:
    """Write the state of a session on one line, in the longest words that fit.

    Args:
        conversation: the session's text, of which the current turn is described.
        columns: width of the terminal.
    """
    turn, settings = conversation.tree.current, conversation.settings
    short = [f"T{settings.temperature}", f"seed {conversation.seed}"]
    long = [f"temperature {settings.temperature}", f"seed {conversation.seed}"]
    if turn.nats is not None and turn.written and turn.seconds:
        speed = len(turn.written) / turn.seconds
        bits = turn.nats / math.log(2) / len(turn.written)
        short += [f"{speed:.0f}/s", f"{bits:.2f}b"]
        long += [f"{speed:,.0f} characters/s", f"{bits:.2f} bits/character"]
    copied = conversation.known_copy(turn)
    if copied is not None:
        short.append(f"c{copied}")
        long.append(f"copied {copied}")
    whole = " | ".join(long)
    return whole if width(whole) <= columns else cut(" ".join(short), columns)
