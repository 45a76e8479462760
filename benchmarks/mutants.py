"""List what cosmic-ray can change in files; runs in the environment of benchmarks/mutation.py.

    python mutants.py SAMPLE SEED FILE...

Prints a sample of the changes, each a line of JSON: file, line, operator, and the changed source.
"""

import ast
import json
import random
import re
import sys
from collections import defaultdict
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

# Operators left out: they fail at the import or at the first number, whatever tests say.
LEFT_OUT = re.compile("RemoveDecorator|Variable|_(RShift|LShift|BitOr|BitAnd|BitXor)$|_Invert$")


def meaning(source: str) -> str:
    """Return what a source does: annotations and docstrings do nothing."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign() | ast.arg():
                node.annotation = ast.Constant(None)
            case ast.FunctionDef():
                node.returns = None
        match node:
            case ast.Expr(value=ast.Constant()):
                node.value = ast.Constant(None)
    return ast.dump(tree)


def is_other_code(changed: str, source: str) -> bool:
    """Return whether a changed source is Python, and does something else than before."""
    try:
        return meaning(changed) != meaning(source)
    except SyntaxError:  # the star before arguments that must be named was taken for a product
        return False


def main() -> None:
    """Print a sample of all changes."""
    count, seed, *files = sys.argv[1:]
    names = [name for name in operator_names() if not LEFT_OUT.search(name)]
    changes = defaultdict(list)  # by place, since some operators can be replaced by many others
    for file in files:
        nodes = list(ast_nodes(get_ast(Path(file).read_text(encoding="utf-8"))))
        for name in names:
            operator = get_operator(name)()
            positions = [place for node in nodes for place in operator.mutation_positions(node)]
            for number, place in enumerate(positions):
                changes[file, place].append((name, number))
    source_of_chance = random.Random(int(seed))
    places = sorted(changes)
    source_of_chance.shuffle(places)
    printed = 0
    for file, place in places:
        name, number = source_of_chance.choice(changes[file, place])
        source = Path(file).read_text(encoding="utf-8")
        changed = mutate_code(source, get_operator(name)(), number)
        if changed is None or not is_other_code(changed, source):
            continue
        where = {"file": file, "line": place[0][0], "operator": name, "source": changed}
        print(json.dumps(where), flush=True)
        printed += 1
        if printed == int(count):
            return


if __name__ == "__main__":
    main()
