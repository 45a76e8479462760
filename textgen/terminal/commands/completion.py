"""What a shell offers for a word that is being typed: runs, shipped texts, and files.

Where nothing is offered, shells offer paths.
"""

import os
import re
from collections.abc import Iterable

import typer


def complete_run(incomplete: str) -> list[str]:
    """Return the names of the runs that begin with what is typed, the newest first."""
    from textgen.runs.library import list_runs

    return _typed(run.name for run in list_runs() if run.name.startswith(incomplete))


def complete_text(incomplete: str) -> list[str]:
    """Return the shipped texts, and the files and folders here, that begin with what is typed."""
    from textgen.data.shipped import TEXTS

    if "/" in incomplete:
        return []
    here = sorted(name for name in os.listdir() if incomplete or not name.startswith("."))
    return _typed(name for name in dict.fromkeys([*TEXTS, *here]) if name.startswith(incomplete))


def complete_run_or_text(incomplete: str) -> list[str]:
    """Return runs, and then texts."""
    return list(dict.fromkeys([*complete_run(incomplete), *complete_text(incomplete)]))


def complete_labelled_run(incomplete: str) -> list[str]:
    """Return runs, after the label if one is typed, as in LABEL=RUN."""
    label, equals, run = incomplete.rpartition("=")
    # Bash takes the equals sign for a word of its own, and wants what follows it.
    before = _typed([label])[0] + equals if label else ""
    return [before + name for name in complete_run(run)]


def complete_labelled_run_or_text(incomplete: str) -> list[str]:
    """Return runs after a label, and otherwise texts."""
    words = os.environ.get("COMP_WORDS", "").split()
    is_after_label = "=" in incomplete or words[-1:] == ["="] or words[-2:] == ["=", incomplete]
    return complete_labelled_run(incomplete) if is_after_label else complete_text(incomplete)


def complete_label(context: typer.Context, incomplete: str) -> list[str]:
    """Return the labels of the run that is named before, or of the newest, as in FIELD=VALUE."""
    from textgen.errors import TextgenError
    from textgen.runs.library import find_run

    try:
        given = context.params.get("run") or next(iter(context.params.get("model") or ()), None)
        fields = find_run(given).record().config.labels
    except TextgenError:
        return []
    typed = [f"{field.name}={value}" for field in fields for value in field.values]
    return _typed(one for one in typed if one.startswith(incomplete))


def _typed(names: Iterable[str]) -> list[str]:
    """Return names as they are typed. Bash inserts words as they are; other shells quote them."""
    is_bash = os.environ.get("_TEXTGEN_COMPLETE", "").endswith("bash")
    return [re.sub(r"[^\w@%+=:,./-]", r"\\\g<0>", name) if is_bash else name for name in names]
