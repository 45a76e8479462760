"""The house rules: floors, the absence of JAX below, who prints, who opens files."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import textgen

PACKAGE = Path(textgen.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
FLOORS = (
    "errors",
    "settings",
    "readable",
    "data",
    "network",
    "runtime",
    "planning",
    "training",
    "runs",
    "generation",
    "evaluation",
    "interpretation",
    "pictures",
    "session",
    "workflows",
    "terminal",
)


def floor_of(module: str) -> int:
    """Return the floor of a dotted name such as textgen.data.corpus; the package itself is 0."""
    parts = module.split(".")
    return FLOORS.index(parts[1]) if len(parts) > 1 and parts[1] in FLOORS else -1


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, f"{path}: relative import"
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def dotted(path: Path) -> str:
    return ".".join(("textgen", *path.relative_to(PACKAGE).with_suffix("").parts))


def test_every_floor_of_the_house_exists() -> None:
    for floor in FLOORS:
        assert (PACKAGE / floor).is_dir() or (PACKAGE / f"{floor}.py").is_file(), floor


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_module_imports_only_from_its_floor_or_below(path: Path) -> None:
    if path in (PACKAGE / "__main__.py", PACKAGE / "__init__.py"):
        return
    for module in imports_of(path):
        if module.split(".")[0] == "textgen":
            assert floor_of(module) <= floor_of(dotted(path)), f"{dotted(path)} imports {module}"


def test_no_floor_imports_in_circles() -> None:
    graph = {dotted(path): set(imports_of(path)) for path in MODULES}
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, f"circle: {' -> '.join((*above, module))}"
        if module not in done:
            for other in graph.get(module, ()):
                visit(other, (*above, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize(
    "module",
    [
        "textgen",
        "textgen.data.streams",
        "textgen.network.cells",
        "textgen.network.parameters",
        "textgen.generation.constraints",
        "textgen.generation.endings",
        "textgen.generation.copies",
        "textgen.generation.sampler",
        "textgen.generation.filters",
        "textgen.generation.engine",
        "textgen.generation.numpy_engine",
        "textgen.network.inference",
        "textgen.generation.generator",
        "textgen.runs.run",
        "textgen.runs.library",
        "textgen.runs.summary",
        "textgen.workflows.find_units",
        "textgen.workflows.inspect",
        "textgen.workflows.load",
        "textgen.workflows.sample",
        "textgen.terminal.cli",
        "textgen.terminal.repl.loop",
    ],
)
def test_jax_is_not_imported_by(module: str) -> None:
    code = f"import sys, {module}; sys.exit(any(m in sys.modules for m in ('jax', 'flax')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_package_itself_does_not_import_numpy() -> None:
    code = "import sys, textgen; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "textgen" in done.stdout.split()
    assert "numpy" not in done.stdout.split()


def test_showing_help_needs_no_numpy() -> None:
    code = "import sys, textgen.terminal.cli; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_only_the_terminal_prints_and_only_it_knows_terminals(path: Path) -> None:
    if path.is_relative_to(PACKAGE / "terminal") or path.name == "__main__.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert "print" not in [call.id for call in calls if isinstance(call, ast.Name)]
    assert not {"typer", "rich", "prompt_toolkit"} & {
        module.split(".")[0] for module in imports_of(path)
    }


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_only_data_runs_and_runtime_open_files(path: Path) -> None:
    if path.parent.name in ("data", "runs", "runtime") or path.name in (
        "history.py",
        "output.py",
        "session_file.py",
    ):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert name not in {"open", "read_text", "read_bytes", "write_text", "write_bytes"}, (
                f"{dotted(path)} line {node.lineno} opens a file"
            )


def test_every_test_file_mirrors_a_module() -> None:
    tests = Path(__file__).parent
    for path in tests.rglob("*/test_*.py"):
        module = PACKAGE / path.relative_to(tests).with_name(path.name.removeprefix("test_"))
        assert module.is_file(), f"{path} mirrors no module"
