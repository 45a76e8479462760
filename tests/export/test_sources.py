import re
from pathlib import Path

import pytest

from textgen.export.sources import FOLDER, program, read_source

MODULES = sorted(path.stem for path in FOLDER.glob("*.js"))
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";$', re.MULTILINE)


def test_every_module_is_in_the_program_once_and_after_those_that_it_imports() -> None:
    order = re.findall(r"^modules\.(\w+) = \(\(\) => \{$", program(), re.MULTILINE)
    assert sorted(order) == MODULES
    for name in order:
        for _, imported in IMPORT.findall(read_source(f"{name}.js")):
            assert order.index(imported) < order.index(name)
    assert not re.search(r"^(import|export) ", program(), re.MULTILINE)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_what_others_export_and_uses_it(name: str) -> None:
    source = read_source(f"{name}.js")
    for names, imported in IMPORT.findall(source):
        other = read_source(f"{imported}.js")
        for one in re.findall(r"\w+", names):
            assert re.search(rf"^export .*\b{one}\b", other, re.MULTILINE), one
            assert len(re.findall(rf"\b{one}\b", source)) > 1, one


@pytest.mark.parametrize("name", MODULES)
def test_texts_reach_the_page_as_text_alone(name: str) -> None:
    """Markup would be a way in for what a network writes or a person pastes."""
    ways = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(")
    assert not [way for way in ways if way in read_source(f"{name}.js")]


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.name)
def test_a_source_says_what_it_is_and_stays_readable(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    if path.suffix == ".js":
        assert lines[0].startswith("// ")
        assert max(map(len, lines)) <= 100
        assert len(lines) < 300
    assert "</script" not in "\n".join(lines) or path.suffix == ".html"
