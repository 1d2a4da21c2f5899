"""The chapters of evidence, cell by cell: what they say changes with the runs, and they render at every stage."""

import ast
import itertools
import re

import IPython.display
import myst_nb
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure

from uncertlr.runs.paths import project_folder
from uncertlr.sweep import read_sweep

FACTORIAL = """
experiment: digits
profile: quick
seeds: 10
base: {model: mlp, estimator: deterministic}
product: {learning_rate: [1.0e-3, 5.0e-4], epochs: [1, 3], dropout: [0.0, 0.5]}
arms: {mlp: {}}
"""


@pytest.fixture
def chapter(monkeypatch):
    """Runs a notebook's code without a kernel and gives everything that it shows."""

    def rendered(name, **parameters):
        shown, glued = [], {}
        monkeypatch.setattr(IPython.display, "display", lambda *values: shown.extend(values))
        monkeypatch.setattr(myst_nb, "glue", lambda key, value, **_: glued.update({key: value}))
        scope = {}
        for cell in nbformat.read(project_folder() / "notebooks" / f"{name}.ipynb", as_version=4).cells:
            if cell.cell_type == "code":
                body = ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith("%"))).body
                last = [body.pop()] if isinstance(body[-1], ast.Expr) else []
                exec(compile(ast.Module(body, []), name, "exec"), scope)
                shown += [eval(compile(ast.Expression(each.value), name, "eval"), scope) for each in last]
                scope |= parameters if "parameters" in cell.metadata.get("tags", []) else {}
        text = "\n".join(each.data for each in shown if isinstance(each, IPython.display.Markdown))
        return text, [each for each in shown if isinstance(each, Figure)], glued

    return rendered


@pytest.fixture
def sweep(tmp_path, plant_runs, monkeypatch):
    """Plants the runs of a sweep, in folders of their own, and gives its path."""

    def planted(grid, effect, name, seeds=10):
        path = tmp_path / f"{name}.yaml"
        path.write_text(grid)
        monkeypatch.setenv("UNCERTLR_RUNS", str(tmp_path / name / "runs"))
        monkeypatch.setenv("UNCERTLR_RESULTS", str(tmp_path / name / "results"))
        rng = np.random.default_rng(0)
        noise = {key: rng.normal(0, 0.002) for key in itertools.product([job.arm for job in read_sweep(path)], range(10))}

        def accuracy(arm, seed):
            return 0.6 + 0.002 * seed + effect(arm) + noise[arm, seed] if seed < seeds else None

        plant_runs(read_sweep(path), accuracy, lambda arm, seed: np.exp(rng.normal(0, 0.3, 10)))
        return [str(path)]

    return planted


NEAR_5, NEAR_3 = r"(?:4\.[5-9]|5\.[0-4])", r"(?:2\.[5-9]|3\.[0-4])"  # what is planted, give or take its noise


@pytest.mark.slow
def test_the_verdict_and_the_controls_say_what_the_runs_say(sweep, chapter, evidence_grid):
    good, bad = {"inverse": 0.03, "report": -0.05}, {"inverse": -0.03, "report": 0.05}
    one = sweep(evidence_grid, lambda arm: good.get(arm, 0.0), "one")
    text, figures, glued = chapter("verdict", sweeps=one)
    assert len(figures) == 6
    assert re.search(
        rf"\(`report`\), it loses {NEAR_5} points.*`inverse` \([^)]*\) gains {NEAR_3} points",
        glued["verdict-answer"].data,
        re.DOTALL,
    )
    assert glued["verdict-table"].loc["inverse", "against cosine"].startswith("helps (+")
    brief = rf"asked at every step, it loses {NEAR_5} points.*`inverse` \([^)]*\) gains {NEAR_3} points"
    assert re.search(brief, glued["verdict-brief"].data, re.DOTALL)
    assert glued["verdict-brief"].data.startswith("**Listening was shown to help `inverse` on digits.")
    keys = {"verdict-answer", "verdict-brief", "verdict-figure", "verdict-table", "verdict-progress", "verdict-primary"}
    assert set(glued) == keys
    controls, figures, _ = chapter("controls", sweeps=one)
    assert len(figures) == 4
    assert "Feedback adds to the curve: `inverse` ends higher than `inverse_yoked`" in controls
    assert "`report` **harms** against `sign_flip`" in controls

    other = sweep(evidence_grid, lambda arm: bad.get(arm, 0.0), "other")
    swapped, _, glued = chapter("verdict", sweeps=other)
    assert re.search(
        rf"\(`report`\), it gains {NEAR_5} points.*`inverse` \([^)]*\) loses {NEAR_3} points",
        glued["verdict-answer"].data,
        re.DOTALL,
    )
    assert text != swapped
    assert glued["verdict-brief"].data.startswith("**No gain has been shown to come from listening so far.")
    controls, _, _ = chapter("controls", sweeps=other)
    assert "Feedback takes away: `inverse_yoked`" in controls
    assert "`report` **helps** against `sign_flip`" in controls


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "word"), [(0, "missing"), (1, "descriptive"), (3, "descriptive")])
def test_they_render_while_runs_are_missing(sweep, chapter, evidence_grid, seeds, word):
    path = sweep(evidence_grid, lambda arm: 0.1 * (arm == "inverse"), "few", seeds)
    for name in ("verdict", "controls"):
        text, _, _ = chapter(name, sweeps=path)
        assert f"**{word}**" in text.lower()
        assert "**helps**" not in text
        assert f"{10 * seeds} of 100 planned runs are finished; missing:" in text


@pytest.mark.slow
def test_the_code_changes_say_what_the_runs_say(sweep, chapter):
    more_epochs = sweep(FACTORIAL, lambda arm: 0.04 * ("epochs=3" in arm), "one")
    text, figures, _ = chapter("code_changes", sweeps=more_epochs)
    assert len(figures) == 2
    assert "`epochs` 1 to 3 **helps** (+" in text
    assert "`dropout` 0 to 0.5 changes less than 0.5 points: **equivalent**" in text
    assert "Changing all of them **helps**: from " in text
    harmful = sweep(FACTORIAL, lambda arm: -0.04 * ("epochs=3" in arm), "other")
    assert "`epochs` 1 to 3 **harms** (-" in chapter("code_changes", sweeps=harmful)[0]
    few = sweep(FACTORIAL, lambda arm: 0.04 * ("epochs=3" in arm), "few", seeds=1)
    text = chapter("code_changes", sweeps=few)[0]
    assert "8 of 80 planned runs are finished; 1 seeds fill every cell. The rest is missing." in text
    assert "No effect can be computed before two seeds fill every cell." in text
