"""Outcomes change with the data."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from uncertlr.analysis import pairs, study
from uncertlr.analysis.comparisons import (
    ablation_family,
    causal_family,
    comparison,
    comparisons,
    file_family,
    matched_constant_rate_outcome,
    named_family,
    recorded_family,
    schedule_family,
    verdict_table,
)
from uncertlr.analysis.paired import paired_differences, paired_interval
from uncertlr.analysis.study import read_study, study_of
from uncertlr.config import preset
from uncertlr.errors import ConfigError
from uncertlr.sweep import Job, read_sweep
from uncertlr.sweep.facts import Facts
from uncertlr.training.run import run


@dataclass
class Planted:
    """A finished run with a planted accuracy and a planted trace."""

    config: object
    accuracy: float
    arm: str = ""
    factor: np.ndarray = field(default_factory=lambda: np.ones(3))
    record: dict = field(default_factory=lambda: {"began": "2026-11-24T00:00:00+00:00", "processor": "one"})

    @property
    def summary(self):
        return {"test": {"accuracy": self.accuracy}, "val": {}}


def of(jobs):
    """A study with facts about the arms that are there: `constant` and `cosine` are baselines, and so on."""
    arms = {job.arm for job in jobs}
    baselines = tuple(arm for arm in ("constant", "cosine") if arm in arms)
    facts = Facts(
        "2026-11-23T19:09:11",
        baselines=baselines,
        matched_constant_rates={"inverse": ("constant_low",)} if "constant_low" in arms else {},
        ablations={"report": ("report_inverted", "bold_driver")},
    )
    return study_of(jobs, facts=facts)


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
        monkeypatch.setattr(pairs, "whole_trace", lambda each: {"factor": each.factor})

    return planted


def test_each_planted_truth_gets_its_outcome(plant):
    jobs, runs = jobs_and_runs({"better": 0.03, "worse": -0.03, "same": 0.0})
    plant(runs)
    table = verdict_table(of(jobs))
    for arm, scores in ((arm, of(jobs).scores(arm).values()) for arm in ("constant", "better")):
        assert (table.loc[arm, "seeds"], table.loc[arm, "accuracy"]) == (10, pytest.approx(np.mean(list(scores))))
    assert table["outcome"].to_dict() == {"constant": "", "better": "helps", "worse": "harms", "same": "equivalent"}
    assert table.loc["better", "difference"] == pytest.approx(3.0, abs=0.3)
    assert table.loc["better", "ci95_low"] < 3.0 < table.loc["better", "ci95_high"]


def test_the_same_arms_with_swapped_results_swap_their_outcomes(plant):
    jobs, runs = jobs_and_runs({"one": 0.03, "other": -0.03})
    plant(runs)
    before = verdict_table(of(jobs))["outcome"]
    jobs, runs = jobs_and_runs({"one": -0.03, "other": 0.03})
    plant(runs)
    after = verdict_table(of(jobs))["outcome"]
    assert (before["one"], before["other"]) == (after["other"], after["one"]) == ("helps", "harms")


def test_noise_is_not_shown_and_few_seeds_are_descriptive(plant):
    jobs, runs = jobs_and_runs({"noisy": 0.0}, spread=0.03)
    plant(runs)
    assert verdict_table(of(jobs))["outcome"]["noisy"] == "inconclusive"
    jobs, runs = jobs_and_runs({"better": 0.05}, seeds=2)
    plant(runs)
    few = verdict_table(of(jobs)).loc["better"]
    assert few["outcome"] == "descriptive"
    assert few["difference"] == pytest.approx(5.0, abs=1.0)


@pytest.fixture
def jobs(tmp_path, evidence_grid):
    path = tmp_path / "grid.yaml"
    path.write_text(evidence_grid)
    return read_sweep(path)


def finished(jobs, effects, spread=0.5, noise=0.001):
    rng = np.random.default_rng(3)
    runs = {}
    for job in jobs:
        value = 0.6 + 0.001 * job.config.seed + effects.get(job.arm, 0.0) + rng.normal(0, noise)
        runs[job.run_id] = Planted(job.config, value, job.arm, np.exp(rng.normal(0, spread, 20)))
    return runs


def test_families_are_named_whether_runs_are_finished_or_not(jobs):
    empty = of(jobs)
    feedback = ["report", "report_inverted", "bold_driver", "inverse"]
    assert empty.feedback == feedback
    assert named_family(empty) == [(arm, other) for other in ("constant", "cosine") for arm in feedback]
    controls = ["inverse_yoked", "inverse_mean_curve", "inverse_shuffled"]
    assert causal_family(empty) == [("inverse", control) for control in controls]
    assert schedule_family(empty) == [("constant_low", "constant"), ("cosine", "constant"), ("inverse", "constant_low")]
    assert ablation_family(empty) == [("report", "report_inverted"), ("report", "bold_driver")]
    table = comparisons(empty, named_family(empty))
    assert set(table["outcome"]) == {"missing"}
    assert set(table["planned"]) == {10}


def test_without_baselines_schedules_and_controls_form_one_family(jobs):
    assert file_family(of(jobs)) == []
    free = of([job for job in jobs if job.arm not in ("constant", "cosine")])
    controls = [("inverse", control) for control in ("inverse_yoked", "inverse_mean_curve", "inverse_shuffled")]
    assert file_family(free) == [(arm, "constant_low") for arm in free.feedback] + controls


@pytest.mark.parametrize("order", [1, -1])
def test_only_a_replay_of_another_seeds_run_is_rotated(jobs, order):
    found = of(jobs[::order])
    rotations = {arm: found.rotation(arm) for arm in found.arms if found.rotation(arm)}
    assert rotations == {"inverse_yoked": 1}


def test_a_study_of_one_seed_has_that_seeds_finished_runs(plant, jobs):
    runs = finished(jobs, {})
    plant({run_id: each for run_id, each in runs.items() if each.config.seed != 3 or each.arm == "report"})
    found = of(jobs)
    assert {arm: list(of_seed) for arm, of_seed in found.of_seed(3).arms.items() if of_seed} == {"report": [3]}
    assert all(list(of_seed) == [4] for of_seed in found.of_seed(4).arms.values())


def test_a_feedback_arm_is_judged_by_its_own_controls_and_not_by_the_constant_rate(plant, jobs):
    """Both beat the constant rate: feedback gains nothing over its own curve."""
    plant(finished(jobs, {"inverse": 0.03, "inverse_yoked": 0.03, "inverse_mean_curve": 0.0, "inverse_shuffled": 0.05}))
    found = of(jobs)
    named = comparisons(found, named_family(found)).set_index(["arm", "against"])["outcome"]
    assert named["inverse", "constant"] == "helps"
    causal = comparisons(found, causal_family(found)).set_index("against")["outcome"]
    assert causal.to_dict() == {"inverse_yoked": "equivalent", "inverse_mean_curve": "helps", "inverse_shuffled": "harms"}


@pytest.mark.parametrize("seeds", [2, 10])
def test_a_control_too_like_its_arm_has_no_contrast_whatever_its_kind(plant, jobs, seeds):
    """With however many pairs: a replay of another run, of a mean curve, or of shuffled signal values."""
    runs = finished(jobs, {"inverse": 0.03}, spread=0.001)
    plant({run_id: each for run_id, each in runs.items() if each.config.seed < seeds})
    found = of(jobs)
    causal = comparisons(found, causal_family(found)).set_index("against")
    assert set(causal["outcome"]) == {"no contrast"}
    assert causal["pairs"].tolist() == [seeds] * 3
    assert (causal["log_rate_distance"] < 0.05).all()
    assert causal.loc["inverse_yoked", "source_spread"] < 0.05 or seeds < 3
    assert np.isnan(causal["p_holm"]).all() == (seeds < 10)


def recorded_jobs(seeds=10):
    """A rule, and two curves that were recorded in runs of another study."""
    rule = preset("digits", rule="threshold")
    replays = {f"replay_of_{name}": preset("digits", rule="replay", donors=(name,)) for name in ("one", "two")}
    return [Job(arm, each.replace(seed=seed)) for arm, each in {"rule": rule, **replays}.items() for seed in range(seeds)]


def test_a_rule_is_compared_with_each_recorded_run(plant):
    """However alike the curves are, since equivalence is asked for."""
    jobs = recorded_jobs()
    plant(finished(jobs, {"replay_of_two": -0.03}, spread=0.0))
    found = of(jobs)
    assert recorded_family(found) == [("rule", "replay_of_one"), ("rule", "replay_of_two")]
    assert causal_family(found) == []
    table = comparisons(found, recorded_family(found)).set_index("against")
    assert table["outcome"].to_dict() == {"replay_of_one": "equivalent", "replay_of_two": "helps"}
    assert table["planned"].tolist() == [10, 10]
    assert comparison(found, "rule", "replay_of_two")["outcome"] == "helps"


@pytest.mark.parametrize("fixed", ["2026-11-23T19:09:11", ""])
def test_no_recorded_run_is_judged_before_all_pairs_are_finished(plant, fixed):
    """With a date of its protocol a study shows no difference either."""
    jobs = recorded_jobs()
    runs = finished(jobs, {"replay_of_two": -0.03})
    del runs[next(job.run_id for job in jobs if job.arm == "replay_of_two")]
    plant(runs)
    found = study_of(jobs, facts=replace(of(jobs).facts, protocol_fixed=fixed))
    table = comparisons(found, recorded_family(found)).set_index("against")
    assert table["pairs"].tolist() == [10, 9]
    assert set(table["outcome"]) == {"missing" if fixed else "descriptive"}
    assert table["difference"].isna().all() == bool(fixed)


@pytest.mark.parametrize("fixed", ["2026-11-23T19:09:11", ""])
@pytest.mark.parametrize("missing", [0, 1, 8])
def test_a_planned_study_of_one_family_shows_no_difference_before_all_pairs_are_finished(plant, jobs, fixed, missing):
    chosen = [job for job in jobs if job.arm in ("constant_low", "inverse", "inverse_yoked")]
    runs = finished(chosen, {"inverse": 0.03})
    for job in [job for job in chosen if job.arm == "inverse_yoked"][:missing]:
        del runs[job.run_id]
    plant(runs)
    found = study_of(chosen, facts=Facts(protocol_fixed=fixed))
    for family in (file_family, causal_family):
        table = comparisons(found, family(found)).set_index("against")
        shown = not (fixed and missing)
        assert (table["outcome"] != "missing").all() == shown
        assert (table["outcome"] == "missing").all() != shown
        assert table["difference"].notna().all() == shown
        assert table[["ci95_low", "p", "p_equivalence"]].isna().all(axis=None) != shown
        assert table.loc["inverse_yoked", "pairs"] == 10 - missing


def test_how_far_rates_lie_apart_is_a_distance_of_logarithms(plant, jobs):
    runs = finished(jobs, {})
    for each in runs.values():
        each.factor = np.full(5, {"inverse": 2.0}.get(each.arm, 1.0))
    plant(runs)
    assert pairs.log_rate_distance(of(jobs), "inverse", "inverse_yoked") == pytest.approx(np.log(2))
    assert pairs.log_rate_distance(of(jobs), "constant", "constant_low") == pytest.approx(np.log(1e-3 / 3e-4))


def test_how_far_an_arms_rates_lie_apart_from_seed_to_seed(plant, jobs):
    """Of a ring of ten seeds whose log rates are 0, 1, 0, 1 ...; one run has no next one."""
    runs = finished(jobs, {})
    for each in runs.values():
        each.factor = np.full(4, np.exp(each.config.seed % 2))
    plant(runs)
    assert pairs.log_rate_distance_between_seeds(of(jobs), "inverse") == pytest.approx(1.0)
    plant({run_id: each for run_id, each in runs.items() if each.config.seed in (1, 3)})
    assert pairs.log_rate_distance_between_seeds(of(jobs), "inverse") == 0.0
    plant({run_id: each for run_id, each in runs.items() if each.config.seed == 1})
    assert np.isnan(pairs.log_rate_distance_between_seeds(of(jobs), "inverse"))


def test_the_spread_of_the_source_runs_is_that_of_their_log_factors(plant, jobs):
    """A yoked replay of seeds 1 to 3 has two finished source runs, of seeds 2 and 3; one of seeds 1 and 2 has one."""
    runs = finished(jobs, {})
    for each in runs.values():
        each.factor = np.full(4, np.exp(each.config.seed % 2))
    plant({run_id: each for run_id, each in runs.items() if each.config.seed in (1, 2, 3)})
    assert pairs.sources_spread(of(jobs), "inverse_yoked") == pytest.approx(np.std([0, 1], ddof=1))
    plant({run_id: each for run_id, each in runs.items() if each.config.seed in (1, 2)})
    assert np.isnan(pairs.sources_spread(of(jobs), "inverse_yoked"))


def test_a_yoked_comparison_has_the_interval_of_pairs_that_share_runs(plant, jobs):
    """The first five seeds gain, so that differences of neighbours go together."""
    runs = finished(jobs, {})
    for each in runs.values():
        each.accuracy += 0.02 * (each.arm == "inverse" and each.config.seed < 5)
    plant(runs)
    found = of(jobs)
    table = comparisons(found, causal_family(found)).set_index("against")
    for control, rotation in (("inverse_yoked", 1), ("inverse_mean_curve", 0)):
        differences = paired_differences(found.scores("inverse"), found.scores(control))
        interval = paired_interval(differences, rotation=rotation)
        assert table.loc[control, ["ci95_low", "ci95_high"]].tolist() == pytest.approx(
            [100 * interval.low, 100 * interval.high]
        )


def test_one_comparison_is_judged_within_the_first_family_that_has_it(plant, jobs):
    plant(finished(jobs, {"inverse": 0.03}))
    found = of(jobs)
    for family, pair in ((named_family, ("inverse", "constant")), (causal_family, ("inverse", "inverse_yoked"))):
        whole = comparisons(found, family(found)).set_index(["arm", "against"]).loc[pair]
        assert comparison(found, *pair).equals(whole)
    with pytest.raises(ConfigError, match="'cosine'.*'inverse'"):
        comparison(found, "cosine", "inverse")


def test_where_the_rate_ends_and_when_it_gets_there(plant, jobs):
    runs = finished(jobs, {})
    for each in runs.values():
        each.factor = np.array([0.5, 0.25, 0.01, 0.01]) if each.arm == "report" else np.array([0.5, 1.0])
    plant(runs)
    assert pairs.on_bound(of(jobs), "report") == (10, 0)
    assert pairs.on_bound(of(jobs), "inverse") == (0, 0)
    assert {pairs.steps_to_bound(run) for run in of(jobs).arms["report"].values()} == {2}
    assert {pairs.steps_to_bound(run) for run in of(jobs).arms["inverse"].values()} == {-1}


def test_an_arm_from_another_rate_is_compared_with_that_rate(plant, jobs):
    for low, word in ((0.03, "equivalent"), (0.0, "helps"), (0.06, "harms")):
        plant(finished(jobs, {"inverse": 0.03, "constant_low": low}))
        found = of(jobs)
        table = comparisons(found, named_family(found)).set_index(["arm", "against"])["matched_constant_rate"]
        assert (table["inverse", "constant"], table["report", "constant"]) == (word, "")
    plant({run_id: each for run_id, each in finished(jobs, {}).items() if each.arm != "constant_low"})
    found = of(jobs)
    assert comparisons(found, [("inverse", "constant")]).loc[0, "matched_constant_rate"] == "missing"
    without_low = of([job for job in jobs if job.arm != "constant_low"])
    assert matched_constant_rate_outcome(without_low, "inverse", "cosine") == "not planned"


def test_pilot_and_processors_are_reported(plant, jobs):
    runs = finished(jobs, {"report": -0.05})
    for each in runs.values():
        early = each.config.seed < 3 and each.arm == "report"
        each.record = {"began": "2026-11-23T17:00:00+00:00" if early else "2026-11-24T00:00:00+00:00"}
        each.record["processor"] = "other" if early else "one"
    plant(runs)
    found = of(jobs)
    row = comparisons(found, [("report", "constant")]).iloc[0]
    assert (row["pilot_seeds"], row["mixed_pairs"], row["pairs_without_pilot"]) == ("0 1 2", 3, 7)
    scores = {arm: list(found.scores(arm).values())[3:] for arm in ("report", "constant")}
    assert row["difference_without_pilot"] == pytest.approx(100 * np.mean(np.subtract(scores["report"], scores["constant"])))
    other = comparisons(found, [("inverse", "constant")]).iloc[0]
    assert (other["pilot_seeds"], other["mixed_pairs"]) == ("", 0)
    plant({run_id: each for run_id, each in runs.items() if each.config.seed < 4})
    one_is_left = comparisons(of(jobs), [("report", "constant")]).iloc[0]
    assert one_is_left["pilot_seeds"] == "0 1 2"
    assert np.isnan(one_is_left["difference_without_pilot"])


def test_the_whole_named_family_is_counted(plant, jobs):
    """Eight comparisons: the smallest exact p-value of ten pairs, 2 in 1024, is multiplied by eight."""
    effects = {arm: 0.05 + 0.01 * index for index, arm in enumerate(("report", "report_inverted", "bold_driver", "inverse"))}
    plant(finished(jobs, effects))
    found = of(jobs)
    table = comparisons(found, named_family(found))
    assert table["p_holm"].tolist() == pytest.approx([8 * 2 / 2**10] * 8)
    only = verdict_table(of(jobs))
    assert only.loc["report", "p_holm"] == pytest.approx(8 * 2 / 2**10)
    assert only.loc["cosine", "p_holm"] > 2 / 2**10


def test_one_pair_is_shown_without_an_interval(plant, jobs):
    plant({run_id: each for run_id, each in finished(jobs, {}).items() if each.config.seed == 0})
    found = of(jobs)
    row = comparisons(found, named_family(found)).iloc[0]
    assert (row["outcome"], row["pairs"], np.isnan(row["ci95_low"]), np.isfinite(row["difference"])) == (
        "descriptive",
        1,
        True,
        True,
    )
    assert set(verdict_table(of(jobs))["outcome"]) == {""}


def test_a_study_by_name_by_path_and_by_no_name(tmp_path, evidence_grid):
    (tmp_path / "mine.yaml").write_text(evidence_grid)
    assert read_study(str(tmp_path / "mine.yaml")).name == "mine"
    assert read_study("cifar10-standard").planned("inverse_yoked") == 10
    with pytest.raises(ConfigError, match=r"cifar11"):
        read_study("cifar11")


def test_another_baseline_and_none(plant):
    jobs, runs = jobs_and_runs({"better": 0.03})
    plant(runs)
    assert verdict_table(of(jobs), "better")["outcome"]["constant"] == "harms"
    with pytest.raises(ConfigError, match=r"cosine"):
        verdict_table(of(jobs), "cosine")


def test_real_runs_are_found_and_missing_ones_left_out():
    config = preset("digits", "quick", epochs=1, progress="quiet")
    run(config)
    found = of([Job("constant", config), Job("report", config.replace(rule="threshold"))])
    assert list(found.arms["constant"]) == [0]
    assert found.arms["report"] == {}
    assert [each.config.run_id for each in found.finished] == [config.run_id]


@pytest.mark.parametrize("name", ["cifar10-standard", "cifar10-tuned", "imdb-standard"])
def test_the_table_against_a_baseline_has_the_adjusted_p_values_of_the_families(name, published):
    published = study.read_study(name)
    table = verdict_table(published)
    judged = [arm for arm, other in (*named_family(published), *schedule_family(published)) if other == published.baseline]
    assert len(judged) > 4
    for arm in judged:
        expected = comparison(published, arm, published.baseline)
        assert table["p_holm"][arm] == pytest.approx(expected["p_holm"], nan_ok=True)
        assert table["outcome"][arm] == expected["outcome"]
