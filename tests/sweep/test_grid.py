"""Grids of runs: what a file means, what is refused before anything starts, and what workers make of it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import datasets
import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.notebook_cells import parameters_cell
from uncertlr.analysis.study import study_of
from uncertlr.cli.main import parse
from uncertlr.cli.sweep_display import SweepDisplay, failures, plan, summary
from uncertlr.config import preset
from uncertlr.errors import ConfigError, RunError
from uncertlr.runs.archive import publish
from uncertlr.runs.paths import paths_of, project_folder
from uncertlr.runs.progress import Progress, write_progress
from uncertlr.runs.store import read_run
from uncertlr.sweep import Job, Outcome, check_jobs, executed_notebook, missing_jobs, read_sweep, run_sweep, with_fixed_rates
from uncertlr.training.run import run

SMALL = "{epochs: 1, train_examples: 200, channels: [4, 8], hidden_size: 16, num_samples: 4}"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
GRID = f"""
experiment: digits
profile: quick
seeds: 3
base: {SMALL}
arms:
  inverse_yoked: {{replay_of: inverse}}
  constant:
  inverse: {{rule: proportional, learning_rate: 3e-4, min_factor: 0.1}}
  inverse_mean_curve: {{replay_of: inverse, source_runs: others}}
  inverse_shuffled: {{replay_of: inverse, rule: shuffled}}
