"""Trials of settings: where they lie, what is refused, and what is chosen among finished ones."""

import math
from dataclasses import replace

import pytest
import yaml

from uncertlr.cli import main
from uncertlr.errors import ConfigError, RunError
from uncertlr.sweep import read_sweep, run_sweep, trials_table, tuned_sweep
from uncertlr.sweep.file import read_grid
from uncertlr.training.finished import find

TRIALS = """
experiment: digits
profile: quick
seeds: [7]
base: {epochs: 1, train_examples: 200, channels: [4, 8], hidden_size: 16, num_samples: 4, evaluate_test: false}
trials: 3
arms:
  constant: {learning_rate: {low: 1e-4, high: 1e-2, log: true}}
  fixed: {schedule: cosine}
  inverse: {rule: proportional, learning_rate: {low: 1e-4, high: 1e-2, log: true}, exponent: {low: -2, high: 0}}
  inverse_yoked: {replay_of: inverse}
"""


@pytest.fixture
def sweep(tmp_path):
    """Writes a sweep and says where."""

    def write(text=TRIALS):
        path = tmp_path / "trials.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_an_arm_with_ranges_stands_as_its_trials(sweep):
    jobs = read_sweep(sweep())
    constant, inverse = ([job for job in jobs if job.arm.startswith(f"{arm}, trial ")] for arm in ("constant", "inverse"))
    assert [job.arm for job in jobs if job not in constant + inverse] == ["fixed"]  # the yoked arm waits for the choice
    rates = [job.config.learning_rate for job in constant]
    assert rates == [1e-3, 3.16e-3, 3.16e-4]
    assert [job.config.learning_rate for job in inverse] == rates
    assert [job.config.exponent for job in inverse] == [-1.0, -1.5, -0.5]


def test_points_fill_both_the_range_and_the_plane(sweep):
    text = TRIALS.replace("trials: 3", "trials: 15")
    jobs = [job.config for job in read_sweep(sweep(text)) if job.arm.startswith("inverse")]
    shares = sorted(math.log10(config.learning_rate / 1e-4) / 2 for config in jobs)
    assert shares == pytest.approx([k / 16 for k in range(1, 16)], abs=2e-3)
    quarters = {(config.learning_rate < 1e-3, config.exponent < -1) for config in jobs}
    assert len(quarters) == 4


def test_a_whole_number_stays_one(sweep):
    text = TRIALS.replace("fixed: {schedule: cosine}", "wide: {hidden_size: {low: 8, high: 32}}")
    assert [job.config.hidden_size for job in read_sweep(sweep(text)) if job.arm.startswith("wide")] == [20, 26, 14]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("trials: 3", "", "'constant'.*'trials'"),
        ("trials: 3", "trials: 0", "trials=0"),
        ("trials: 3", "trials: 3\nproduct: {batch_size: [32, 64]}", "'product'"),
        ("fixed: {schedule: cosine}", "fixed: {schedule: cosine, seeds: 1}", "'fixed'.*'seeds'"),
        ("low: -2, high: 0", "low: 0, high: -2", "exponent.*-2"),
        ("low: -2, high: 0", "low: -2, high: 0, log: true", "exponent.*'log': True"),
        ("low: -2, high: 0", "low: -2", "exponent.*high"),
        ("low: -2, high: 0", "low: -2, hi: 0", "exponent.*'hi': 0.*high"),
        ("low: -2, high: 0", "low: -2, high: 0, log: 1", "exponent.*'log': 1"),
        ("exponent: {low: -2, high: 0}", "batch_size: {low: 0, high: 1}", "batch_size"),
    ],
)
def test_what_makes_no_sense_is_named(sweep, old, new, words):
    with pytest.raises(ConfigError, match=words) as caught:
        read_sweep(sweep(TRIALS.replace(old, new)))
    assert "trials.yaml" in str(caught.value)


