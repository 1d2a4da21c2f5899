"""A public name is used for one thing: no two modules of the library define the same one."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import uncertlr

PACKAGE = Path(uncertlr.__file__).parent
CHECKS_OF_ANSWERS = PACKAGE / "book" / "exercises"
"""Its functions have the names of the functions that a reader writes."""

ALLOWED = {"UncertaintyLRCallback"}
"""One class for Lightning, one for the Trainer of transformers."""


def defined(source: str) -> set[str]:
    """The public names that the top level of a module defines."""
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def test_no_two_modules_define_one_name():
    modules = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        if not path.is_relative_to(CHECKS_OF_ANSWERS):
            for name in defined(path.read_text(encoding="utf-8")):
                modules[name].append(str(path.relative_to(PACKAGE)))
    assert {name: where for name, where in modules.items() if len(where) > 1 and name not in ALLOWED} == {}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f(): g = 1\nclass C: pass\nA, B = 1, 2\nD: int = 3", {"f", "C", "A", "B", "D"}),
        ("import x\nfrom y import z\n_hidden = 1", set()),
    ],
)
def test_names_are_found(source, names):
    assert defined(source) == names