"""


@pytest.fixture
def sweep(tmp_path):
    """Reads a sweep from text."""

    def read(text, **options):
        path = tmp_path / "grid.yaml"
        path.write_text(text, encoding="utf-8")
        return read_sweep(path, **options)

    return read


FEW = {"one_cycle", "report_inverted", "inverse_shuffled", "bold_driver_epoch"}
FEW |= {"proportional", "proportional_yoked", "proportional_mean_curve"}


def by_name(jobs):
    return {(job.arm, job.config.seed): job.config for job in jobs}


def command(*arguments):
    """Carry out a command; what it raises is raised."""
    parse(list(map(str, arguments)))()


class TestReading:
    def test_either_name_of_a_parameter_gives_the_same_runs(self, sweep):
        grid = (
            "experiment: digits\nprofile: quick\nbase: {BASE}\nproduct: {rule: [PRODUCT]}\narms:\n  inverted: {ARM: true}\n"
        )
        stored = grid.replace("BASE", "exponent: 2.0").replace("PRODUCT", "proportional, threshold").replace("ARM", "flip")
        shown = grid.replace("BASE", "exponent: 2.0").replace("PRODUCT", "power_law, threshold").replace("ARM", "inverted")
        assert [job.config for job in sweep(shown)] == [job.config for job in sweep(stored)]
        assert {job.config.rule for job in sweep(shown)} == {"proportional", "threshold"}
        assert all(job.arm.startswith("inverted") and job.config.flip for job in sweep(shown))
        with pytest.raises(ConfigError, match="'inverted'"):
            sweep(shown.replace("exponent: 2.0", "flip: true, inverted: true"))

    def test_arms_are_run_configs_seed_by_seed(self, sweep):
        jobs = sweep(GRID)
        assert [(job.config.seed, job.arm) for job in jobs[:6]] == [
            (0, "inverse_yoked"),
            (0, "constant"),
            (0, "inverse"),
            (0, "inverse_mean_curve"),
            (0, "inverse_shuffled"),
            (1, "inverse_yoked"),
        ]
        small = {"train_examples": 200, "channels": [4, 8], "hidden_size": 16, "num_samples": 4}
        constant = preset("digits", "quick", epochs=1, seed=2, **small)
        assert by_name(jobs)["constant", 2].run_id == constant.run_id
        inverse = constant.replace(rule="proportional", learning_rate=3e-4, min_factor=0.1)
        assert by_name(jobs)["inverse", 2].run_id == inverse.run_id

    def test_controls_are_their_source_runs_steered_by_other_traces(self, sweep):
        runs = by_name(sweep(GRID))
        ids = [runs["inverse", seed].run_id for seed in range(3)]
        for seed in range(3):
            like = runs["inverse", seed]
            assert runs["inverse_yoked", seed] == like.replace(rule="replay", donors=[ids[(seed + 1) % 3]])
            others = [ids[other] for other in range(3) if other != seed]
            assert runs["inverse_mean_curve", seed] == like.replace(rule="replay", donors=others)
            assert runs["inverse_shuffled", seed] == like.replace(rule="shuffled", donors=[ids[seed]])

    def test_a_seed_replays_the_next_higher_one_and_the_highest_the_lowest(self, sweep):
        jobs = sweep(GRID.replace("seeds: 3", "seeds: [7, 3, 5]"))
        runs = by_name(jobs)
        assert [runs["inverse_yoked", seed].donors for seed in (3, 5, 7)] == [
            [runs["inverse", seed].run_id] for seed in (5, 7, 3)
        ]
        assert study_of(jobs).rotation("inverse_yoked") == 1
        assert study_of(jobs).yoked_replay("inverse") == "inverse_yoked"
        with pytest.raises(ConfigError, match="constant"):
            study_of(jobs).yoked_replay("constant")

    def test_a_source_run_may_stand_any_number_of_seeds_further(self, sweep):
        grid = GRID.replace("seeds: 3", "seeds: 5") + "  inverse_yoked_3: {replay_of: inverse, source_runs: 3}\n"
        jobs = sweep(grid)
        runs = by_name(jobs)
        assert [runs["inverse_yoked_3", seed].donors for seed in range(5)] == [
            [runs["inverse", (seed + 3) % 5].run_id] for seed in range(5)
        ]
        study = study_of(jobs)
        arms = ("inverse", "inverse_yoked", "inverse_yoked_3", "inverse_mean_curve", "inverse_shuffled")
        assert [study.rotation(arm) for arm in arms] == [0, 1, 3, 0, 0]
        assert set(study.controls("inverse")) == set(arms[1:])

    def test_an_arm_may_run_on_fewer_seeds(self, sweep):
        few = GRID.replace("constant:", "constant: {seeds: 2}").replace("rule: shuffled", "rule: shuffled, seeds: 1")
        few = few.replace("source_runs: others", "source_runs: others, seeds: 2")
        product = "product: {epochs: [1, 3]}\n"
        without_epochs = [grid.replace("epochs: 1, ", "") + product for grid in (few, GRID)]
        for grid, whole in ((few, GRID), without_epochs):
            runs, all_runs = by_name(sweep(grid)), by_name(sweep(whole))
            left_out = {("constant", 2), ("inverse_mean_curve", 2), ("inverse_shuffled", 1), ("inverse_shuffled", 2)}
            kept = {key for key in all_runs if (key[0].split()[0], key[1]) not in left_out}
            assert runs == {key: all_runs[key] for key in kept}

    def test_a_control_of_one_seed_knows_its_ring(self, sweep):
        arms = "arms: {two: {rule: threshold, seeds: 2}, one: {replay_of: two, source_runs: others, seeds: 1}}\nseeds: 3\n"
        assert study_of(sweep(HEAD + arms)).rotation("one") == 1  # the source run's seed has no run of the control

    def test_controls_have_the_seeds_of_their_source_runs_and_form_a_ring_of_these(self, sweep):
        jobs = sweep(GRID.replace("seeds: 3", "seeds: [4, 6, 9, 7]").replace("min_factor: 0.1", "min_factor: 0.1, seeds: 3"))
        runs = by_name(jobs)
        assert {seed for arm, seed in runs if arm == "constant"} == {4, 6, 9, 7}
        assert {seed for arm, seed in runs if arm != "constant"} == {4, 6, 9}
        assert runs["inverse_yoked", 9].donors == [runs["inverse", 4].run_id]
        assert runs["inverse_mean_curve", 9].donors == [runs["inverse", seed].run_id for seed in (4, 6)]
        study = study_of(jobs)
        assert [study.planned(arm) for arm in ("constant", "inverse", "inverse_yoked")] == [4, 3, 3]
        assert study.rotation("inverse_yoked") == 1

    def test_an_arm_replays_the_runs_that_it_names_on_every_seed(self, sweep):
        jobs = sweep(HEAD + "seeds: 2\narms: {replay: {rule: replay, donors: [some-run]}}")
        assert [job.config for job in jobs] == [
            preset("digits", "quick", rule="replay", donors=["some-run"], seed=seed, progress="quiet") for seed in (0, 1)
        ]

    def test_a_stretched_control_may_have_another_length_than_its_source_run(self, sweep):
        arms = "arms: {a: {rule: relative}, b: {replay_of: a, epochs: 2, stretch: true}}\n"
        runs = {(job.arm, job.config.seed): job.config for job in sweep(HEAD + arms + "seeds: 2")}
        assert runs["b", 0].donors == [runs["a", 1].run_id]
        assert (runs["b", 0].epochs, runs["b", 0].stretch) == (2, True)

    def test_a_product_multiplies_the_arms_and_source_runs_stay_within_a_point(self, sweep):
        jobs = sweep(GRID.replace("epochs: 1, ", "") + "product: {epochs: [1, 3], decide_every: [0, 5]}\n")
        assert len(jobs) == len({job.run_id for job in jobs}) == 4 * 15
        runs = by_name(jobs)
        yoked, source = runs["inverse_yoked epochs=3 decide_every=5", 0], runs["inverse epochs=3 decide_every=5", 1]
        assert yoked.epochs == 3
        assert yoked.donors == [source.run_id]

    def test_profile_root_and_device_come_from_the_caller(self, sweep):
        text = "experiment: cifar10\nprofile: quick\narms: {constant: {}}\n"
        (job,) = sweep(text, root="elsewhere", profile="standard", device="cpu")
        assert job.config == preset("cifar10", "standard", root="elsewhere", device="cpu", progress="quiet")
        assert job.run_id == preset("cifar10", "standard").run_id

    @pytest.mark.parametrize("path", sorted((project_folder() / "sweeps").glob("*.yaml")), ids=lambda path: path.stem)
    def test_the_projects_own_sweeps_are_sound(self, path):
        jobs = read_sweep(path)
        recorded = read_sweep(path.with_name("cifar10-recipe-sources.yaml")) if path.stem.endswith("-recipe") else []
        known = {job.run_id for job in (*jobs, *recorded)}
        assert all(set(job.config.donors) <= known - {job.run_id} for job in jobs)
        check_jobs(jobs)
        arms = {job.arm for job in jobs}
        if path.stem.endswith("-standard"):
            assert {"constant", "cosine", "report", "report_epoch", "relative", "inverse", "inverse_yoked"} <= arms
            counts = Counter(job.arm for job in jobs)
            few = {arm for arm, count in counts.items() if count < 10}
            assert few == (FEW if path.stem == "imdb-standard" else set())
            assert {counts[arm] for arm in few} <= {5}

    def test_every_arm_that_cannot_run_is_named_with_its_reason(self, sweep):
        arms = "{many: {train_examples: 99999}, fine: {}, small: {train_examples: 88888}}"
        with pytest.raises(ConfigError) as refused:
            check_jobs(sweep(f"experiment: digits\nprofile: quick\narms: {arms}\n"))
        assert re.findall(r"arm '(\w+)'", str(refused.value)) == ["many", "small"]
        assert all(number in str(refused.value).replace(",", "") for number in ("99999", "88888"))


HEAD = "experiment: digits\nprofile: quick\n"


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "named"),
        [
            (HEAD + "arms: {a: {epoch: 3}}", ("'a'", "'epoch'", "'epochs'")),
            (HEAD + "arms: {a: {rule: magic}}", ("'a'", "rule='magic'")),
            (HEAD + "base: {dropout: high}\narms: {a: {}}", ("'a'", "dropout='high'")),
            (HEAD + "arms: {a: {}, b: {rule: none}}", ("'a'", "'b'")),
            (HEAD + "arms:\n  a: {}\n  a: {rule: threshold}", ("line 5", "'a'")),
            (HEAD + "arms: {a: {epochs: 1, epochs: 2}}", ("'epochs'",)),
            (HEAD + "arms: {no: {}}", ("arms", "False")),
            (HEAD + "arms: {a: 3}", ("'a'", "3")),
            (HEAD + "arms: [a]", ("arms", "['a']")),
            (HEAD + "arms: {}", ("'arms'",)),
            ("arms: {a: {}}", ("'experiment'",)),
            ("experiment: digitz\narms: {a: {}}", ("experiment='digitz'", "cifar10")),
            (HEAD.replace("quick", "fast") + "arms: {a: {}}", ("'fast'", "quick")),
            (HEAD.replace("quick", "[quick]") + "arms: {a: {}}", ("profile", "['quick']")),
            (HEAD.replace("quick", "") + "arms: {a: {}}", ("profile", "None")),
            (HEAD + "arms: {? [a, b] : {}}", ("line 3",)),
            (HEAD + "arm: {a: {}}", ("'arm'", "'arms'")),
            (HEAD + "arms: {a: {}}\nseeds: 0", ("seeds=0", "1")),
            (HEAD + "arms: {a: {}}\nseeds: true", ("seeds=True",)),
            (HEAD + "arms: {a: {}}\nseeds: [0, -1]", ("seeds=[0, -1]",)),
            (HEAD + "arms: {a: {}}\nseeds: [1, 1]", ("seeds=[1, 1]",)),
            (HEAD + "arms: {a: {}}\nproduct: {epochs: 3}", ("product", "epochs=3")),
            (HEAD + "arms: {a: {}}\nproduct: {epochs: [1, 0]}", ("'a'", "epochs=0")),
            (HEAD + "arms: {a: {epochs: 1}}\nproduct: {epochs: [1]}", ("'a'", "epochs", "product")),
            (HEAD + "arms: {a: {seed: 1}}", ("'a'", "'seed'", "'seeds'")),
            (HEAD + "base: {threads: 2}\narms: {a: {}}", ("base", "'threads'")),
            (HEAD + "arms: {a: {seeds: 4}}\nseeds: 3", ("'a'", "seeds=4", "3")),
            (HEAD + "arms: {a: {seeds: 0}}", ("'a'", "seeds=0")),
            (HEAD + "arms: {a: {seeds: [0]}}", ("'a'", "seeds=[0]")),
            (HEAD + "base: {seeds: 1}\narms: {a: {}}", ("base", "'seeds'")),
            (HEAD + "product: {seeds: [1]}\narms: {a: {}}", ("product", "'seeds'")),
            (HEAD + "arms: {a: {source_runs: others}}", ("'a'", "source_runs='others'")),
            (HEAD + "arms: {a: {source_runs: [some-run]}}", ("'a'", "source_runs=['some-run']")),
            (HEAD + "arms: {a: {}\nseeds", ("line",)),
            ("- a\n- b", ("experiment", "arms")),
            ("a: !!python/object/apply:os.getcwd []", ("line 1", "python/object/apply:os.getcwd")),
        ],
    )
    def test_what_makes_no_sense_is_named_with_the_file(self, sweep, text, named):
        with pytest.raises(ConfigError) as caught:
            sweep(text)
        assert all(each in str(caught.value) for each in ("grid.yaml", *named))

    @pytest.mark.parametrize(
        ("fields", "named"),
        [
            ("replay_of: invers", ("'invers'", "'inverse'")),
            ("replay_of: b", ("'b'",)),
            ("replay_of: [inverse]", ("['inverse']",)),
            ("replay_of: inverse, signal_every: 2", ("'b'", "signal_every=2")),
            ("replay_of: inverse, source_runs: all", ("'b'", "source_runs='all'", "next", "others", "own")),
            ("replay_of: inverse, source_runs: 2", ("'b'", "source_runs=2", "next", "others", "own")),
            ("replay_of: inverse, source_runs: 0", ("'b'", "source_runs=0")),
            ("replay_of: inverse, source_runs: true", ("'b'", "source_runs=True")),
            ("replay_of: inverse, rule: threshold", ("rule='threshold'", "replay", "shuffled")),
            ("replay_of: inverse, rule: shuffled, source_runs: others", ("rule='shuffled'",)),
            ("replay_of: inverse, seeds: 1", ("'b'", "seeds=1")),
            ("replay_of: inverse, source_runs: 1, seeds: 1", ("'b'", "seeds=1")),
            ("replay_of: inverse, source_runs: own, seeds: 3", ("'b'", "seeds=3", "2", "'inverse'")),
            ("replay_of: inverse, source_runs: true, seeds: 1", ("'b'", "source_runs=True")),
            ("replay_of: single", ("source_runs='next'",)),
            ("replay_of: single, source_runs: own, seeds: 2", ("seeds=2", "1", "'single'")),
            ("replay_of: fixed", ("'b'", "'fixed'")),
            ("replay_of: inverse, epochs: 2", ("'b'", "epochs=2")),
            ("replay_of: inverse, gain: x", ("'b'", "gain='x'")),
        ],
    )
    def test_impossible_controls(self, sweep, fields, named):
        sources = "inverse: {rule: proportional}, single: {rule: threshold, seeds: 1}, fixed: {}"
        arms = f"arms: {{{sources}, b: {{{fields}}}}}\n"
        with pytest.raises(ConfigError) as caught:
            sweep(HEAD + arms + "seeds: 2")
        assert all(each in str(caught.value) for each in named)

    def test_a_run_never_replays_itself(self, sweep):
        with pytest.raises(ConfigError, match="'b': .*source_runs='next'"):
            sweep(HEAD + "arms: {inverse: {rule: proportional}, b: {replay_of: inverse}}")

    def test_settings_that_do_not_go_together_are_found_before_the_first_run(self, sweep):
        jobs = sweep(HEAD + "arms: {fine: {}, bad: {rule: threshold, signal: loss}}")
        with pytest.raises(ConfigError, match="'bad': signal='loss'"):
            run_sweep(jobs)
        assert not paths_of(jobs[0].config).directory.exists()

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(ConfigError, match=r"none\.yaml"):
            read_sweep(tmp_path / "none.yaml")
        with pytest.raises(ConfigError, match=r"none\.yaml"):
            read_sweep(str(tmp_path / "none.yaml"))


WORKED = f"""
experiment: digits
profile: quick
seeds: 2
base: {SMALL}
arms:
  killed: {{rule: relative, epochs: 8, memory: 5}}
  inverse: {{rule: proportional}}
  inverse_yoked: {{replay_of: inverse}}
  broken: {{rule: threshold, learning_rate: 1.0e+30, decrease: 1.0}}
  broken_yoked: {{replay_of: broken}}
