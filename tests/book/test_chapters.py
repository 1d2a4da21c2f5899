"""The chapters of evidence, cell by cell: they render at every stage of a study. Claims have a test of their own."""

import ast
import itertools
import shutil

import IPython.display
import myst_nb
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from uncertlr.book.claims import TAG
from uncertlr.runs.paths import project_folder
from uncertlr.sweep import read_sweep


@pytest.fixture
def chapter(monkeypatch):
    """Runs a notebook's code without a kernel, claims apart, and gives the tables and the figures that it shows."""

    def rendered(name, **parameters):
        shown = []
        monkeypatch.setattr(IPython.display, "display", lambda *values: shown.extend(values))
        monkeypatch.setattr(myst_nb, "glue", lambda key, value, **_: None)
        scope = {"display": lambda *values: shown.extend(values)}
        for cell in nbformat.read(project_folder() / "notebooks" / f"{name}.ipynb", as_version=4).cells:
            if cell.cell_type == "code" and TAG not in cell.metadata.get("tags", []):
                body = ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))).body
                last = [body.pop()] if isinstance(body[-1], ast.Expr) else []
                exec(compile(ast.Module(body, []), name, "exec"), scope)
                shown += [eval(compile(ast.Expression(each.value), name, "eval"), scope) for each in last]
                scope |= parameters if "parameters" in cell.metadata.get("tags", []) else {}
        return [each for each in shown if isinstance(each, pd.DataFrame)], [
            each for each in shown if isinstance(each, Figure)
        ]

    return rendered


@pytest.fixture
def sweep(tmp_path, plant_runs, monkeypatch):
    """Plants the runs of a sweep, in folders of their own, and gives its path."""

    def planted(grid, effect, name, seeds=10):
        path = tmp_path / f"{name}.yaml"
        path.write_text(grid)
        monkeypatch.setenv("UNCERTLR_RUNS", str(tmp_path / name / "runs"))
        monkeypatch.setenv("UNCERTLR_RESULTS", str(tmp_path / name / "results"))
        (tmp_path / name / "results").mkdir(parents=True)
        for control in (project_folder() / "results").glob("positive_control.json"):
            shutil.copy2(control, tmp_path / name / "results")
        rng = np.random.default_rng(0)
        noise = {key: rng.normal(0, 0.002) for key in itertools.product([job.arm for job in read_sweep(path)], range(10))}

        def accuracy(arm, seed):
            return 0.6 + 0.002 * seed + effect(arm) + noise[arm, seed] if seed < seeds else None

        plant_runs(read_sweep(path), accuracy, lambda arm, seed: np.exp(rng.normal(0, 0.3, 10)))
        return [str(path)]

    return planted


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [0, 1, 3, 10])
def test_the_verdict_and_the_controls_render_at_every_stage(sweep, chapter, evidence_grid, seeds):
    path = sweep(evidence_grid, lambda arm: 0.1 * (arm == "inverse"), "few", seeds)
    for name, figures in (("verdict", 4), ("controls", 4)):
        tables, drawn = chapter(name, sweeps=path)
        assert len(drawn) == figures
        compared = pd.concat([table for table in tables if "outcome" in table])
        named = compared.set_index("arm")["outcome"] if "arm" in compared else compared["outcome"]
        outcomes = set(named.loc[named.index == "inverse"].dropna())
        assert not outcomes & {"helps", "harms"} or seeds == 10
