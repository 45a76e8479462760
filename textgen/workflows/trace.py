"""Find the stretches of a text that stand in the training text of a run."""

from collections.abc import Callable, Iterable

from textgen.errors import CorpusError
from textgen.generation.trace import Trace, check_least, open_tracer
from textgen.runs.library import find_run

# Longest text that is looked up at once, in characters.
MAX_TEXT = 2**24


def trace_text(
    name: str | None,
    chunks: Iterable[str],
    least: int,
    progress: Callable[[float], None] = lambda share: None,
    text_name: str = "text",
) -> Trace:
    """Find the stretches of a text that stand in the training text of a run.

    Args:
        name: name or path of the run; None for the newest.
        chunks: the text in pieces.
        least: smallest number of characters of a stretch.
        progress: called with the share of the index that is made, if it has to be made.
        text_name: name of the text in messages.

    Raises:
        SettingError: if `least` is out of range.
        RunNotFoundError: if there is no such run.
        UsageError: if the run has not kept its training text.
        DamagedError: if a file of the run is damaged.
        CorpusError: if the text is empty, cannot be read, or is too long.
    """
    check_least(least)
    run = find_run(name)
    parts, length = [], 0
    for chunk in chunks:
        parts.append(chunk)
        length += len(chunk)
        if length > MAX_TEXT:
            problem = f"it has more than {MAX_TEXT:,} characters; trace it in parts"
            raise CorpusError(text_name, problem, "text")
    if not length:
        raise CorpusError(text_name, "the text is empty; there is nothing to trace", "text")
    opening = open_tracer(run, least)
    while True:
        try:
            progress(next(opening))
        except StopIteration as stop:
            tracer = stop.value
            break
    found: Trace = tracer.trace("".join(parts), least)
    return found