"""


@pytest.fixture
def swept(tmp_path):
    """A sweep by two workers, one of which is killed at the first checkpoint of a run."""
    (tmp_path / "grid.yaml").write_text(WORKED, encoding="utf-8")
    jobs = read_sweep(tmp_path / "grid.yaml", root=str(tmp_path / "swept"))
    target = paths_of(by_name(jobs)["killed", 1])

    def kill():
        while not list(target.checkpoints.glob("*.pt")):
            time.sleep(0.01)
        os.kill(json.loads(target.record.read_text())["owner"]["pid"], signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    reported = []
    outcomes = run_sweep(jobs, workers=2, report=lambda job, outcome: reported.append((job, outcome)))
    return jobs, outcomes, reported


@pytest.mark.slow
def test_a_sweep_by_two_workers_of_which_one_is_killed(swept, tmp_path):
    jobs, outcomes, reported = swept
    runs = by_name(jobs)
    assert sorted(outcome.run_id for outcome in outcomes) == sorted(job.run_id for job in jobs)
    assert [(job.run_id, outcome) for job, outcome in reported] == [(each.run_id, each) for each in outcomes]
    failures_stop_only_the_runs_that_replay_them(runs, jobs, outcomes)
    a_run_at_fault_is_tried_once_and_one_whose_worker_died_goes_on(runs)
    results_equal_a_serial_sweeps_bit_for_bit(jobs, tmp_path)
    failed = {outcome.run_id for outcome in outcomes if outcome.error}
    assert {job.run_id for job in missing_jobs(jobs)} == failed
    assert run_sweep([job for job in jobs if job.run_id not in failed], workers=2) == []


def failures_stop_only_the_runs_that_replay_them(runs, jobs, outcomes):
    errors = {outcome.run_id: outcome.error for outcome in outcomes if outcome.error}
    broken = [runs["broken", seed] for seed in range(2)]
    assert set(errors) == {runs[arm, seed].run_id for arm in ("broken", "broken_yoked") for seed in range(2)}
    for seed in range(2):
        assert "diverged" in errors[broken[seed].run_id]
        assert broken[1 - seed].run_id in errors[runs["broken_yoked", seed].run_id]
    text = failures(jobs, outcomes)
    assert broken[0].run_id in text
    assert text.count("\n") <= 3


def a_run_at_fault_is_tried_once_and_one_whose_worker_died_goes_on(runs):
    broken = json.loads(paths_of(runs["broken", 0]).record.read_text())
    assert (broken["status"], broken["resumed"]) == ("FAILED", [])
    killed = read_run(paths_of(runs["killed", 1]))
    assert killed.record["status"] == "COMPLETED"
    assert len(killed.record["resumed"]) == 1


def results_equal_a_serial_sweeps_bit_for_bit(jobs, root):
    clocks = ["seconds", "elapsed"]
    for job in sorted((job for job in jobs if "broken" not in job.arm), key=lambda job: bool(job.config.donors)):
        ours, serial = read_run(paths_of(job.config)), read_run(run(job.config.replace(root=str(root))))
        rows = [each.metrics.drop(columns=clocks) for each in (ours, serial)]
        pd.testing.assert_frame_equal(*rows, check_exact=True)
        pd.testing.assert_frame_equal(ours.predictions, serial.predictions, check_exact=True)
        for name, values in serial.trace.items():
            np.testing.assert_array_equal(ours.trace[name], values, err_msg=f"{job.arm} {name}")


@pytest.fixture
def scheduler():
    """A Dask cluster that somebody else started."""
    from distributed import LocalCluster

    here = {
        "protocol": "tcp://",
        "host": "127.0.0.1",
        "dashboard_address": "127.0.0.1:0",
        "worker_dashboard_address": "127.0.0.1:0",
    }
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, memory_limit=0, **here) as cluster:
        yield cluster.scheduler_address


def test_a_running_cluster_serves_and_each_run_leaves_its_notebook(sweep, scheduler, tmp_path):
    jobs = sweep(HEAD + f"base: {SMALL}\narms: {{report: {{rule: threshold, learning_rate: 2e-3}}}}")
    cells = [
        parameters_cell(preset("digits")),
        nbformat.v4.new_code_cell("print(rule, learning_rate)"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), tmp_path / "study.ipynb")
    outcomes = run_sweep(jobs, scheduler=scheduler, notebook=tmp_path / "study.ipynb")
    assert [outcome.error for outcome in outcomes] == ["", ""]
    fixed, report = with_fixed_rates(jobs)
    assert (fixed.arm, fixed.config.rule, fixed.config.learning_rate) == ("fixed rate", "none", 2e-3)
    for job, words in ((fixed, "none 0.002"), (report, "threshold 0.002")):
        assert read_run(paths_of(job.config)).summary["run_id"] == job.run_id
        executed = nbformat.read(executed_notebook(job.config), as_version=4)
        assert executed.cells[-1].outputs[0]["text"].strip() == words
    assert run_sweep(jobs, notebook=tmp_path / "study.ipynb") == []
    executed_notebook(report.config).unlink()
    assert missing_jobs([fixed, report], tmp_path / "study.ipynb") == [report]


@pytest.mark.slow
def test_the_quickstart_beside_every_run_of_a_sweep_by_two_workers(sweep):
    """What the guide to batches shows: notebooks at once that train the same extra seeds, one of them a replay's."""
    arms = "arms: {inverse: {rule: proportional, learning_rate: 3e-4}, inverse_yoked: {replay_of: inverse}}\n"
    jobs = sweep("experiment: digits\nprofile: quick\nseeds: 2\nbase: {epochs: 1}\n" + arms)
    outcomes = run_sweep(jobs, workers=2, notebook=project_folder() / "notebooks" / "quickstart.ipynb")
    assert [outcome.error for outcome in outcomes] == [""] * 6
    assert all(executed_notebook(job.config).is_file() for job in jobs)


