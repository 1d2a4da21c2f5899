"""The words of the evidence change with the data."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from uncertlr import study, verdicts
from uncertlr.config import preset
from uncertlr.errors import ConfigError
from uncertlr.experiments import run
from uncertlr.study import read_study, study_of
from uncertlr.sweep import Job, read_sweep
from uncertlr.verdicts import (
    causal_family,
    comparisons,
    named_family,
    schedule_family,
    sentences,
    twin_family,
    verdict_table,
)


@dataclass
class Planted:
    """A finished run with a planted accuracy and a planted trace."""

    config: object
    accuracy: float
    factor: np.ndarray = field(default_factory=lambda: np.ones(3))

    @property
    def summary(self):
        return {"test": {"accuracy": self.accuracy}, "val": {}}


def jobs_and_runs(effects, seeds=10, spread=0.002):
    rng = np.random.default_rng(0)
    jobs, runs = [], {}
    for seed in range(seeds):
        base = 0.6 + rng.normal(0, 0.01)
        for index, (arm, effect) in enumerate({"constant": 0.0, **effects}.items()):
            config = preset("digits", seed=seed, learning_rate=1e-3 * (1 + index))
            jobs.append(Job(arm, config))
            runs[config.run_id] = Planted(config, base + (rng.normal(effect, spread) if arm != "constant" else 0.0))
    return jobs, runs


@pytest.fixture
def plant(monkeypatch):
    def planted(runs):
        monkeypatch.setattr(study, "find", lambda config: runs.get(config.run_id))
        monkeypatch.setattr(verdicts, "whole_trace", lambda each: {"factor": each.factor})

    return planted


def test_each_planted_truth_gets_its_word(plant):
    jobs, runs = jobs_and_runs({"better": 0.03, "worse": -0.03, "same": 0.0})
    plant(runs)
    table = verdict_table(jobs)
    assert table["word"].to_dict() == {"constant": "", "better": "helps", "worse": "harms", "same": "equivalent"}
    assert table.loc["better", "difference"] == pytest.approx(3.0, abs=0.3)
    assert table.loc["better", "low"] < 3.0 < table.loc["better", "high"]
    assert [line.split(" (")[0] for line in sentences(table)] == [
        "better against constant: helps",
        "worse against constant: harms",
        "same against constant: equivalent",
    ]


def test_the_same_arms_with_swapped_results_swap_their_words(plant):
    jobs, runs = jobs_and_runs({"one": 0.03, "other": -0.03})
    plant(runs)
    before = verdict_table(jobs)["word"]
    jobs, runs = jobs_and_runs({"one": -0.03, "other": 0.03})
    plant(runs)
    after = verdict_table(jobs)["word"]
    assert (before["one"], before["other"]) == (after["other"], after["one"]) == ("helps", "harms")


def test_noise_is_not_shown_and_few_seeds_are_descriptive(plant):
    jobs, runs = jobs_and_runs({"noisy": 0.0}, spread=0.03)
    plant(runs)
    assert verdict_table(jobs)["word"]["noisy"] == "not shown"
    jobs, runs = jobs_and_runs({"better": 0.05}, seeds=3)
    plant(runs)
    assert verdict_table(jobs)["word"]["better"] == "descriptive"


GRID = """
experiment: digits
profile: quick
seeds: 10
arms:
  constant: {}
  constant_low: {learning_rate: 3.0e-4}
  cosine: {schedule: cosine}
  report: {rule: threshold}
  sign_flip: {rule: threshold, flip: true}
  bold_driver: {rule: bold_driver, signal: loss}
  inverse: {rule: proportional, learning_rate: 3.0e-4}
  inverse_yoked: {donor: inverse}
  inverse_mean_curve: {donor: inverse, donors: others}
  inverse_shuffled: {donor: inverse, rule: shuffled}
