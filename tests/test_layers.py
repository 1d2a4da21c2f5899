"""Imports go one way: a package may import those of the layers below it, and itself."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import uncertlr

LAYERS = [
    {"errors", "seeding", "metrics", "schedulers", "models"},
    {"estimators", "config", "data"},
    {"integrations", "runs"},
    {"training"},
    {"sweep"},
    {"analysis"},
    {"plots"},
    {"book"},
    {"cli"},
]
PACKAGE = Path(uncertlr.__file__).parent
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE or path.stem[0] != "_"]


def imported(source: str) -> set[str]:
    """The packages of uncertlr that a module imports, wherever the import stands."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {f"{getattr(node, 'module', '') or ''}.{alias.name}".strip(".") for node in nodes for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("uncertlr.")}


def breaches(package: str, source: str) -> set[str]:
    below = {"errors", "__version__"}.union(*LAYERS[: next(depth for depth, layer in enumerate(LAYERS) if package in layer)])
    return imported(source) - below - {package}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    assert breaches(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("package", "source", "breach"),
    [
        ("schedulers", "from uncertlr.estimators import MCDropout", "estimators"),
        ("metrics", "def f():\n    import uncertlr.training.loop", "training"),
        ("runs", "from uncertlr import book", "book"),
        ("plots", "from uncertlr.nowhere import x", "nowhere"),
    ],
)
def test_a_breach_is_seen(package, source, breach):
    assert breaches(package, source) == {breach}


@pytest.mark.parametrize(("name", "package"), [("UncertaintyLR", "schedulers"), ("run", "training")])
def test_a_public_name_loads_its_layer_and_those_below(name, package):
    code = f"from uncertlr import {name}; import sys; print(*[each for each in sys.modules if each.startswith('uncertlr.')])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {each.split(".")[1] for each in result.stdout.split()}
    depth = next(depth for depth, layer in enumerate(LAYERS) if package in layer)
    assert package in loaded
    assert loaded <= set().union(*LAYERS[: depth + 1])


@pytest.mark.parametrize(
    ("work", "unused"),
    [
        ("from uncertlr import plots", {"torch", "matplotlib"}),
        (
            "from uncertlr import load_config_data, preset; load_config_data(preset('digits'))",
            {"sklearn", "scipy", "pandas"},
        ),
    ],
)
def test_a_notebook_does_not_wait_for_what_it_does_not_use(work, unused):
    code = f"import sys; {work}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert unused.isdisjoint(result.stdout.split())