def test_no_scheduler_at_the_address(sweep):
    with pytest.raises(RunError, match="nowhere://here"):
        run_sweep(sweep(GRID), scheduler="nowhere://here")


def test_published_runs_are_done_and_serve_as_source_runs(sweep, tmp_path):
    jobs = sweep(
        GRID.replace("seeds: 3", "seeds: 2").replace("  inverse_mean_curve: {replay_of: inverse, source_runs: others}\n", "")
    )
    inverse = [job for job in jobs if job.arm == "inverse"]
    publish([read_run(run(job.config.replace(root=str(tmp_path / "other")))) for job in inverse], "study")
    assert [job.arm for job in missing_jobs(jobs)].count("inverse") == 0
    assert len(missing_jobs(jobs)) == 6
    assert [line.split()[-1] for line in plan(jobs, [], 1).splitlines()[1:9] if line.startswith("inverse ")] == [
        "published"
    ] * 2


def test_dry_run_prints_the_runs_their_states_and_an_estimate(tmp_path, capsys):
    (tmp_path / "grid.yaml").write_text(GRID, encoding="utf-8")
    command("sweep", tmp_path / "grid.yaml", "--dry-run", "--workers", "2")
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["arm", "seed", "run", "state"]
    assert "15 of 15" in out
    assert "digits" in out
    jobs = read_sweep(tmp_path / "grid.yaml")
    run(by_name(jobs)["constant", 0])
    command("sweep", tmp_path / "grid.yaml", "--dry-run", "--workers", "2")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[1:16]] == ["missing", "done", *["missing"] * 13]
    assert re.match(r"14\b.*\b15\b.*\b00:\d\d\b.*\b2\b", lines[-1])
    study = nbformat.v4.new_notebook(cells=[parameters_cell(jobs[0].config)], metadata=KERNEL)
    nbformat.write(study, tmp_path / "any.ipynb")
    command("sweep", tmp_path / "grid.yaml", "--dry-run", "--workers", "2", "--notebook", tmp_path / "any.ipynb")
    assert len(capsys.readouterr().out.splitlines()[-1]) > len(lines[-1]), "that their time comes on top is said too"


