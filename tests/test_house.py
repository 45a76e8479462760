"""The rules of the package: who may import whom, who may import JAX, who prints, who opens files.

Tests have a rule of their own: those of one module do not use private names of another.
"""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

import textgen

PACKAGE = Path(textgen.__file__).parent
TESTS = Path(__file__).parent
# The packages and modules directly in textgen: each imports only from itself and those before it.
LAYERS = (
    "errors",
    "extras",
    "storage",
    "aside",
    "temperature",
    "settings",
    "readable",
    "data",
    "network",
    "runtime",
    "planning",
    "training",
    "runs",
    "tracking",
    "generation",
    "evaluation",
    "restoration",
    "interpretation",
    "pictures",
    "session",
    "export",
    "serve",
    "workflows",
    "terminal",
    "python",
    "llm_plugin",
)
# Packages and modules that are imported without JAX.
WITHOUT_JAX = (
    "data",
    "runs",
    "session",
    "generation",
    "network.cells",
    "network.inference",
    "network.mixture",
    "network.parameters",
    "serve.http",
    "workflows.find_units",
    "workflows.inspect",
    "workflows.load",
    "workflows.sample",
    "workflows.training_order",
    "tracking.trackers",
    "llm_plugin",
    "workflows.serve",
    "terminal.cli",
    "terminal.repl.start",
)
WITH_JAX = ("generation.jax_engine", "generation.jax_reader")
# The packages and modules that open files.
FILES = (
    "data",
    "export.sources",
    "extras",
    "python.given_text",
    "runs",
    "runtime",
    "serve.http.keys",
    "session.kept_sessions",
    "session.session_file",
    "storage",
    "terminal.commands.configuration_file",
    "terminal.commands.shells",
    "terminal.output",
    "terminal.repl.history",
)
OPENING = {"open", "read_text", "read_bytes", "write_text", "write_bytes"}


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    """Return the dotted name of a module without `textgen.`; an `__init__.py` is its package."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def is_in(name: str, packages: Iterable[str]) -> bool:
    """Return whether a module is one of these, or in a package that is.

    >>> is_in("data.sources", ["data"]), is_in("database", ["data"])
    (True, False)
    """
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def imports_of(path: Path) -> Iterator[str]:
    """Yield the names of all modules that a file imports, at its top or in a function."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{path}: relative import"
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def own_imports_of(path: Path) -> Iterator[str]:
    """Yield the modules of textgen that a file imports, without `textgen.`."""
    for module in imports_of(path):
        if module.split(".")[0] == "textgen":
            yield module.partition(".")[2]


def layer_of(name: str) -> int:
    """Return the index in `LAYERS` of a module; textgen itself, which all import, has -1."""
    return LAYERS.index(name.split(".")[0]) if name else -1


def test_every_layer_exists_and_there_is_no_other() -> None:
    found = {name.split(".")[0] for name in MODULES}
    assert found - {"", "__main__"} == set(LAYERS)


