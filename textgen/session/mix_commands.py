"""The command that lets other runs write with the one of the session: /mix."""

from collections.abc import Generator as Replies

from textgen.errors import UnknownCharacterError, UsageError
from textgen.generation.engine import numpy_seconds
from textgen.session.command import Command, SessionState
from textgen.session.controls import OFF
from textgen.session.loaded_model import LoadedModel, mixed_in
from textgen.session.messages import Message, Reply


def mix(state: SessionState, rest: str) -> Replies[Reply, None, None]:
    """Show what is mixed in, mix other runs in, or end the mixture.

    Raises:
        TextgenError: if a run cannot be mixed in. Nothing has changed then.
    """
    conversation, typed = state.conversation, rest.strip()
    main = conversation.model.main
    if typed.lower() == OFF:
        if conversation.model.others:
            yield from _end(state)
    elif typed:
        if conversation.taught.learning is not None:
            raise UsageError("this session learns, and a mixture does not; mix in another session")
        yield from conversation.switch(state.mix(main, [typed]))
    yield Message(_standing(conversation.model))


def _end(state: SessionState) -> Replies[Reply, None, None]:
    """Go on with the first run alone, which may not know all that was written."""
    conversation = state.conversation
    main = conversation.model.main
    try:
        yield from conversation.switch(main)
    except UnknownCharacterError:
        # It has read them so as a part of the mixture.
        yield Message(f"{main.name} reads what it does not know as the unknown character")
        yield from conversation.switch(main, "replace")


def _standing(model: LoadedModel) -> str:
    if not model.others:
        return "mix: off; /mix RUN:0.3 lets another run write too, with this weight"
    main, count = model.main, len(model.others) + 1
    cost = numpy_seconds(model.config.settings) / numpy_seconds(main.config.settings)
    return (
        f"mix: {mixed_in(model)}; a character takes {count} networks, about {cost:.2g} times as "
        f"long as {main.name} alone"
    )


MIX_COMMANDS = (
    Command(
        "/mix",
        "RUN:WEIGHT",
        "let another run write too; /mix off ends it",
        mix,
        lambda state: [OFF, *state.run_names()],
        details="The next character is drawn from the mean of the probabilities of both runs, in "
        "which the other one has the weight, 0.5 by default. Their alphabets may differ. "
        "/mix a:0.3+b:0.2 mixes two others in. All runs first read the whole text. /mix shows the "
        "mixture, and /show does too.",
    ),
)