@pytest.mark.parametrize("content", ["no notebook", "{}", None])
def test_a_notebook_that_takes_no_runs_is_refused_before_any_is_trained(sweep, content, tmp_path):
    path = tmp_path / "study.ipynb"
    if content is None:
        cell = nbformat.v4.new_code_cell("seed = 0", metadata={"tags": ["parameters"]})
        nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=KERNEL), path)
    else:
        path.write_text(content, encoding="utf-8")
    jobs = sweep(GRID)
    with pytest.raises(ConfigError, match=r"study\.ipynb"):
        run_sweep(jobs, notebook=path)
    assert not any(paths_of(job.config).directory.exists() for job in jobs)
    assert not paths_of(jobs[0].config).directory.exists()


def test_progress_says_count_time_left_and_failures(capsys):
    job = Job("inverse", preset("digits", seed=4))
    with SweepDisplay([job, job, job]) as display:
        display.ended_run(job, Outcome(job.run_id, 12.34))
        display.ended_run(job, Outcome(job.run_id, 0.0, "out of memory"))
    first, second = capsys.readouterr().out.splitlines()
    assert re.match(r"1/3 .*inverse.* 4 .* 12\.3 s .* 0 failed", first)
    assert re.match(r"2/3 .*inverse.* 4 .*out of memory .* 1 failed", second)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_shows_the_runs_under_way_with_their_epochs(columns, capsys, monkeypatch):
    job = Job("inverse", preset("digits", seed=4))
    paths_of(job.config).directory.mkdir(parents=True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    with SweepDisplay([job]) as display:
        write_progress(paths_of(job.config).progress, Progress(job.run_id, "training", 3, 4, 10, 20))
        display._draw()
    shown = capsys.readouterr().err
    assert re.search(r"inverse .*\b4\b.* 3/4", shown)
    assert re.search(r"\b0/1 ", shown)
    assert max(map(len, re.split(r"[\r\n]|\x1b\[A", shown))) < columns
    head = re.findall(r"\|(█*) *\|", shown)[-1]
    assert len(head) == 10, "five eighths of the training of the only run"


def test_what_a_killed_run_left_is_not_taken_for_a_run_under_way():
    job = Job("inverse", preset("digits", seed=4))
    paths_of(job.config).directory.mkdir(parents=True)
    write_progress(paths_of(job.config).progress, Progress(job.run_id, "training", 3, 4, 10, 20))
    assert SweepDisplay([job])._running() == []


def test_the_end_counts_what_was_trained_loaded_and_failed(tmp_path):
    ended = [Outcome("a", 1.0), Outcome("b", 1.0, "diverged")]
    text = summary(5, ended, 75.0, tmp_path)
    assert all(part in text for part in ("1 trained", "3 loaded", "1 failed", "01:15", str(tmp_path)))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workers", 0], "0.*--workers"),
        (["--runs-per-gpu", -1], "-1.*--runs-per-gpu"),
        (["--notebook", "none.ipynb"], "none.ipynb.*--notebook"),
    ],
)
def test_options_that_make_no_sense(arguments, words):
    with pytest.raises(ConfigError, match=words):
        command("sweep", "grid.yaml", *arguments)


