"""Which of a notebook's parameters its figures depend on, read from the cells that have run."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from uncertlr.runs.naming import listed

COMPOUND = (ast.For, ast.While, ast.With, ast.If, ast.Try)
FUNCTIONS = (ast.FunctionDef, ast.ClassDef)


class Dependence:
    """Follows the parameters that are not at their defaults through the assignments of a notebook's cells.

    What a cell shows was perhaps computed by an earlier one, from a value that a parameter no longer has: each name is
    followed with the value that went into it. Nothing is run; a name counts as changed by a statement if it is assigned
    there, if one of its methods is called, or if it occurs in a loop. Random streams are not followed.

    Args:
        defaults: of the parameters, by name.

    >>> found = Dependence({"epochs": 5})
    >>> found.cell("def train(): return epochs", {"epochs": 8})
    ''
    >>> found.cell("accuracy = train()", {"epochs": 8})
    'epochs=8'
    >>> found.cell("plot(accuracy)", {"epochs": 9})
    'epochs=8'
    """

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        self.defaults = defaults
        self.now: Mapping[str, Any] = defaults
        self.settings: dict[str, dict[str, Any]] = {}
        self.used_by: dict[str, set[str]] = {}
        self.imported: set[str] = set()

    def cell(self, source: str, parameters: Mapping[str, Any]) -> str:
        """Follow one more cell; the settings that what it shows depends on.

        Args:
            source: of the cell.
            parameters: their values when it runs.
        """
        self.now = parameters
        try:
            statements = ast.parse(source).body
        except SyntaxError:  # a command of IPython's
            return ""
        found: dict[str, Any] = {}
        for statement in statements:
            found |= self._follow(statement)
        return listed(found)

    def _follow(self, statement: ast.stmt) -> dict[str, Any]:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self.imported |= {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
            return {}
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        loaded = {name.id for name in names if isinstance(name.ctx, ast.Load)}
        if isinstance(statement, FUNCTIONS):
            self.used_by[statement.name] = loaded
            return {}
        found = self._settings_of(loaded)
        stored = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        if isinstance(statement, COMPOUND):
            changed = loaded | stored
        else:
            changed = set(_changed_in_place(statement))
            for name in stored:
                self.settings[name] = {}
                self.used_by.pop(name, None)
            changed |= stored
        for name in changed - self.imported - self.used_by.keys() - self.defaults.keys():
            self.settings[name] = self.settings.get(name, {}) | found
        return found

    def _settings_of(self, names: Iterable[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        left, seen = list(names), set()
        while left:
            if (name := left.pop()) in seen:
                continue
            seen.add(name)
            if name in self.defaults:
                found |= _shown(name, self.now[name], self.defaults[name])
            left += self.used_by.get(name, ())
            found |= self.settings.get(name, {})
        return {name: found[name] for name in sorted(found)}


def _shown(name: str, value: Any, default: Any) -> dict[str, Any]:
    if value == default or name == "root":  # a folder, which sets nothing
        return {}
    return dict(value) if isinstance(value, dict) else {name: value}


def _changed_in_place(statement: ast.stmt) -> Iterator[str]:
    """Names of what a statement changes by a method, or by assigning one of its items or attributes."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    called = [node.func for node in ast.walk(statement) if isinstance(node, ast.Call)]
    for part in (*targets, *called):
        for target in part.elts if isinstance(part, ast.Tuple) else [part]:
            if isinstance(target, ast.Attribute | ast.Subscript):
                while isinstance(target, ast.Attribute | ast.Subscript):
                    target = target.value
                if isinstance(target, ast.Name):
                    yield target.id
