"""Sampling settings made ready for drawing: all that one step of writing needs but the network."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import UNKNOWN_ID, Vocabulary
from textgen.errors import SettingError, UsageError
from textgen.generation.constraints import (
    FREE,
    Script,
    WordTable,
    make_script,
    make_word_table,
)
from textgen.generation.copies import CopyState, CopyTable
from textgen.generation.filters import draw_filtered, filter_values, penalise, positive
from textgen.generation.operations import PYTHON, Array, Flow, replaced
from textgen.settings import SamplingSettings

# Settings on which the table of the words depends.
OF_WORDS = ("words", "only", "forbid")
# Position of the last use of a character that was never used.
NEVER = -(2**30)


class Knobs(NamedTuple):
    """The settings as arrays, which may change without a new compile. A part that is off is None.

    Attributes:
        filters: values of the filters that are on, by name.
        penalty: float32, the repetition penalty.
        window: int32, number of most recent characters that the repetition penalty looks at.
        permitted: bool [V], which characters may be written at all; never the unknown character.
        ends: bool [V], which id is that of the end symbol.
        words: the words that may be written.
        script: the beginnings of lines.
        copies: the training text, of which no long run may be copied.
        bias: float32 [V], what is added to the logits before anything else.
    """

    filters: dict[str, Array]
    penalty: Array | None
    window: Array | None
    permitted: Array
    ends: Array | None
    words: WordTable | None
    script: Script | None
    copies: CopyTable | None
    bias: Array | None = None


class Control(NamedTuple):
    """What drawing remembers of the text so far. A part that is off is None.

    Attributes:
        position: int32, number of characters so far.
        last_used: int32 [V], the position at which each character was used last.
        node: int32, node of the word table.
        line: int32, index in the script.
        copied: the last characters, for the copy limit.
    """

    position: Array
    last_used: Array | None
    node: Array | None
    line: Array | None
    copied: CopyState | None


def draw(
    logits: Array,
    uniform: Array,
    temperature: Array,
    control: Control,
    knobs: Knobs,
    flow: Flow = PYTHON,
) -> Array:
    """Draw the next character.

    Args:
        logits: float32 [V].
        uniform: float32 in [0, 1).
        temperature: float32.
        control: what drawing remembers of the text so far.
        knobs: the settings.
        flow: how the computation repeats and skips steps.

    Returns:
        An id, int32; 0 if no character is permitted.
    """
    xp = logits.__array_namespace__()
    if knobs.bias is not None:
        logits = logits + knobs.bias
    permitted = knobs.permitted
    if knobs.words is not None:
        permitted = permitted & knobs.words.permitted(control.node)
    if knobs.script is not None:
        required = knobs.script.required(control.line)
        permitted = flow.only_if(required != FREE, partial(_alone, permitted, required), permitted)
        if knobs.ends is not None:
            # No document ends before all lines have begun.
            permitted = permitted & (~knobs.ends | knobs.script.is_last(control.line))
    if knobs.copies is not None and control.copied is not None:
        is_new = ~knobs.copies.copies(control.copied, flow)
        permitted = permitted & (is_new if knobs.ends is None else is_new | knobs.ends)
    logits = xp.where(permitted, logits, -xp.inf)
    if knobs.penalty is not None and control.last_used is not None:
        used = control.last_used >= control.position - knobs.window
        logits = penalise(logits, used, knobs.penalty)
    return draw_filtered(logits, knobs.filters, uniform, temperature, flow)


def _alone(permitted: Array, required: Array) -> Array:
    """Return a mask, bool [V], without all characters but a required one."""
    xp = permitted.__array_namespace__()
    return permitted & (xp.arange(permitted.shape[0], dtype=np.int32) == required)


def advance(control: Control, token: Array, knobs: Knobs) -> Control:
    """Return what drawing remembers after one more character."""
    last_used, node, line, copied = control.last_used, control.node, control.line, control.copied
    if last_used is not None:
        last_used = replaced(last_used, token, control.position)
    if knobs.words is not None:
        node = knobs.words.advance(node, token)
    if knobs.script is not None:
        line = knobs.script.advance(line, token)
    if knobs.copies is not None and copied is not None:
        copied = knobs.copies.advance(copied, token)
    return Control(control.position + np.int32(1), last_used, node, line, copied)


class Sampler:
    """Sampling settings made ready for one model.

    Attributes:
        settings: the settings.
        vocabulary: the model's vocabulary.
        knobs: the settings as arrays.
    """

    knobs: Knobs

    def __init__(
        self,
        settings: SamplingSettings,
        vocabulary: Vocabulary,
        copies: Callable[[int], CopyTable | None] = lambda length: None,
        others: Iterable["Sampler"] = (),
    ) -> None:
        """Prepare settings.

        Args:
            settings: how to draw.
            vocabulary: the model's vocabulary.
            copies: returns the table of the training text for a limit of copies, or None if the
                text was not kept. It is called if copies are limited.
            others: samplers of the same model. Their tables of words and of copies, which take long
                to make, are shared where they fit.

        Raises:
            SettingError: if the settings permit no character of the vocabulary, or require a
                character that is not in it.
            UsageError: if copies are limited and the training text was not kept.
        """
        self.settings, self.vocabulary = settings, vocabulary
        permitted = _permitted_characters(settings, vocabulary)
        words = script = table = None
        others = [*others]
        if settings.words:
            words = _words_of(settings, others) or make_word_table(
                settings.words, vocabulary.characters, permitted
            )
        if (settings.starts or settings.last_line) and "\n" not in vocabulary:
            name = "starts" if settings.starts else "lines"
            allowed = "left out: the model knows no newline"
            raise SettingError(name, getattr(settings, name), allowed)
        if len(settings.starts) > 1 and not permitted[vocabulary.encode("\n")[0]]:
            raise SettingError("starts", settings.starts, "given with newlines permitted")
        if settings.starts:
            script = self._script(settings, permitted)
        alike = (each for each in others if each.settings.max_copy == settings.max_copy)
        if settings.max_copy and (other := next(alike, None)):
            table = other.knobs.copies
        elif settings.max_copy:
            table = copies(settings.max_copy)
            if table is None:
                raise UsageError(
                    f"max-copy {settings.max_copy} needs the training text, which the run has not "
                    "kept (it was trained with --no-keep-corpus); leave it out"
                )
        penalty = window = None
        if settings.repetition_penalty != 1:
            penalty = positive(settings.repetition_penalty)
            window = np.int32(settings.repetition_window)
        filters = filter_values(settings, len(vocabulary))
        ends = None
        if vocabulary.end_id is not None:
            ends = np.arange(len(vocabulary)) == vocabulary.end_id
        self.knobs = Knobs(filters, penalty, window, permitted, ends, words, script, table)

    def _script(self, settings: SamplingSettings, permitted: NDArray[np.bool_]) -> Script:
        for start in settings.starts:
            for character in dict.fromkeys(start):
                known = character in self.vocabulary
                if not known or not permitted[self.vocabulary.encode(character)[0]]:
                    why = "may not be written" if known else "the model does not know"
                    allowed = f"a text without {character!r}, which {why}"
                    raise SettingError("starts", start, allowed)
        starts = [self.vocabulary.encode(start).tolist() for start in settings.starts]
        newline = int(self.vocabulary.encode("\n")[0])
        return make_script(starts, newline)

    def begin(self, recent: NDArray[np.int32]) -> Control:
        """Return what drawing remembers after a text.

        Args:
            recent: ids of the last characters of the text, int32 [R].
        """
        knobs, tokens = self.knobs, recent.tolist()
        last_used = node = line = copied = None
        if knobs.window is not None:
            last_used = np.full(len(self.vocabulary), NEVER, np.int32)
            # A character that occurs several times gets its last position.
            last_used[recent] = np.arange(len(recent))
            # The end of a text becomes no less likely by the end of the text before.
            if knobs.ends is not None:
                last_used[knobs.ends] = NEVER
        if knobs.words is not None:
            node = np.int32(knobs.words.find(tokens))
        if knobs.script is not None:
            before = (knobs.script.newline, self.vocabulary.end_id)
            line = np.int32(not tokens or tokens[-1] in before)
        if knobs.copies is not None:
            copied = knobs.copies.begin(self.settings.max_copy)
            for token in recent[-self.settings.max_copy :]:
                copied = knobs.copies.advance(copied, token)
        return Control(np.int32(len(recent)), last_used, node, line, copied)


def _words_of(settings: SamplingSettings, others: Iterable[Sampler]) -> WordTable | None:
    """Return the table of a sampler whose settings permit the same words, if there is one."""
    for other in others:
        if all(getattr(other.settings, name) == getattr(settings, name) for name in OF_WORDS):
            return other.knobs.words
    return None


def _permitted_characters(settings: SamplingSettings, vocabulary: Vocabulary) -> NDArray[np.bool_]:
    permitted = np.ones(len(vocabulary), bool)
    if settings.only:
        permitted[:] = False
        permitted[vocabulary.encode(settings.only, "skip")] = True
    permitted[vocabulary.encode(settings.forbid, "skip")] = False
    permitted[UNKNOWN_ID] = False
    if vocabulary.end_id is not None:
        permitted[vocabulary.end_id] = False
    if not permitted.any():
        name = "only" if settings.only else "forbid"
        allowed = "a choice that leaves the model a character to write"
        raise SettingError(name, getattr(settings, name), allowed)
    if vocabulary.end_id is not None:
        permitted[vocabulary.end_id] = True
    return permitted
