"""What a session answers besides the text that is written."""

from dataclasses import dataclass

from textgen.generation.trace import Trace
from textgen.session.conversation import Scored
from textgen.session.prefill import Progress

# Characters of a text from which on a message says that it is being read.
LONG_TEXT = 20_000


@dataclass(frozen=True)
class Message:
    """One or more lines for the user, which are not part of the text."""

    text: str


@dataclass(frozen=True)
class Typed:
    """A typed text, before the model continues it.

    Attributes:
        text: the text as it was typed.
        is_seen: whether it is already on the screen of the user.
    """

    text: str
    is_seen: bool


Reply = str | Message | Typed | Scored | Trace | Progress