def test_trials_without_a_range(sweep):
    with pytest.raises(ConfigError, match="trials=3"):
        read_sweep(sweep("experiment: digits\ntrials: 3\narms: {constant: {}}\n"))


def test_nothing_is_chosen_before_all_is_done_or_with_the_test_set_in_sight(sweep, tmp_path):
    with pytest.raises(RunError, match="constant.*trial 1.*7"):
        trials_table(sweep(), str(tmp_path / "runs"))
    table = trials_table(sweep(), str(tmp_path / "runs"), partial=True)
    assert len(table) == 6
    assert table["accuracy"].isna().all()
    assert not table["chosen"].any()
    assert not table["done"].any()
    with pytest.raises(ConfigError, match="evaluate_test"):
        trials_table(sweep(TRIALS.replace(", evaluate_test: false", "")), str(tmp_path / "runs"))
    with pytest.raises(ConfigError, match=r"trials\.yaml"):
        trials_table(sweep("experiment: digits\narms: {constant: {}}\n"), str(tmp_path / "runs"))


@pytest.mark.slow
def test_the_best_on_validation_goes_on_with_fresh_seeds(sweep, tmp_path, capsys):
    text = TRIALS.replace(
        "fixed: {schedule: cosine}", "wild: {rule: threshold, learning_rate: {low: 1e-3, high: 1e+35, log: true}}"
    )
    path, root = sweep(text), str(tmp_path / "runs")
    outcomes = run_sweep(read_sweep(path, root))
    assert {outcome.error.partition(":")[0] for outcome in outcomes if outcome.error}  # some of the wild ones diverge
    table = trials_table(path, root)
    jobs = {job.arm: find(job.config) for job in read_sweep(path, root)}
    for arm, trials in table.groupby("arm"):
        runs = {number: jobs[f"{arm}, trial {number}"] for number in (1, 2, 3)}
        assert all(run.summary["test"] is None for run in runs.values() if run)
        scores = {
            number: (run.summary["val"]["accuracy"], -run.summary["val"]["loss"]) for number, run in runs.items() if run
        }
        (chosen,) = trials.loc[trials["chosen"], "trial"]
        assert chosen == max(scores, key=scores.get)
        assert trials["accuracy"].isna().sum() == 3 - len(scores)
    assert table["accuracy"].isna().any()
    assert table["done"].all()
    assert main(["tune", str(path), "--root", root, "--output", str(tmp_path / "tuned.yaml")]) == 0
    assert f"uncertlr sweep {tmp_path / 'tuned.yaml'}" in capsys.readouterr().out
    judged = {job.arm: job.config for job in read_sweep(tmp_path / "tuned.yaml") if job.config.seed == 8}
    chosen = table[table["chosen"]].set_index("arm")["settings"]
    assert set(judged) == {"constant", "wild", "inverse", "inverse_yoked"}
    for arm, settings in chosen.items():
        assert {field: getattr(judged[arm], field) for field in settings} == settings
    assert all(config.evaluate_test for config in judged.values())
    assert {job.config.seed for job in read_sweep(tmp_path / "tuned.yaml")} == set(range(8, 18))
    with pytest.raises(ConfigError, match="7"):
        tuned_sweep(path, [7], root)
    assert yaml.safe_load(tuned_sweep(path, [100, 101], root))["seeds"] == [100, 101]


def test_the_facts_of_the_trials_go_along_with_what_was_chosen(sweep, tmp_path):
    stated = "protocol_fixed: 2026-11-28T04:27:07\nbaselines: [constant]\narms:"
    path, root = sweep(TRIALS.replace("arms:", stated)), str(tmp_path / "runs")
    run_sweep(read_sweep(path, root))
    chosen = tmp_path / "tuned.yaml"
    chosen.write_text(tuned_sweep(path, [], root), encoding="utf-8")
    facts = read_grid(chosen).facts
    assert facts == replace(read_grid(path).facts, chosen_on_validation=True)
    assert facts.baselines == ("constant",)