def test_merge_keys_of_yaml(sweep):
    arms = "arms:\n  constant: &fast {learning_rate: 2e-3, num_samples: 4}\n"
    arms += "  report: {<<: *fast, rule: threshold}\n  slow: {<<: *fast, learning_rate: 1e-4}\n"
    found = by_name(sweep(f"experiment: digits\nprofile: quick\nbase: {{epochs: 1e0, train_examples: 2e2}}\n{arms}"))
    assert (found["report", 0].rule, found["report", 0].learning_rate, found["report", 0].num_samples) == (
        "threshold",
        2e-3,
        4,
    )
    assert (found["slow", 0].learning_rate, found["slow", 0].num_samples) == (1e-4, 4)
    assert {(config.epochs, config.train_examples) for config in found.values()} == {(1, 200)}


def test_counts_may_be_written_with_an_exponent(sweep):
    text = HEAD + "seeds: 1.2e1\narms: {a: {}, b: {rule: threshold, seeds: 1e1}, c: {replay_of: b}}\n"
    assert {arm: sum(job.arm == arm for job in sweep(text)) for arm in "abc"} == {"a": 12, "b": 10, "c": 10}
    with pytest.raises(ConfigError, match="seeds='1.5'"):
        sweep(text.replace("1.2e1", "'1.5'"))


