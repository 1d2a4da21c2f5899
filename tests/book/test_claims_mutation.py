"""A claim that stays true when the results are others is no claim: every one fails on results that were moved."""

import ast
import hashlib
import importlib
import pkgutil
from contextlib import suppress
from dataclasses import replace

import IPython.display
import nbformat
import numpy as np
import pytest

import uncertlr
from benchmarks import tables
from uncertlr.book import examples
from uncertlr.book.claims import TAG, collected
from uncertlr.runs import archive, store
from uncertlr.runs.paths import project_folder

for module in pkgutil.walk_packages(uncertlr.__path__, "uncertlr."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)  # now, since a module imported while functions are replaced would keep them


def claims_cells(name):
    """The sources of a notebook's cells with claims; each must stand alone."""
    cells = nbformat.read(project_folder() / "notebooks" / f"{name}.ipynb", as_version=4).cells
    return [cell.source for cell in cells if TAG in cell.metadata.get("tags", [])]


NOTEBOOKS = sorted(path.stem for path in (project_folder() / "notebooks").glob("*.ipynb") if claims_cells(path.stem))


def executed(source):
    """The claims of a cell that is executed by itself, as far as it goes."""
    with collected() as stated, suppress(Exception):  # moved results may break a cell: its other claims did not hold then
        exec(source, {})
    return stated


def amount(*names):
    """A number in [0.2, 0.5), another one for every name."""
    digest = hashlib.sha256(" ".join(map(str, names)).encode()).digest()
    return 0.2 + 0.3 * digest[0] / 256


WAY = {"number": 0}
"""Results are moved in several ways, up (even numbers) and down: a claim about an order may survive some, not all."""
WAYS = range(6)


def moved(value, *names):
    """A stored result moved by more than any interval of the book is wide; booleans, counts and text stay."""
    if isinstance(value, dict):
        return {key: moved(each, *names, key) for key, each in value.items()}
    if isinstance(value, list):
        return [moved(each, *names, at) for at, each in enumerate(value)]
    if isinstance(value, float) and np.isfinite(value):
        share = amount(*names, WAY["number"])
        if WAY["number"] % 2 == 0:
            return value ** (1 + 2 * share) if 0 < value < 1 else value * (1 + share) + share
        return value ** (1 - 2 * share) if 0 < value < 1 else value * (1 - share) - share
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
    share = amount(method_of(run), WAY["number"])
    if WAY["number"] % 2:
        return {
            name: values if values.dtype.kind in "iu" else share * np.maximum(values, 0) for name, values in trace.items()
        }
    changed = {
        name: values if values.dtype.kind in "iu" else np.maximum(values, 0) ** (1 - share) for name, values in trace.items()
    }
    return changed | {"signal": share * trace["signal"][::-1]}


def method_of(run):
    return run.config.replace(seed=0, donors=[]).run_id


@pytest.fixture
def move_results(monkeypatch):
    """Other results than the stored ones, from now on; gives a list that grows with each stored result that is read."""

    def move():
        reads = []

        def noting(function):
            def noted(*arguments):
                reads.append(arguments)
                return function(*arguments)

            return noted

        read = noting(store.read_run)
        for module in ("uncertlr.runs.store", "uncertlr.training.finished"):
            monkeypatch.setattr(f"{module}.read_run", lambda paths: moved_run(read(paths)))
        monkeypatch.setattr(store.Run, "trace", property(lambda run: moved_trace(run, store.read_trace(run.paths))))
        whole_trace = store.whole_trace
        for module in ("uncertlr.runs.store", "uncertlr.training.rules", "uncertlr.analysis.pairs"):
            monkeypatch.setattr(f"{module}.whole_trace", lambda run: moved_trace(run, whole_trace(run)))
        load_study, read_costs, read_examples = map(noting, (archive.load_study, tables.read_costs, examples.read_json))
        monkeypatch.setattr(archive, "load_study", lambda name: moved(load_study(name), name))
        monkeypatch.setattr(tables, "read_costs", lambda path: moved(read_costs(path), path.name))
        monkeypatch.setattr(examples, "read_json", lambda path: moved(read_examples(path), path.name))
        ids = list(archive.published_ids().items())
        monkeypatch.setattr(archive, "published_ids", lambda: dict(ids[::2]))
        return reads

    return move


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_claim_holds_and_fails_on_moved_results(name, move_results, monkeypatch):
    monkeypatch.delenv("UNCERTLR_RESULTS")
    monkeypatch.setattr(IPython.display, "display", lambda *values, **_: None)
    with collected() as stated:
        for source in claims_cells(name):
            exec(source, {})
    assert [(claim.quote, claim.problem) for claim in stated if claim.problem] == []
    reads = move_results()

    def holding(source, way):
        monkeypatch.setitem(WAY, "number", way)
        reads.clear()
        outcomes = executed(source)
        return {claim.quote for claim in outcomes if not claim.problem and reads}  # without reads it is about arithmetic

    always = set()
    for source in claims_cells(name):
        held = holding(source, WAYS[0])
        for way in WAYS[1:]:
            held = held and held & holding(source, way)  # a cell whose claims have all failed is not executed again
        always |= held
    assert always == set(), "claims that hold for any results"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_claim_states_something_that_is_computed(name):
    calls = [node for source in claims_cells(name) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    for call in calls:
        if getattr(call.func, "attr", "") == "check":
            computed = [
                node for word in call.keywords for node in ast.walk(word.value) if isinstance(node, ast.Name | ast.BinOp)
            ]
            assert computed, ast.unparse(call)