"""


@pytest.fixture
def jobs(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(GRID)
    return read_sweep(path)


def finished(jobs, effects, donors=0.5, noise=0.001):
    rng = np.random.default_rng(3)
    runs = {}
    for job in jobs:
        value = 0.6 + 0.001 * job.config.seed + effects.get(job.arm, 0.0) + rng.normal(0, noise)
        runs[job.run_id] = Planted(job.config, value, np.exp(rng.normal(0, donors, 20)))
    return runs


def test_families_are_named_whether_runs_are_finished_or_not(jobs):
    empty = study_of(jobs)
    feedback = ["report", "sign_flip", "bold_driver", "inverse"]
    assert empty.feedback == feedback
    assert named_family(empty) == [(arm, other) for other in ("constant", "cosine") for arm in feedback]
    controls = ["inverse_yoked", "inverse_mean_curve", "inverse_shuffled"]
    assert causal_family(empty) == [("inverse", control) for control in controls]
    assert schedule_family(empty) == [("constant_low", "constant"), ("cosine", "constant"), ("inverse", "constant_low")]
    assert twin_family(empty) == [("report", "sign_flip"), ("report", "bold_driver")]
    table = comparisons(empty, named_family(empty))
    assert set(table["word"]) == {"missing"}
    assert set(table["planned"]) == {10}


def test_a_feedback_arm_is_judged_by_its_own_controls_and_not_by_the_constant_rate(plant, jobs):
    """Both beat the constant rate: the listening gains nothing over its own curve."""
    plant(finished(jobs, {"inverse": 0.03, "inverse_yoked": 0.03, "inverse_mean_curve": 0.0, "inverse_shuffled": 0.05}))
    found = study_of(jobs)
    named = comparisons(found, named_family(found)).set_index(["arm", "against"])["word"]
    assert named["inverse", "constant"] == "helps"
    causal = comparisons(found, causal_family(found)).set_index("against")["word"]
    assert causal.to_dict() == {"inverse_yoked": "equivalent", "inverse_mean_curve": "helps", "inverse_shuffled": "harms"}


def test_donors_that_barely_differ_make_replays_uninformative_but_not_shuffles(plant, jobs):
    plant(finished(jobs, {"inverse": 0.03}, donors=0.001))
    found = study_of(jobs)
    causal = comparisons(found, causal_family(found)).set_index("against")
    assert causal["word"].to_dict() == {
        "inverse_yoked": "uninformative",
        "inverse_mean_curve": "uninformative",
        "inverse_shuffled": "helps",
    }
    assert causal.loc["inverse_yoked", "spread"] < 0.05


def test_the_whole_named_family_is_counted(plant, jobs):
    """Eight comparisons: the smallest exact p-value of ten pairs, 2 in 1024, is multiplied by eight."""
    effects = {arm: 0.05 + 0.01 * index for index, arm in enumerate(("report", "sign_flip", "bold_driver", "inverse"))}
    plant(finished(jobs, effects))
    found = study_of(jobs)
    table = comparisons(found, named_family(found))
    assert table["p, Holm"].tolist() == pytest.approx([8 * 2 / 2**10] * 8)
    only = verdict_table(jobs)
    assert only.loc["report", "p, Holm"] == pytest.approx(8 * 2 / 2**10)
    assert only.loc["cosine", "p, Holm"] > 2 / 2**10


def test_one_pair_is_shown_without_an_interval(plant, jobs):
    plant({run_id: each for run_id, each in finished(jobs, {}).items() if each.config.seed == 0})
    found = study_of(jobs)
    row = comparisons(found, named_family(found)).iloc[0]
    assert (row["word"], row["pairs"], np.isnan(row["low"]), np.isfinite(row["difference"])) == (
        "descriptive",
        1,
        True,
        True,
    )
    assert set(verdict_table(jobs)["word"]) == {""}


def test_a_study_by_name_by_path_and_by_no_name(tmp_path):
    (tmp_path / "mine.yaml").write_text(GRID)
    assert read_study(str(tmp_path / "mine.yaml")).name == "mine"
    assert read_study("cifar10-standard").planned("inverse_yoked") == 10
    with pytest.raises(ConfigError, match=r"no sweep 'cifar11'; name one of .*cifar10-standard"):
        read_study("cifar11")


def test_another_baseline_and_none(plant):
    jobs, runs = jobs_and_runs({"better": 0.03})
    plant(runs)
    assert verdict_table(jobs, "better")["word"]["constant"] == "harms"
    with pytest.raises(ConfigError, match=r"no arm 'cosine' to compare with; it has constant, better"):
        verdict_table(jobs, "cosine")


def test_real_runs_are_found_and_missing_ones_left_out():
    config = preset("digits", "quick", epochs=1, progress="quiet")
    run(config)
    found = study_of([Job("constant", config), Job("report", config.replace(rule="threshold"))])
    assert list(found.arms["constant"]) == [0]
    assert found.arms["report"] == {}
    assert [each.config.run_id for each in found.finished] == [config.run_id]
