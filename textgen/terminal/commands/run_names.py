"""How a command names runs: by its first argument, by `--model`, or the newest if it names none."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from textgen.errors import CorpusError, RunNotFoundError, TextgenError, UsageError


def path_of(text: str) -> Path:
    """Return the path that a user names.

    Raises:
        UsageError: if the name is empty, as that of an unset variable of a shell, which would be
            the current folder; or if it holds a NUL.
    """
    if not text:
        raise UsageError("the name of a file or folder is empty; . is the current folder")
    if "\0" in text:
        raise UsageError(f"no file or folder can be called {text!r}")
    return Path(text)


def one_run(run: str | None, model: Sequence[str] | None) -> str | None:
    """Return the name of the run that a command for one run uses; None for the newest.

    Args:
        run: the argument of the command.
        model: the values of `--model`.

    Raises:
        UsageError: if more than one is named, or an empty name.
    """
    named = [*([] if run is None else [run]), *(model or ())]
    refuse_empty_names(named)
    if len(named) > 1:
        raise UsageError(f"this command is for one run, got {len(named)}: {', '.join(named)}")
    return named[0] if named else None


def refuse_empty_names(names: Sequence[str | None]) -> None:
    """Refuse a name that is empty. It would be the newest run.

    Raises:
        UsageError: if there is one.
    """
    if "" in names:
        raise UsageError("the name of a run is empty; leave it out for the newest run")


def several_runs(
    runs: Sequence[str] | None, model: Sequence[str] | None, most: int | None = None
) -> list[str | None]:
    """Return the names of the runs that a command for several uses; [None] is the newest.

    Args:
        runs: the arguments of the command.
        model: the values of `--model`.
        most: largest number of runs that the command takes.

    Raises:
        UsageError: if there are more, or an empty name.
    """
    named = list[str | None]([*(runs or ()), *(model or ())])
    refuse_empty_names(named)
    if most is not None and len(named) > most:
        raise UsageError(f"name at most {most} runs, got {len(named)}")
    return named or [None]


def runs_and_sources(
    run: str | None, texts: Sequence[str] | None, model: Sequence[str] | None
) -> tuple[list[str | None], list[Path]]:
    """Tell the run from the texts in the arguments of a command that reads texts with a run.

    With `--model`, all arguments are texts. Otherwise the first argument is the run if it names
    one. A run takes precedence over a shipped text of its name, and where texts follow it also over
    a file or folder: a run often has the name of the folder that it was trained on.

    Args:
        run: the first argument of the command, which may be a text.
        texts: the other arguments.
        model: the values of `--model`.

    Returns:
        The names of the runs, [None] for the newest, and the texts; `-` is standard input.

    Raises:
        UsageError: if the only argument names a run, and a file or folder besides; or if the
            second one names a run, and no text.
        RunNotFoundError: if it names neither a run nor a text, and looks like the name of a run.
        CorpusError: if it names neither, and looks like the path of a text.
    """
    given = [*([] if run is None else [run]), *(texts or ())]
    if model or not given or given[0] == "-":
        return several_runs(None, model), [*map(path_of, given)]

    from textgen.data.shipped import TEXTS
    from textgen.runs.mixed_names import find_runs
    from textgen.runs.run import Run

    first = path_of(given[0])
    is_text = first.exists() and not Run(first).exists()
    try:
        find_runs(given[0])
    except RunNotFoundError as error:
        if is_text or given[0] in TEXTS:
            return [None], [*map(path_of, given)]
        if first.suffix or first.name != given[0]:
            raise CorpusError(first, "there is no such file, folder or run", "text") from error
        raise
    if is_text and not given[1:]:
        quoted = shlex.quote(given[0])
        raise UsageError(
            f"{given[0]!r} is a run and a text; name the run with --model, as in: "
            f"--model {quoted} [TEXT]..., or write the path of the text: ./{quoted}"
        )
    if given[1:] and _is_only_a_run(given[1]):
        named = " ".join(f"--model {shlex.quote(name)}" for name in given[:2])
        raise UsageError(
            f"{given[1]!r} is a run, not a text; name several runs with --model, as in: "
            f"{named} [TEXT]..."
        )
    return [given[0]], [*map(path_of, given[1:])]


def _is_only_a_run(name: str) -> bool:
    """Return whether a run has this name, and no file, folder or shipped text."""
    from textgen.data.shipped import TEXTS
    from textgen.runs.mixed_names import find_runs

    if name == "-" or name in TEXTS:
        return False
    try:
        found = find_runs(name)
    except TextgenError:
        return False
    return not Path(name).exists() or found[0].run.path == Path(name)
