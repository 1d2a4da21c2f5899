"""Imports go one way: each module may import those of the layers below it, and its own package."""

import ast
from pathlib import Path

import pytest

import uncertlr

LAYERS = [
    {"allocator", "errors", "intervals", "streams", "provenance"},
    {"files", "records", "config", "evidence_config", "metrics", "schedulers", "models", "data"},
    {"estimators", "runs"},
    {"checkpoints", "objectives", "recorded"},
    {"steps"},
    {"published", "plots", "tables", "costs", "progress", "training", "integrations"},
    {"summary", "rules_from_config", "listing", "evidence", "figure_data", "frames"},
    {"arrival", "chapter_words", "confusion", "effects", "experiments", "rate_levels"},
    {"book"},
    {"sweep"},
    {"study", "comparison"},
    {"examples", "pairs"},
    {"verdicts"},
    {"evidence_times"},
    {"evidence_words"},
    {"evidence_listening"},
    {"evidence_answer", "evidence_search", "evidence_tables"},
    {"evidence_brief", "evidence_tuned"},
    {"factorial"},
    {"evidence_figures"},
    {"cli_sweep"},
    {"cli"},
    {"__main__"},
]
FORBIDDEN = {("schedulers", "estimators"), ("schedulers", "metrics"), ("metrics", "config"), ("models", "config"),
             ("data", "config"), ("plots", "training"), ("tables", "training")}  # fmt: skip
PACKAGE = Path(uncertlr.__file__).parent


def unit(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(source: str) -> set[str]:
    """The units of uncertlr that a module names in its imports, wherever they stand."""
    modules = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            modules |= {f"{node.module}.{name.name}" for name in node.names}
    return {module.split(".")[1] for module in modules if module.startswith("uncertlr.")}


def breaches(importer: str, source: str) -> set[str]:
    level = {name: depth for depth, layer in enumerate(LAYERS) for name in layer}
    others = imported(source) - {importer, "__version__"}
    return {
        other for other in others if other not in level or level[other] >= level[importer] or (importer, other) in FORBIDDEN
    }


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    assert unit(path) in {name for layer in LAYERS for name in layer}, "a new module: give it a layer"
    assert breaches(unit(path), path.read_text(encoding="utf-8")) == set()


@pytest.mark.parametrize(
    ("importer", "source", "other"),
    [
        ("schedulers", "from uncertlr.estimators import MCDropout", "estimators"),
        ("metrics", "def f():\n    import uncertlr.training", "training"),
        ("training", "from uncertlr.experiments import run", "experiments"),
        ("models", "from uncertlr import config", "config"),
        ("plots", "from uncertlr.nowhere import x", "nowhere"),
    ],
)
def test_a_breach_is_seen(importer, source, other):
    assert breaches(importer, source) == {other}


def test_files_are_short():
    long = {str(path.relative_to(PACKAGE)): lines for path in FILES if (lines := len(path.read_text().splitlines())) > 300}
    assert long == {}
