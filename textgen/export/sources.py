"""The sources of the page: its HTML, its style and its modules of JavaScript, put together."""

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "page"
# The module from which all others are reached.
FIRST = "main"
_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)
_COMMENT = re.compile(r"^ *//.*\n", re.MULTILINE)


@cache
def read_source(name: str) -> str:
    """Return the text of a file of the page, such as `cells.js`."""
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def program() -> str:
    """Return all modules as one script, each after those that it imports.

    A page that is opened from a disk may not load modules from files. Each module becomes a
    function that is called once and returns what the module exports. Comments on lines of their own
    are left out.
    """
    done: dict[str, str] = {}

    def add(name: str) -> None:
        if name in done:
            return
        source = read_source(f"{name}.js")
        for _, imported in _IMPORT.findall(source):
            add(imported)
        exported = ", ".join(found for _, found in _EXPORT.findall(source))
        own = _IMPORT.sub(r"const {\1} = modules.\2;\n", source)
        own = _COMMENT.sub("", _EXPORT.sub(r"\1", own)).strip()
        done[name] = f"modules.{name} = (() => {{\n{own}\nreturn {{ {exported} }};\n}})();\n"

    add(FIRST)
    return '"use strict";\nconst modules = {};\n' + "\n".join(done.values())
