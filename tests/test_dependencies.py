"""Every distribution that the code imports is declared where it is needed."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from uncertlr.runs.paths import project_folder

PROJECT = project_folder()
DISTRIBUTIONS = packages_distributions()
OWN = {"uncertlr", "benchmarks", "tests", *(path.stem for path in PROJECT.glob("book/_ext/*.py")), "reference_loop"}


def imported(source: str) -> set[str]:
    """Top-level packages that code imports, wherever the import is, the standard library and our own apart."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - OWN


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def extras() -> dict[str, set[str]]:
    """Distributions of the core (an empty name) and of each extra, those that it includes resolved."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = {normal(re.match(r"[\w.-]+", line)[0]) for line in project["dependencies"]}
    found: dict[str, set[str]] = {"": core}

    def resolve(extra: str) -> set[str]:
        names: set[str] = set(core)
        for line in project["optional-dependencies"][extra]:
            own = re.match(r"uncertlr\[([\w,]+)\]", line)
            names |= set().union(*map(resolve, own[1].split(","))) if own else {normal(re.match(r"[\w.-]+", line)[0])}
        return names

    return found | {extra: resolve(extra) for extra in project["optional-dependencies"]}


EXTRAS = extras()
BOOK = EXTRAS["all"] | {
    normal(re.match(r"[\w.-]+", line)[0])
    for line in (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if re.match(r"\w", line)
}
PEERS = {
    normal(re.match(r"[\w.-]+", line)[0])
    for line in (PROJECT / "benchmarks" / "costs" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if re.match(r"\w", line)
}
WHO_NEEDS_WHAT = {
    "uncertlr/schedulers": EXTRAS[""],
    "uncertlr/estimators": EXTRAS[""],
    "uncertlr/metrics": EXTRAS[""],
    "uncertlr/models": EXTRAS[""],
    "uncertlr/integrations": EXTRAS["lightning"] | EXTRAS["transformers"],
    "uncertlr/data": EXTRAS["experiments"],
    "uncertlr/runs": EXTRAS["experiments"],
    "uncertlr/training": EXTRAS["experiments"],
    "uncertlr/analysis": EXTRAS["experiments"],
    "uncertlr/sweep": EXTRAS["sweep"],
    "uncertlr/plots": EXTRAS["plots"],
    "uncertlr": EXTRAS["all"],
    "tests": EXTRAS["dev"] | BOOK,
    "benchmarks": EXTRAS["dev"] | PEERS,
    "book": BOOK,
    "notebooks": BOOK,
}


def sources(folder: str) -> list[tuple[str, str]]:
    code = [
        (str(path.relative_to(PROJECT)), path.read_text(encoding="utf-8"))
        for path in sorted((PROJECT / folder).rglob("*.py"))
        if not {"_build", "_generated"} & set(path.parts)
    ]
    for path in sorted((PROJECT / folder).glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        lines = [line for cell in cells if cell["cell_type"] == "code" for line in [*"".join(cell["source"]).splitlines()]]
        code.append((path.name, "\n".join(line for line in lines if not line.startswith("%"))))
    return code


@pytest.mark.parametrize("folder", WHO_NEEDS_WHAT)
def test_what_is_imported_is_declared(folder):
    undeclared = {}
    for name, source in sources(folder):
        for package in imported(source):
            distributions = {normal(each) for each in DISTRIBUTIONS.get(package, [package])}
            if not distributions & WHO_NEEDS_WHAT[folder]:
                undeclared.setdefault(package, []).append(name)
    assert undeclared == {}


def test_the_core_needs_torch_and_numpy_only():
    assert EXTRAS[""] == {"torch", "numpy"}
