"""A claim that stays true when the results are others is no claim: every one fails on results that were moved."""

import ast
import hashlib
import importlib
import json
import pkgutil
from dataclasses import replace

import IPython.display
import matplotlib.pyplot as plt
import myst_nb
import nbformat
import numpy as np
import pytest

import uncertlr
from benchmarks import tables
from uncertlr.book import examples
from uncertlr.book.claims import TAG, collected, result_sections
from uncertlr.runs import archive, store
from uncertlr.runs.paths import project_folder
from uncertlr.training import rules

for module in pkgutil.walk_packages(uncertlr.__path__, "uncertlr."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)  # now, since a module imported while functions are replaced would keep them

NOTEBOOKS = sorted(
    path.stem
    for path in (project_folder() / "notebooks").glob("*.ipynb")
    if any(TAG in cell["metadata"].get("tags", []) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])
)


def amount(*names):
    """A number in [0.2, 0.5), another one for every name."""
    digest = hashlib.sha256(" ".join(map(str, names)).encode()).digest()
    return 0.2 + 0.3 * digest[0] / 256


def moved(value, *names):
    """A stored result moved by more than any interval of the book is wide; booleans, counts and text stay."""
    if isinstance(value, dict):
        return {key: moved(each, *names, key) for key, each in value.items()}
    if isinstance(value, list):
        return [moved(each, *names, at) for at, each in enumerate(value)]
    if isinstance(value, float) and np.isfinite(value):
        share = amount(*names)
        return value ** (1 + 2 * share) if 0 < value < 1 else value * (1 + share) + share
    return value


def moved_run(run):
    """A run with other scores, another trace and other times, the same for all seeds of a method but for some noise."""
    method = method_of(run)
    changed = replace(run, summary=moved(run.summary, method, run.config.seed), record=run.record)
    metrics = run.metrics.copy()
    for name in metrics.select_dtypes("float"):
        metrics[name] = [moved(value, method, name) for value in metrics[name].tolist()]
    vars(changed)["metrics"] = metrics
    return changed


def moved_trace(run, trace):
    """Other learning rates, by a power (which changes distances of logs too), and a smaller signal in another order."""
    share = amount(method_of(run))
    changed = {
        name: values if values.dtype.kind in "iu" else np.maximum(values, 0) ** (1 - share) for name, values in trace.items()
    }
    return changed | {"signal": share * trace["signal"][::-1]}


def method_of(run):
    return run.config.replace(seed=0, donors=[]).run_id


@pytest.fixture
def execute(monkeypatch):
    """Runs the code of a notebook in this process and gives the outcomes of its claims."""

    def executed(name):
        monkeypatch.setattr(IPython.display, "display", lambda *values, **_: None)
        monkeypatch.setattr(myst_nb, "glue", lambda *_, **__: None)
        monkeypatch.setattr(plt, "show", lambda *_, **__: plt.close("all"))
        scope = {"display": lambda *values, **_: None}
        with collected() as outcomes:
            for cell in nbformat.read(project_folder() / "notebooks" / f"{name}.ipynb", as_version=4).cells:
                if cell.cell_type == "code":
                    source = "\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))
                    try:
                        exec(compile(ast.parse(source), name, "exec"), scope)
                    except Exception as error:  # moved results may break a cell: its claims did not hold then
                        if not moved_results:
                            raise
                        scope["broken"] = error
        return outcomes

    moved_results = []

    def with_moved_results(name):
        load = store.read_run
        moved_results.append(True)
        for module in ("uncertlr.runs.store", "uncertlr.training.run"):
            monkeypatch.setattr(f"{module}.read_run", lambda paths: moved_run(load(paths)))
        whole_trace = rules.whole_trace
        for module in ("uncertlr.training.rules", "uncertlr.analysis.pairs"):
            monkeypatch.setattr(f"{module}.whole_trace", lambda run: moved_trace(run, whole_trace(run)))
        load_study, read_costs, read_examples = archive.load_study, tables.read_costs, examples.read_json
        monkeypatch.setattr(archive, "load_study", lambda name: moved(load_study(name), name))
        monkeypatch.setattr(tables, "read_costs", lambda path: moved(read_costs(path), path.name))
        monkeypatch.setattr(examples, "read_json", lambda path: moved(read_examples(path), path.name))
        ids = list(archive.published_ids().items())
        monkeypatch.setattr(archive, "published_ids", lambda: dict(ids[::2]))
        return executed(name)

    return executed, with_moved_results


def about_results(outcome):
    """Whether a claim is about stored runs; one that stands in another section is about arithmetic, which nothing moves."""
    return any(outcome.quote in " ".join(section.split()) for section in result_sections(outcome.page))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_claim_fails_on_moved_results(name, execute, monkeypatch):
    monkeypatch.delenv("UNCERTLR_RESULTS")
    true, other = execute
    stated = true(name)
    assert stated
    assert [outcome.quote for outcome in stated if outcome.problem] == []
    held = {outcome.quote for outcome in other(name) if not outcome.problem and about_results(outcome)}
    assert held == set(), "claims that hold for any results"
