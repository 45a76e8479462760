"""The line below the prompt: the settings, and the speed and surprise of the last turn."""

import math

from textgen.readable import cut, width
from textgen.session.conversation import Conversation


def status_line(conversation: Conversation, columns: int) -> str:
    """Write the state of a session on one line, in short words if the long ones do not fit.

    Args:
        conversation: conversation of the session; its current turn is described.
        columns: width of the terminal in columns.
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