def test_a_module_imports_only_from_its_own_package_and_those_before_it() -> None:
    wrong = [
        f"{name} imports {module}"
        for name, path in MODULES.items()
        if name not in ("", "__main__")
        for module in own_imports_of(path)
        if layer_of(module) > layer_of(name)
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: set(own_imports_of(path)) for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, f"circle: {' -> '.join((*above, module))}"
        if module not in done:
            for other in graph.get(module, ()):
                visit(other, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_the_session_knows_nothing_of_a_terminal() -> None:
    imported = {
        module
        for name in MODULES
        if is_in(name, ["session"])
        for module in imports_of(MODULES[name])
    }
    roots = {"textgen.terminal", "typer", "rich", "prompt_toolkit", "readline", "curses"}
    assert imported
    assert not [module for module in imported if is_in(module, roots)]


def test_the_terminal_has_three_packages_and_three_modules() -> None:
    folder = PACKAGE / "terminal"
    modules = {path.stem for path in folder.glob("*.py")}
    packages = {path.parent.name for path in folder.glob("*/*.py")}
    assert modules == {"__init__", "cli", "output", "signals"}
    assert packages == {"commands", "display", "repl"}


def import_in_a_new_process(modules: Iterable[str], forbidden: set[str]) -> str:
    """Import modules one after the other; return which of them first imports something forbidden.

    Where none does in the company of the others, none does by itself.
    """
    code = (
        "import importlib, sys\n"
        "for name in sys.argv[2:]:\n"
        "    importlib.import_module(name)\n"
        "    if {*sys.argv[1].split()} & sys.modules.keys():\n"
        "        sys.exit(f'{name} imports something of: {sys.argv[1]}')\n"
    )
    command = [sys.executable, "-c", code, " ".join(sorted(forbidden)), *modules]
    return subprocess.run(command, stderr=subprocess.PIPE, text=True).stderr.strip()


def test_what_must_start_quickly_does_not_import_jax() -> None:
    free = [name for name in MODULES if is_in(name, WITHOUT_JAX) and not is_in(name, WITH_JAX)]
    assert {"data.sources", "runs.run", "session.commands", "generation.generator"} < {*free}
    modules = ["textgen", *(f"textgen.{name}" for name in free)]
    assert import_in_a_new_process(modules, {"jax", "flax"}) == ""
    assert import_in_a_new_process(["textgen.generation.jax_engine"], {"jax", "flax"}) != ""


def test_showing_help_imports_no_numpy() -> None:
    assert import_in_a_new_process(["textgen", "textgen.terminal.cli"], {"numpy"}) == ""


def test_llm_is_imported_by_its_plugin_alone_and_the_plugin_imports_no_model() -> None:
    assert import_in_a_new_process(["textgen", "textgen.terminal.cli"], {"llm"}) == ""
    models = {"textgen.generation.model", "textgen.runs.run", "typer"}
    assert import_in_a_new_process(["textgen.llm_plugin"], models) == ""


def test_completing_the_name_of_a_run_imports_no_numpy() -> None:
    modules = ["textgen.terminal.commands.completion", "textgen.runs.names", "textgen.data.shipped"]
    assert import_in_a_new_process(modules, {"numpy"}) == ""


def test_only_the_terminal_prints_and_only_it_knows_terminals() -> None:
    wrong = []
    for name, path in MODULES.items():
        if is_in(name, ["terminal", "__main__"]):
            continue
        calls = (node.func for node in ast.walk(parse(path)) if isinstance(node, ast.Call))
        if any(isinstance(call, ast.Name) and call.id == "print" for call in calls):
            wrong.append(f"{name} prints")
        wrong += [
            f"{name} imports {module}"
            for module in imports_of(path)
            if is_in(module, ["typer", "rich", "prompt_toolkit"])
        ]
    assert wrong == []


def test_only_the_packages_whose_files_they_are_open_files() -> None:
    wrong = []
    for name, path in MODULES.items():
        if is_in(name, FILES):
            continue
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if called in OPENING:
                    wrong.append(f"{name} line {node.lineno}: {called}")
    assert wrong == []


def mirrored(test: Path) -> Path:
    """Return the module whose tests a file in a folder of tests/ holds."""
    return PACKAGE / test.relative_to(TESTS).with_name(test.name.removeprefix("test_"))


def test_every_test_file_mirrors_a_module() -> None:
    files = list(TESTS.rglob("*/test_*.py"))
    assert files
    assert [path for path in files if not mirrored(path).is_file()] == []


# One leading underscore; what a class of named tuples offers under such names is public.
PRIVATE = re.compile(r"_[A-Za-z0-9]\w*")
PUBLIC = {"_replace", "_asdict", "_fields", "_make"}


def is_private(name: str) -> bool:
    return bool(PRIVATE.fullmatch(name)) and name not in PUBLIC


def private_names(tree: ast.Module) -> set[str]:
    """Return the private names that a module gives to functions, classes, values and attributes."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= {node.attr} if ast.unparse(node.value) == "self" else set()
    return {name for name in names if is_private(name)}


@cache
def owners() -> dict[str, set[str]]:
    """Return the modules in which each private name of textgen and of its tests is defined."""
    found = defaultdict(set)
    for path in (*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py")):
        for name in private_names(parse(path)):
            found[name].add(module_of(path))
    return found


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def names_used(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield the line, the module if it is known, and the name of what a file takes from others.

    Names in strings count where they are arguments of a call: `monkeypatch.setattr(a, "_b", c)`.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, node.module or "", name.name) for name in node.names)
        elif isinstance(node, ast.Attribute):
            yield node.lineno, "", node.attr
        elif isinstance(node, ast.Call):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, "", argument.value.rpartition(".")[2]


def foreign_private_names(tree: ast.Module, own: set[str]) -> list[str]:
    """Return where a test file uses a private name that none of its own modules defines."""
    defined = private_names(tree)
    wrong = []
    for line, module, name in names_used(tree):
        if not is_private(name):
            continue
        if module:
            is_foreign = is_in(module, ["textgen", "tests"]) and module not in own
        elif name in defined:
            is_foreign = False
        else:
            others = owners().get(name, set())
            is_foreign = bool(others) and not others & own
        if is_foreign:
            wrong.append(f"line {line}: {name}")
    return wrong


def test_tests_use_no_private_names_of_other_modules() -> None:
    wrong = []
    for path in TESTS.rglob("*.py"):
        own = {module_of(path)}
        if path.parent != TESTS and path.name.startswith("test_"):
            own.add(module_of(mirrored(path)))
        wrong += [
            f"{path.relative_to(TESTS)} {found}"
            for found in foreign_private_names(parse(path), own)
        ]
    assert wrong == []


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("from textgen.data.sources import _scan", 1),
        ("from tests.other import _help", 1),
        ("from textgen.generation import generator\nx = generator._MODULES", 1),
        ('monkeypatch.setattr(textgen, "_MODULES", {})', 1),
        ('monkeypatch.setattr("textgen._MODULES", {})', 1),
        ("from textgen.runs.run import _own", 0),
        ("from elsewhere import _name", 0),
        ("state._replace(a=1)", 0),
        ("jitted._cache_size()", 0),
        ("class A:\n    def _MODULES(self): pass\nA()._MODULES()", 0),
        ('print("_MODULES is written by itself", "_no_such_name")', 0),
    ],
)
def test_a_private_name_of_another_module_is_found(code: str, count: int) -> None:
    assert len(foreign_private_names(ast.parse(code), {"textgen.runs.run"})) == count
