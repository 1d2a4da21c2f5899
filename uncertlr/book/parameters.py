"""The parameters of a notebook, checked before anything slow is imported."""

import ast
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import TypeAdapter, ValidationError

from uncertlr.book.dependence import Dependence
from uncertlr.book.interrupts import show_in_one_line
from uncertlr.config import PROFILES, RunConfig, preset, shown_name
from uncertlr.errors import ConfigError, hint
from uncertlr.runs.paths import project_folder

Several = Annotated[int, Ge(2)]
Positive = Annotated[float, Gt(0)]

OTHERS: dict[str, Any] = {
    "confidence": Annotated[float, Gt(0), Lt(1)],
    "gradient_noise": Annotated[float, Ge(0)],
    "left_out": Annotated[int, Ge(0), Le(9)],
    "lower_bound": Annotated[float, Gt(0), Le(1)],
    "margin": Positive,
    "members": Several,
    "num_bins": Several,
    "num_seeds": Annotated[int, Ge(1)],
    "overrides": dict[str, Any],
    "pairs": Several,
    "prior_precision": Positive,
    "profile": Literal[tuple(PROFILES)],
    "steps": Annotated[int, Ge(1)],
    "study": str,
    "train_images": Annotated[int, Ge(10), Le(1_000)],
    "upper_bound": Annotated[float, Ge(1)],
}
"""Types of the parameters of notebooks that are no fields of RunConfig."""

INJECTED = "# Parameters\n"
"""How the cell begins that papermill puts below the parameters."""


def check_parameters(notebook: str = "", /, **parameters: Any) -> None:
    """Refuse a parameter of a notebook that makes no sense; warn of one that papermill has added in vain.

    It takes no more than a second, so that a wrong value is refused before the first slow import. Where a parameter is
    changed later on, the next cell says so, since the cells above have run with the old value. Figures say in their titles
    which parameters they depend on that are not at the notebook's defaults, and an interrupted cell shows one line.

    Args:
        notebook: the name of its file; the defaults are read from there.
        parameters: all of the notebook.

    Raises:
        ConfigError: a value is out of range, of the wrong type, or names nothing.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        for line in unknown_parameters(shell.user_ns.get("In", ())):
            print(line)
        _watch(shell, notebook, parameters)
        show_in_one_line(shell)
    check_values(parameters)


def check_values(parameters: Mapping[str, Any]) -> None:
    """Refuse a value that makes no sense.

    Raises:
        ConfigError: says which and why.
    """
    for name in OTHERS.keys() & parameters.keys():
        try:
            TypeAdapter(OTHERS[name]).validate_python(parameters[name])
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            raise ConfigError(f"invalid parameter {name}={parameters[name]!r}: {message[0].lower()}{message[1:]}") from None
    if "study" in parameters:
        _check_study(parameters["study"])
    fields = {name: value for name, value in parameters.items() if name not in OTHERS}
    config = preset(fields.pop("dataset", "digits"), parameters.get("profile", "exact"), **fields)
    config.replace(**parameters.get("overrides", {}))


def _check_study(study: str) -> None:
    known = sorted(path.stem for path in (project_folder() / "sweeps").glob("*.yaml"))
    if study not in known:
        raise ConfigError(f"invalid parameter study={study!r}, no file of sweeps/: {hint(study, known)}")


def unknown_parameters(cells: Sequence[str]) -> list[str]:
    r"""A line for each parameter that papermill was given and that the notebook does not have.

    Args:
        cells: the cells that have run so far, IPython's `In`.

    >>> unknown_parameters(["", "epochs: int = 5", "# Parameters\nepoch = 3"])
    ["warning: this notebook has no parameter 'epoch', so epoch=3 has no effect; did you mean 'epochs'?"]
    """
    places = [place for place, cell in enumerate(cells) if place and cell.startswith(INJECTED)]
    if not places:
        return []
    known = _assigned(cells[places[-1] - 1])
    lines = []
    for name, value in _assigned(cells[places[-1]]).items():
        if name not in known:
            field = "overrides" in known and name in {*RunConfig.model_fields, *map(shown_name, RunConfig.model_fields)}
            mend = f"give it in overrides: {{{name}: {value}}}" if field else hint(name, known)
            lines.append(f"warning: this notebook has no parameter {name!r}, so {name}={value} has no effect; {mend}")
    return lines


def _assigned(cell: str) -> dict[str, str]:
    """Names that a cell of plain assignments binds, and what to."""
    found = {}
    for node in ast.parse(cell).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            (target,) = node.targets if isinstance(node, ast.Assign) else (node.target,)
            found[ast.unparse(target)] = ast.unparse(node.value)
    return found


class _Watch:
    """Looks at a notebook's parameters after each cell."""

    def __init__(self, names: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
        self.names, self.seen = names, dict(parameters)

    def __call__(self, result: Any) -> None:
        changed = [name for name, value in self.seen.items() if self.names.get(name) != value]
        if not changed:
            return
        now = {name: self.names.get(name) for name in self.seen}
        try:
            check_values(now)
        except ConfigError as error:
            print(error)
            return
        before = ", ".join(f"{name}={self.seen[name]!r}" for name in changed)
        self.seen = now
        print(f"changed; the cells that have run so far used {before}: run all cells to see all with the new value")


class _Titles:
    """Sets, before each cell, which settings the titles of its figures carry."""

    def __init__(self, names: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
        self.names, self.dependence = names, Dependence(defaults)

    def __call__(self, info: Any) -> None:
        now = {name: self.names.get(name, default) for name, default in self.dependence.defaults.items()}
        settings = self.dependence.cell(info.raw_cell, now)
        if settings or "uncertlr.plots.titles" in sys.modules:  # else no cell has needed what takes long to import
            from uncertlr.plots import titles

            titles.settings = settings


def default_parameters(notebook: str) -> dict[str, Any]:
    """The parameters of one of the project's notebooks, as its file has them; none if there is no such file."""
    path = project_folder() / "notebooks" / f"{notebook}.ipynb"
    if not path.is_file():
        return {}
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    (source,) = ["".join(cell["source"]) for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    return {name: ast.literal_eval(value) for name, value in _assigned(source).items()}


def _watch(shell: Any, notebook: str, parameters: Mapping[str, Any]) -> None:
    watchers = {
        "pre_run_cell": _Titles(shell.user_ns, default_parameters(notebook)),
        "post_run_cell": _Watch(shell.user_ns, parameters),
    }
    for event, watcher in watchers.items():
        for before in [each for each in shell.events.callbacks[event] if isinstance(each, type(watcher))]:
            shell.events.unregister(event, before)
        shell.events.register(event, watcher)
