"""The sentences of the chapters follow from the runs: other runs, other words."""

import re

import numpy as np
import pytest

from uncertlr.evidence_words import claims, feedback_answers, limits, primary_answer, progress, short_answer
from uncertlr.study import read_study
from uncertlr.sweep import read_sweep
from uncertlr.verdicts import causal_family, comparisons, named_family

GRID = """
experiment: digits
profile: quick
seeds: 10
arms:
  constant: {}
  cosine: {schedule: cosine}
  report: {rule: threshold}
  inverse: {rule: proportional}
  inverse_yoked: {donor: inverse}
"""
GOOD = {"report": -0.1, "inverse": 0.04, "inverse_yoked": 0.0}
SWAPPED = {"report": 0.1, "inverse": -0.04, "inverse_yoked": 0.0}


@pytest.fixture
def study(plant_runs, tmp_path, monkeypatch):
    """Plants effects into a results folder of their own and reads the study from there."""
    sweep = tmp_path / "grid.yaml"
    sweep.write_text(GRID)

    def planted(effects, seeds=10, spread=0.3, name="one", published=False):
        monkeypatch.setenv("UNCERTLR_RESULTS", str(tmp_path / name / "results"))
        monkeypatch.setenv("UNCERTLR_RUNS", str(tmp_path / name / "runs"))
        rng = np.random.default_rng(0)

        def accuracy(arm, seed):
            value = 0.6 + 0.002 * seed + effects.get(arm, 0.0) + rng.normal(0, 0.002)
            return value if seed < seeds else None

        def factors(arm, seed):
            return np.full(10, 0.01) if arm == "report" else np.exp(rng.normal(0, spread, 10))

        plant_runs(read_sweep(sweep), accuracy, factors, published)
        return read_study(str(sweep))

    return planted


def test_swapped_results_swap_the_words(study):
    before, after = study(GOOD, published=True), study(SWAPPED, name="other", published=True)
    one, other = short_answer(before), short_answer(after)
    assert "Against `constant`: `inverse` ends higher; `report` ends lower." in one
    assert "Against `constant`: `report` ends higher; `inverse` ends lower." in other
    assert "`inverse` ends higher than `inverse_yoked`" in one
    assert "`inverse` ends lower than `inverse_yoked`" in other
    text, swapped = (claims(comparisons(each, named_family(each))) for each in (before, after))
    assert "`inverse` **helps** against `cosine` (+" in text
    assert "`inverse` **harms** against `cosine` (-" in swapped
    assert "Feedback adds to the curve" in " ".join(feedback_answers(before)["inverse"])
    assert "Feedback takes away" in " ".join(feedback_answers(after)["inverse"])


def test_a_control_that_does_as_well_is_said_to(study):
    found = study(GOOD | {"inverse_yoked": 0.04})
    assert "The curve does as well without listening" in " ".join(feedback_answers(found)["inverse"])
    assert "`inverse` is equivalent to `inverse_yoked`" in short_answer(found)


def test_a_rate_on_a_bound_is_no_answer(study):
    assert "lower bound for 100% of the steps" in " ".join(feedback_answers(study(GOOD))["report"])


def test_donors_alike_are_uninformative(study):
    found = study(GOOD, spread=0.001)
    assert "so alike over the seeds" in " ".join(feedback_answers(found)["inverse"])
    assert "**uninformative**" in claims(comparisons(found, causal_family(found)))


def test_few_seeds_are_descriptive_and_none_are_missing(study):
    few = study(GOOD, seeds=3)
    assert "**descriptive**, no claim: 3 of 10 pairs are finished (" in claims(comparisons(few, named_family(few)))
    so_far = r"too few finished pairs for a claim, [^:]* so far: `report` -\S+ \(n = 3\), `inverse` \+\S+ \(n = 3\)\."
    assert len(re.findall(so_far, short_answer(few))) == 2
    assert "no control has its 10 pairs" in short_answer(few)
    assert "15 of 50 planned runs are finished; missing: `constant` 7 of 10" in progress(few)
    assert any("4 of the 4 comparisons of the named family" in line for line in limits(few))


def test_nothing_finished(tmp_path):
    sweep = tmp_path / "grid.yaml"
    sweep.write_text(GRID)
    found = read_study(str(sweep))
    assert claims(comparisons(found, named_family(found))) == (
        "- **Missing**, without one finished pair: `report` against `constant`, `inverse` against `constant`, "
        "`report` against `cosine` and `inverse` against `cosine`."
    )
    assert feedback_answers(found)["inverse"] == ["`inverse` against `inverse_yoked`: missing, no pair is finished."]
    assert primary_answer(found).startswith("`report` against `constant` is **missing**")
    assert "of which none is finished" in limits(found)[0]
    assert "no finished pair yet for `report` and `inverse`" in short_answer(found)
    arms = "`constant`, `cosine`, `report`, `inverse` and `inverse_yoked`"
    assert progress(found) == f"`grid`: 0 of 50 planned runs are finished; missing: all of {arms}."
