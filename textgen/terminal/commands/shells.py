"""The options that let a shell complete commands: they install or show a script for it.

A script asks `textgen` itself what to offer, one line for each. The lines are never evaluated, so
that the name of a run or a label cannot run anything, and errors are not shown.
"""

import os
import sys
from collections.abc import MutableMapping
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args

import typer
from typer.completion import get_completion_inspect_parameters

from textgen.errors import StorageError, UsageError, storage_errors
from textgen.terminal.display.help import Group
from textgen.terminal.output import emit, say

Shell = Literal["bash", "zsh", "fish"]
SHELLS: tuple[Shell, ...] = get_args(Shell)
# Environment variable with which a script asks.
VARIABLE = "_TEXTGEN_COMPLETE"
# Where the context keeps the arguments of the process.
META = "textgen.arguments"

BASH = """\
_textgen_completion() {
    local line IFS=$'\\n'
    COMPREPLY=()
    while read -r line; do
        [[ -z $line ]] || COMPREPLY+=("$line")
    done < <(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" \\
        _TEXTGEN_COMPLETE=complete_bash "$1" 2> /dev/null)
}
complete -o default -F _textgen_completion textgen
"""
ZSH = """\
#compdef textgen
_textgen() {
  local line
  local -a values shown
  for line in "${(@f)$(env _TEXTGEN_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \\
      _TYPER_COMPLETE_ARGS="${(j: :)words[1,CURRENT]}" textgen 2> /dev/null)}"; do
    [[ -n $line ]] || continue
    values+=("${line%%$'\\t'*}")
    shown+=("${line//$'\\t'/  -- }")
  done
  if (( $#values )); then
    compadd -l -d shown -a values
  else
    _files
  fi
}
if [[ $funcstack[1] == _textgen ]]; then
  _textgen "$@"
else
  compdef _textgen textgen
fi
"""
FISH = """\
function __textgen_offered
    set -l line (commandline -cp | string collect)
    set -l found (env _TEXTGEN_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=get-args \\
        _TYPER_COMPLETE_ARGS=$line textgen 2> /dev/null | string match -r '.+')
    if set -q found[1]
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete --command textgen --no-files --arguments '(__textgen_offered)'
"""
SCRIPTS: dict[Shell, str] = {"bash": BASH, "zsh": ZSH, "fish": FISH}


class Place(NamedTuple):
    """Where a script is installed.

    Attributes:
        script: the file of the script.
        start: the file that the shell reads when it starts; None if it finds the script itself.
        line: the line of that file that finds the script.
    """

    script: Path
    start: Path | None = None
    line: str = ""


def place_of(shell: Shell) -> Place:
    """Return where the script of a shell belongs in the user's home."""
    home = Path.home()
    if shell == "bash":
        script = home / ".bash_completions" / "textgen.sh"
        return Place(script, home / ".bashrc", f"source '{script}'")
    if shell == "zsh":
        start = Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"
        line = "fpath+=~/.zfunc; autoload -Uz compinit; compinit"
        return Place(home / ".zfunc" / "_textgen", start, line)
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    return Place(configuration / "fish" / "completions" / "textgen.fish")


def install(shell: Shell) -> Place:
    """Write the script of a shell into the user's home, and let the shell find it.

    Raises:
        StorageError: if a file cannot be written.
    """
    place = place_of(shell)
    with storage_errors(place.script):
        try:
            place.script.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise StorageError(place.script.parent, "it is a file, not a folder") from error
        place.script.write_text(SCRIPTS[shell], encoding="utf-8")
    if place.start is not None:
        with storage_errors(place.start):
            before = place.start.read_bytes() if place.start.exists() else b""
            if place.line.encode() not in before:
                newline = b"\n" if before and not before.endswith(b"\n") else b""
                with place.start.open("ab") as file:
                    file.write(newline + place.line.encode() + b"\n")
    return place


def chosen_shell(arguments: list[str], option: str) -> Shell:
    """Return the shell that is named after an option, or that of the user by default.

    Raises:
        UsageError: if there is no script for it.
    """
    following = arguments[arguments.index(option) + 1 :]
    own = os.path.basename(os.environ.get("SHELL", ""))
    named = following[0] if following else own
    for shell in SHELLS:
        if named == shell:
            return shell
    known = ", ".join(SHELLS)
    what = f"got {named!r}" if following or own else "the variable SHELL names none"
    raise UsageError(f"{option} takes the name of a shell, {known}; {what}")


def _install(context: typer.Context, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    shell = chosen_shell(context.meta[META], "--install-completion")
    place = install(shell)
    say(f"installed for {shell} in {str(place.script)!r}; it completes in every new {shell}")
    raise typer.Exit


def _show(context: typer.Context, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    emit(SCRIPTS[chosen_shell(context.meta[META], "--show-completion")])
    raise typer.Exit


InstallCompletion = Annotated[
    bool,
    typer.Option(
        "--install-completion",
        callback=_install,
        is_eager=True,
        help="Let the shell complete commands, options, runs, texts and labels: bash, zsh or fish, "
        "named after this option; by default that of the variable SHELL.",
    ),
]
ShowCompletion = Annotated[
    bool,
    typer.Option(
        "--show-completion",
        callback=_show,
        is_eager=True,
        help="Print what --install-completion would install for a shell.",
    ),
]


class ShellGroup(Group):
    """The commands, with options that read the argument after them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the arguments for the options, then read them."""
        ctx.meta[META] = [*args]
        return super().parse_args(ctx, args)


def is_completing() -> bool:
    """Return whether a shell asks what to offer."""
    return bool(os.environ.get(VARIABLE))


def complete(app: typer.Typer) -> None:
    """Print what a shell offers. Whatever goes wrong, nothing but that is printed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    offered = StringIO()
    with suppress(Exception):
        before = join_words(os.environ) if os.environ[VARIABLE].endswith("bash") else ""
        get_completion_inspect_parameters()  # lets Typer know the shells
        with redirect_stdout(offered), suppress(SystemExit):  # that is how Typer ends
            app([], prog_name="textgen", standalone_mode=False)
        lines = offered.getvalue().splitlines()
        emit("".join(f"{line.removeprefix(before)}\n" for line in lines), is_safe=True)


def join_words(environment: MutableMapping[str, str]) -> str:
    """Join the words that bash has parted at an equals sign.

    Args:
        environment: of this process. Its words, and the index of the one to complete, are replaced.

    Returns:
        What stands before the part of the last word that bash wants to be completed.
    """
    index = int(environment["COMP_CWORD"])
    words, last = [""], ""
    for word in environment["COMP_WORDS"].split("\n")[: index + 1]:
        if word and "=" in (word, last):
            words[-1] += word
        else:
            words.append(word)
        last = word
    environment["COMP_WORDS"] = "\n".join(words[1:])
    environment["COMP_CWORD"] = str(len(words) - 2)
    label, equals, _ = words[-1].rpartition("=")
    return label + equals
