"""What a session answers, beside the text that is written."""

from dataclasses import dataclass

from textgen.session.conversation import Scored

HELP = '''\
Type text and it is continued, each turn on a new line; an empty line goes on where the text ends.
Ctrl-C stops the text, Ctrl-D leaves. Text that begins with / is typed with //, and text of several
lines between """ and """. Tab completes words and commands, Ctrl-R finds what was typed before.
  /more             go on, as an empty line does
  /regen            write the last turn again, differently
  /again [N]        write N short alternatives to the last turn, 2 to 9
  /pick K           take the alternative K
  /edit             edit the last typed text in $VISUAL or $EDITOR, and continue it
  /undo             go back before the last turn
  /redo             go forward again
  /branch NAME      name this point of the text
  /goto NAME        go to a named point, or to the number of a turn
  /tree             show all turns and names
  /clear            forget all text
  /words [N]        show the likeliest next words
  /score [all]      show how surprising the last turn, or all text, is to the model
  /set NAME VALUE   change a setting; off turns it off
  /seed [N]         show or set the seed
  /show             show the settings
  /model RUN        go on with another run
  /save FILE        save the session
  /load FILE        go on with a saved session
  /help             show this
  /bye              leave'''


@dataclass(frozen=True)
class Message:
    """A line or several for the user, not part of the text."""

    text: str


@dataclass(frozen=True)
class Typed:
    """A text that is continued next.

    Attributes:
        text: as it was typed.
        is_seen: whether it stands on the screen of whoever typed it.
    """

    text: str
    is_seen: bool


Reply = str | Message | Typed | Scored
