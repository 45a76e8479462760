"""How a session begins, goes on from an earlier one, and ends."""

import secrets
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from textgen.errors import DamagedError, UsageError
from textgen.generation.learning import Learnt
from textgen.generation.mixed_model import AnyModel
from textgen.generation.model import Model
from textgen.generation.remarks import remarks
from textgen.runs.library import list_runs
from textgen.runs.run import Run
from textgen.session.command import no_editor
from textgen.session.commands import Session
from textgen.session.conversation import Conversation, saved_parts
from textgen.session.file_commands import recall, restore
from textgen.session.kept_sessions import KeptSessions
from textgen.session.loaded_model import LoadedModel, steps_of
from textgen.session.session_file import SavedSession
from textgen.session.state_folder import SESSIONS, state_folder
from textgen.settings import OnUnknown, SamplingSettings
from textgen.terminal.output import say
from textgen.terminal.repl.external_editor import edit_text
from textgen.terminal.repl.loop import Repl
from textgen.workflows.load import load_mixed, mix_with


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a session begins with.

    Attributes:
        settings: sampling settings.
        length: most characters that a turn writes.
        seed: seed of the random draws; None for a random one.
        on_unknown: what to do with typed characters that the model does not know.
        wraps: whether text and messages are wrapped at words on a terminal.
        given: names of the settings that the user has given. They hold in a continued session too.
        continues: whether to continue the session that was saved last.
        learns: whether the network learns from the session.
        is_mid_text: whether the first text is read as the middle of a text.
        keeps: whether to save the session and the typed lines; None to save them on a terminal.
        quiet: whether to leave out what the user has not asked for.
    """

    settings: SamplingSettings
    length: int
    seed: int | None
    on_unknown: OnUnknown
    wraps: bool
    given: Collection[str]
    continues: bool
    learns: bool
    is_mid_text: bool
    keeps: bool | None
    quiet: bool


def start_repl(model: AnyModel, beginning: Beginning) -> None:
    """Run a session with a model until /bye or the end of the input.

    Raises:
        UsageError: if there is no session to continue, or if the model cannot continue it; at the
            end, if a line that did not come from a terminal could not be carried out.
    """
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    keeps = on_terminal or beginning.continues if beginning.keeps is None else beginning.keeps
    sessions = KeptSessions(state_folder() / SESSIONS)
    conversation = Conversation(
        model,
        beginning.settings,
        seed=secrets.randbelow(2**31) if beginning.seed is None else beginning.seed,
        length=beginning.length,
        on_unknown=beginning.on_unknown,
        begins=not beginning.is_mid_text,
    )
    session = Session(
        conversation,
        load=partial(load_mixed, what="textgen repl"),
        mix=_mix,
        run_names=lambda: [run.name for run in list_runs()],
        keep=lambda learnt, name: _keep(conversation, learnt, name),
        edit=edit_text if on_terminal else no_editor,
        wraps=beginning.wraps,
        kept=sessions,
    )
    repl = Repl(
        session,
        sessions if keeps else None,
        on_terminal=on_terminal,
        keeps_history=keeps,
        quiet=beginning.quiet,
    )
    if beginning.continues:
        _continue_last(repl, session, sessions, model, beginning)
    if not beginning.quiet:
        used = conversation.model
        say(
            f"model {used.name} at {steps_of(used)}, seed {conversation.seed}; "
            "/help shows the commands, Ctrl-D ends the session"
        )
        for told in remarks(conversation.settings, conversation.generator.vocabulary):
            say(told)
        others = len(sessions.files_of(model.run)) - 1 if beginning.continues else 0
        if others > 0:
            are = "earlier session is" if others == 1 else "earlier sessions are"
            say(f"{others} {are} kept; /sessions lists them")
    if beginning.continues:
        repl.show(recall(session))
    try:
        if beginning.learns:
            conversation.taught.start(conversation.model, waits=not on_terminal)
        repl.run()
    finally:
        conversation.taught.close()
    if keeps and not beginning.quiet and sessions.has_kept:
        reference = conversation.model.run.reference
        say(f"the session is saved; textgen repl {reference} --continue goes on with it")
    if session.failed and not on_terminal:
        lines = "a line was" if session.failed == 1 else f"{session.failed:,} lines were"
        raise UsageError(f"{lines} not carried out; the messages above tell why")


def _mix(model: LoadedModel, others: Sequence[str]) -> LoadedModel:
    assert isinstance(model, Model)
    return mix_with(model, others, "textgen repl")


def _keep(conversation: Conversation, learnt: Learnt, name: str) -> Run:
    from textgen.workflows.keep import keep_learnt  # here: it imports JAX

    assert isinstance(conversation.model, Model)
    return keep_learnt(conversation.model, learnt, name)


def _continue_last(
    repl: Repl, session: Session, sessions: KeptSessions, model: AnyModel, beginning: Beginning
) -> None:
    for path in sessions.files_of(model.run):
        try:
            saved, version = sessions.read(path)
        except DamagedError as error:
            say(f"{error}; the session before it is taken")
            continue
        repl.show(restore(session, _with_given(saved, beginning, model), "continued"))
        if len(session.conversation.tree.turns) > 1:  # it was not stopped
            sessions.go_on_with(session.conversation, path, version)
        return
    raise UsageError(
        f"no session with the run {model.name!r} is saved; "
        f"textgen repl {model.run.reference} begins one"
    )


def _with_given(saved: SavedSession, beginning: Beginning, model: AnyModel) -> SavedSession:
    """Return a saved session with the settings that the user has given for now."""
    given, settings = beginning.given, beginning.settings
    changed = {name: value for name, value in settings.to_json().items() if name in given}
    saved = replace(saved, settings=replace(saved.settings, **changed))
    if "length" in given:
        saved = replace(saved, length=beginning.length)
    if beginning.seed is not None:
        saved = replace(saved, seed=beginning.seed, writings=0)
    if "on_unknown" in given:
        rule = beginning.on_unknown
        turns = tuple(replace(turn, on_unknown=rule) for turn in saved.turns)
        saved = replace(saved, on_unknown=rule, turns=turns)
    if model.others:
        saved = replace(saved, mixed=saved_parts(model))
    return replace(saved, labels=model.labels) if model.labels else saved
