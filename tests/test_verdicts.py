"""The words of the evidence change with the data."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from uncertlr import verdicts
from uncertlr.config import preset
from uncertlr.errors import ConfigError
from uncertlr.experiments import run
from uncertlr.sweep import Job
from uncertlr.verdicts import finished_runs, sentences, verdict_table


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
        monkeypatch.setattr(verdicts, "find", lambda config: runs.get(config.run_id))
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


@pytest.mark.parametrize(("spread", "word"), [(0.0, "uninformative"), (0.5, "helps")])
def test_a_replay_of_donors_that_barely_differ_is_uninformative(plant, spread, word):
    jobs, runs = jobs_and_runs({"inverse": 0.0, "yoked": 0.05})
    rng = np.random.default_rng(1)
    donors = [each for each in runs.values() if each.config.learning_rate == pytest.approx(2e-3)]
    for donor in donors:
        donor.factor = np.exp(rng.normal(0, spread, 3))
    replayed = []
    for job in jobs:
        if job.arm == "yoked":
            config = SimpleNamespace(
                rule="replay", donors=[each.config.run_id for each in donors], seed=job.config.seed, run_id=job.run_id
            )
            runs[job.run_id].config = config
        replayed.append(job)
    plant(runs)
    assert verdict_table(replayed)["word"]["yoked"] == word


def test_another_baseline_and_none(plant):
    jobs, runs = jobs_and_runs({"better": 0.03})
    plant(runs)
    assert verdict_table(jobs, "better")["word"]["constant"] == "harms"
    with pytest.raises(ConfigError, match=r"no arm 'cosine' to compare with; it has constant, better"):
        verdict_table(jobs, "cosine")


def test_real_runs_are_found_and_missing_ones_left_out():
    config = preset("digits", "quick", epochs=1, progress="quiet")
    run(config)
    arms = finished_runs([Job("constant", config), Job("report", config.replace(rule="threshold"))])
    assert list(arms["constant"]) == [0]
    assert arms["report"] == {}
