"""The sources of the page: its HTML, its style and its modules of JavaScript, put together."""

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "page"
# The module from which all others are reached.
FIRST = "main"
_IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) )", re.MULTILINE)
_COMMENT = re.compile(r"^ *//.*\n", re.MULTILINE)


@cache
def read_source(name: str) -> str:
    """Return the text of a file of the page, such as `cells.js`."""
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def program() -> str:
    """Return all modules as one script, each after those that it imports.

    A module has no names of its own in it: what is declared at the top of one has a name that no
    other declares. Comments on lines of their own are left out.
    """
    done: dict[str, str] = {}

    def add(name: str) -> None:
        if name in done:
            return
        source = read_source(f"{name}.js")
        for _, imported in _IMPORT.findall(source):
            add(imported)
        own = _EXPORT.sub("", _IMPORT.sub("", source))
        done[name] = f"// {name}.js\n{_COMMENT.sub('', own).strip()}\n"

    add(FIRST)
    return '"use strict";\n' + "\n".join(done.values())