@pytest.mark.parametrize(
    ("head", "arms", "words"),
    [
        ("digits", "{a: {train_examples: 5000}}", "'a'.*train_examples=5000"),
        ("digits", "{a: {test_examples: 5000}}", "'a'.*test_examples=5000"),
        ("digits", "{a: {input_column: x}}", "'a'.*columns"),
        ("digits", "{a: {threads: 2}}", "'a'.*'threads'.*--workers"),
        ("cifar10", "{a: {model: lstm}}", r"grid\.yaml.*'a'.*model='lstm'.*model='auto'"),
        ("imdb", "{a: {}, b: {model: mlp}}", r"grid\.yaml.*'b'.*model='mlp'"),
        ("digits", "{a: {dropout: 0}}", r"grid\.yaml.*'a'.*estimator='mc_dropout'.*dropout"),
    ],
)
def test_a_sweep_that_cannot_run_is_refused_by_file_and_arm(tmp_path, head, arms, words):
    (tmp_path / "grid.yaml").write_text(f"experiment: {head}\nprofile: quick\narms: {arms}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        command("sweep", tmp_path / "grid.yaml", "--dry-run")


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        ("{train_examples: 500}", "train_examples=500"),
        ("{input_column: picture}", "'picture'"),
        ("{model: lstm}", "model='lstm'"),
        ("{}", "4 x 4"),
    ],
)
def test_a_folder_that_does_not_suit_is_found_before_anything_starts(tmp_path, arm, words, monkeypatch):
    monkeypatch.setenv("UNCERTLR_CACHE", str(tmp_path / "cache"))
    features = datasets.Features({"img": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
    pictures = [Image.fromarray(np.zeros((3, 3), np.uint8))] * 40
    rows = datasets.Dataset.from_dict({"img": pictures, "label": [0, 1] * 20}, features=features)
    (tmp_path / "set").mkdir()
    rows.to_parquet(tmp_path / "set" / "train.parquet")
    (tmp_path / "grid.yaml").write_text(f"experiment: {tmp_path / 'set'}\nbase: {{epochs: 1}}\narms: {{a: {arm}}}\n")
    with pytest.raises(ConfigError, match=words):
        command("sweep", tmp_path / "grid.yaml", "--dry-run")
    assert not (tmp_path / "cache").exists()


def test_failures_are_listed_and_the_command_fails(tmp_path, capsys, monkeypatch):
    (tmp_path / "grid.yaml").write_text(GRID, encoding="utf-8")
    jobs = read_sweep(tmp_path / "grid.yaml")
    ended = [Outcome(jobs[0].run_id, 1.0, "out of memory"), Outcome(jobs[1].run_id, 1.0)]
    monkeypatch.setattr("uncertlr.sweep.run_sweep", lambda *arguments, **options: ended)
    with pytest.raises(RunError, match="1.*15"):
        command("sweep", tmp_path / "grid.yaml")
    captured = capsys.readouterr()
    assert re.fullmatch(rf"inverse_yoked .*{jobs[0].run_id}.* out of memory\n", captured.err)
    assert all(count in captured.out for count in ("1 trained", "13 loaded", "1 failed"))


def test_runs_lists_filters_and_exports(tmp_path, capsys):
    config = preset("digits", "quick", epochs=1, channels=[4, 8], hidden_size=16, train_examples=200, progress="quiet")
    command("runs")
    none = capsys.readouterr().out
    assert none.count("\n") == 1
    run(config)
    command("runs", "--dataset", "digits", "--rule", "none", "--status", "completed")
    assert config.run_id in capsys.readouterr().out
    command("runs", "--rule", "threshold")
    assert capsys.readouterr().out == none
    command("runs", "--csv", tmp_path / "runs.csv")
    row = pd.read_csv(tmp_path / "runs.csv").iloc[0]
    assert (row["run_id"], row["status"], row["channels"]) == (config.run_id, "completed", "4 8")
    assert row["test_accuracy"] == read_run(paths_of(config)).summary["test"]["accuracy"]
    with pytest.raises(ConfigError, match="--csv.*none"):
        command("runs", "--csv", tmp_path / "none" / "runs.csv")


UNGUARDED = """
import sys
from pathlib import Path
from uncertlr.sweep import read_sweep, run_sweep

print("script")
outcomes = run_sweep(read_sweep(Path(sys.argv[1]), sys.argv[2]), workers=2)
assert [outcome.error for outcome in outcomes] == ["", ""], outcomes
assert sys.modules["__main__"].__file__ == __file__
"""


@pytest.mark.slow
def test_a_script_needs_no_guard(tmp_path):
    (tmp_path / "grid.yaml").write_text(f"experiment: digits\nprofile: quick\nseeds: 2\nbase: {SMALL}\narms: {{a: {{}}}}\n")
    (tmp_path / "script.py").write_text(UNGUARDED)
    words = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "grid.yaml"), str(tmp_path / "runs")]
    result = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stdout) == (0, "script\n"), result.stderr


