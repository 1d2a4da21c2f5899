"""Every parameter of a notebook is read by its code: found by reading the code, without running it."""

import ast
from collections.abc import Iterable, Iterator

import nbformat
import papermill
import pytest

from uncertlr.book.parameters import StudyParameters
from uncertlr.config import RULE_FIELDS, RunConfig
from uncertlr.runs.paths import project_folder

NOTEBOOKS = sorted((project_folder() / "notebooks").glob("*.ipynb"))

WHOLE = {"run", "find", "build"}
"""Functions of the library that read every field of the configuration that they are given."""

PARTS = {
    "load_config_data": {
        *(
            "dataset",
            "data_kind",
            "input_column",
            "label_column",
            "train_examples",
            "val_fraction",
            "vocab_size",
            "max_tokens",
        ),
        *("seed", "device"),
    },
    "build_rule": {*RULE_FIELDS, "signal", "signal_every"},
    "build_estimators": {"estimator", "num_samples", "dropout"},
}
"""Functions that read some of them."""


def fields_read(source: str) -> set[str]:
    """The fields of a configuration that code reads: by name, from ``config``, or through a function that is given it.

    Args:
        source: all code but the cell of parameters, which only writes.
    """
    tree = ast.parse("\n".join(line for line in source.splitlines() if not line.startswith("%")))
    fields = {*RunConfig.model_fields, *StudyParameters.model_fields}
    found = _loaded(tree) & fields
    derived = _derived(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "config":
            found |= {node.attr} & fields
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and _loaded(*node.args) & derived:
            found |= set(RunConfig.model_fields) if node.func.id in WHOLE else PARTS.get(node.func.id, set())
    return found


def _derived(tree: ast.AST) -> set[str]:
    """Names whose values come from ``config``, however many steps away."""
    names, before = {"config"}, set()
    while names != before:
        before = set(names)
        for targets, value in _assignments(tree):
            if _loaded(value) & names:
                names |= {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
    return names


def _assignments(tree: ast.AST) -> Iterator[tuple[Iterable[ast.AST], ast.AST]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield node.targets, node.value
        elif isinstance(node, ast.For | ast.comprehension):
            yield [node.target], node.iter


def _loaded(*nodes: ast.AST) -> set[str]:
    inside = (node for each in nodes for node in ast.walk(each))
    return {node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_parameter_is_read(path):
    """A parameter without an effect would mislead whoever changes it."""
    cells = nbformat.read(path, as_version=4).cells
    code = [cell.source for cell in cells if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", [])]
    assert set(papermill.inspect_notebook(str(path))) - fields_read("\n".join(code)) == set()


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("print(epochs)", {"epochs"}),
        ("epochs = 3", set()),
        ("x = config.seed", {"seed"}),
        ("arms = {'a': config}\nfor name, each in arms.items():\n    run(each)", set(RunConfig.model_fields)),
        ("run(preset('digits'))", set()),
        ("build_estimators(config)", {"estimator", "num_samples", "dropout"}),
    ],
)
def test_what_counts_as_read(code, fields):
    assert fields_read(code) == fields
