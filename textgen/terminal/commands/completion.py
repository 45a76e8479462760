"""What a shell offers for a word that is being typed: runs, shipped texts, and files.

Where nothing is offered, shells offer paths.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import typer


def complete_run(incomplete: str) -> list[str]:
    """Return the names of the runs that begin with what is typed, the newest first."""
    from textgen.runs.names import run_folders

    names = (path.resolve().name for path in run_folders())
    return _typed(name for name in names if name.startswith(incomplete))


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
    before = _typed([label])[0] + equals if label else ""
    return [before + name for name in complete_run(run)]


def complete_labelled_run_or_text(incomplete: str) -> list[str]:
    """Return runs after a label, and otherwise texts."""
    return complete_labelled_run(incomplete) if "=" in incomplete else complete_text(incomplete)


def complete_label(context: typer.Context, incomplete: str) -> list[str]:
    """Return the labels of the run that is named before, or of the newest, as in FIELD=VALUE."""
    labels = (f"{name}={value}" for name, values in _labels(context) for value in values)
    return _typed(one for one in labels if one.startswith(incomplete))


def complete_label_field(context: typer.Context, incomplete: str) -> list[str]:
    """Return the fields of the labels of the run that is named before, or of the newest."""
    return _typed(name for name, _ in _labels(context) if name.startswith(incomplete))


def _labels(context: typer.Context) -> list[tuple[str, list[str]]]:
    from textgen.runs.names import is_run, known_labels, run_folders, runs_folder

    known = context.params
    several = [*(known.get("model") or ()), *(known.get("arguments") or ())]
    given = known.get("run") or next(iter(several), None)
    if given is None:
        named = run_folders()[:1]
    else:
        named = [path for path in (runs_folder() / given, Path(given)) if is_run(path)][:1]
    return [label for path in named for label in known_labels(path)]


def _typed(names: Iterable[str]) -> list[str]:
    """Return names as they are typed, without those that no line can show.

    Bash inserts words as they are; other shells quote them. Typer's own script for zsh, which
    textgen installed before, evaluates them.
    """
    plain = [name for name in names if name.isprintable()]
    asks = os.environ.get("_TEXTGEN_COMPLETE", "")
    if asks.endswith("zsh"):
        return [name for name in plain if re.fullmatch(r"[\w@%+=:,./ -]+", name)]
    if not asks.endswith("bash"):
        return plain
    return [re.sub(r"[^\w@%+=:,./-]", r"\\\g<0>", name) for name in plain]