@pytest.mark.slow
def test_ctrl_c_ends_a_sweep_and_its_workers_at_once(tmp_path):
    grid = tmp_path / "grid.yaml"
    grid.write_text(f"experiment: digits\nprofile: quick\nseeds: 2\nbase: {SMALL}\narms: {{a: {{epochs: 5000}}}}\n")
    # a shell starts background jobs with SIGINT ignored, and so these tests perhaps
    code = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "from uncertlr.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", code, "sweep", str(grid), "--root", str(tmp_path / "runs"), "--workers", "2"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while len(list((tmp_path / "runs").glob("*/progress.json"))) < 2:
        assert process.poll() is None
        time.sleep(0.1)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - began < 10, "two seconds on a machine that does nothing else"
    assert error.count("\n") == 1
    owners = [json.loads(path.read_text())["owner"]["pid"] for path in (tmp_path / "runs").glob("*/run.json")]
    assert not any(Path(f"/proc/{pid}").exists() for pid in owners)


@pytest.mark.slow
def test_nothing_to_do_is_said_without_loading_torch(tmp_path):
    grid = tmp_path / "grid.yaml"
    grid.write_text(f"experiment: digits\nprofile: quick\nbase: {SMALL}\narms: {{a: {{}}}}\n")
    run(read_sweep(grid)[0].config)
    code = "import sys; from uncertlr.cli import main; main(sys.argv[1:]); assert 'torch' not in sys.modules"
    result = subprocess.run([sys.executable, "-c", code, "sweep", str(grid)], capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stderr
    assert "1 loaded" in result.stdout
