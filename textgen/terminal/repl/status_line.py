"""The line below the prompt: the settings, and the speed and surprise of the last turn."""

import math

from textgen.readable import cut, width
from textgen.session.conversation import Conversation


def status_line(conversation: Conversation, columns: int) -> str:
    """Write the state of a session in words on one line, as much of it as there is room for.

    Args:
        conversation: conversation of the session; its current turn is described.
        columns: width of the terminal in columns.
    """
    turn, settings = conversation.tree.current, conversation.settings
    temperature, seed = f"temperature {settings.temperature}", f"seed {conversation.seed}"
    speed = bits = copied = ""
    if turn.nats is not None and turn.written and turn.seconds:
        speed = f"{len(turn.written) / turn.seconds:,.0f} characters/s"
        bits = f"{turn.nats / math.log(2) / len(turn.written):.2f} bits"
    length = conversation.copies.known(turn)
    if length is not None:
        copied = f"copied {length}"
    wide = bits and f"{bits}/character", copied and f"{copied} characters"
    # The widest line that fits is shown. What is known or can be asked for gives way first.
    lines = (
        (temperature, seed, speed, *wide),
        (temperature, seed, speed, wide[0], copied),
        (temperature, seed, wide[0], copied),
        (temperature, seed, bits, copied),
        (temperature, seed, bits),
        (temperature, bits, copied),
        (temperature, bits),
        (temperature, seed),
        (temperature,),
    )
    whole = [" | ".join(filter(None, line)) for line in lines]
    return next((line for line in whole if width(line) <= columns), cut(temperature, columns))
