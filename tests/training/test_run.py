"""Whole runs on the embedded data: idempotence, resuming, and what a run leaves behind."""

import json
import re
import signal
import subprocess
import sys

import datasets
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from uncertlr.config import preset
from uncertlr.errors import ConfigError, DataError, RunError, UncertlrError
from uncertlr.runs.files import load_state, read_json
from uncertlr.runs.index import list_runs
from uncertlr.runs.paths import paths_of
from uncertlr.runs.store import read_run
from uncertlr.sweep import Job, check_jobs
from uncertlr.training import objective
from uncertlr.training import run as run_module
from uncertlr.training.build import build, load_config_data
from uncertlr.training.finished import find
from uncertlr.training.rules import build_rule
from uncertlr.training.run import run

CNN = preset("digits", "quick", epochs=4, rule="threshold", threshold=0.9, decide_every=3, progress="quiet")
LSTM = preset("toy_reviews", "quick", epochs=4, rule="threshold", decide_every=0, progress="quiet")
TIMES = ["seconds", "elapsed"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return read_run(run(CNN.replace(root=str(tmp_path_factory.mktemp("finished")))))


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.metrics.drop(columns=TIMES), other.metrics.drop(columns=TIMES))
    pd.testing.assert_frame_equal(one.trace, other.trace, check_exact=True)
    for which in ("last", "best"):
        first, second = (load_state(each.paths.weights(which))["model"] for each in (one, other))
        assert all(torch.equal(first[name], second[name]) for name in first)
    pd.testing.assert_frame_equal(one.predictions, other.predictions)


def test_a_run_leaves_all_that_was_promised(finished):
    config, record, summary, trace = finished.config, finished.record, finished.summary, finished.trace
    steps = summary["steps"]
    assert config.identity == CNN.identity
    assert record["status"] == "COMPLETED"
    assert {"owner", "began", "ended", "versions", "git", "device", "data", "processor"} <= set(record)
    assert list(finished.metrics["split"]) == ["train", "val"] * 4
    assert steps == 4 * 21
    np.testing.assert_array_equal(trace["step"], np.arange(steps))
    assert len(trace) == steps
    assert set(finished.predictions["split"]) == {"val", "test"}
    assert len(finished.predictions) == record["examples"]["val"] + record["examples"]["test"]
    report = {"eval_loss", "eval_accuracy", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "epoch"}
    assert report <= set(summary)
    assert summary["eval_accuracy"] == summary["test"]["accuracy"]
    low, high = summary["intervals"]["accuracy"]
    assert low < summary["test"]["accuracy"] < high
    assert not list(finished.paths.checkpoints.glob("epoch-*"))


def test_the_summary_is_the_last_epochs(finished):
    last = finished.validation.iloc[-1]
    for name in ("accuracy", "loss", "mc_accuracy", "mc_ece", "mutual_information"):
        assert finished.summary["val"][name] == pytest.approx(last[name], abs=1e-12), name
    labels = finished.predictions.query("split == 'val'")
    assert (labels["label"] == labels["predicted"]).mean() == pytest.approx(finished.summary["val"]["mc_accuracy"])


def test_the_trace_obeys_the_rule(finished):
    """Rate and factor at every step follow from the signals alone, one step late."""
    from uncertlr.schedulers import simulate

    rule = build_rule(CNN, 21)
    factors = [1.0, *simulate(rule, finished.trace["signal"].astype(float).tolist())][:-1]
    assert finished.trace["factor"].tolist() == pytest.approx(factors)
    assert finished.trace["learning_rate"].tolist() == pytest.approx([CNN.learning_rate * factor for factor in factors])
    assert len(set(factors)) > 5


def test_a_finished_run_is_not_trained_again(finished, monkeypatch):
    monkeypatch.setattr(run_module, "load_config_data", lambda config: pytest.fail("trained again"))
    assert run(CNN.replace(root=str(finished.paths.root))) == finished.paths
    assert find(CNN.replace(root=str(finished.paths.root))).summary == finished.summary
    assert find(CNN.replace(root=str(finished.paths.root), seed=9)) is None


KILLED = """
import os, signal, sys
from uncertlr.training import loop
from uncertlr.training import step as step_module
from uncertlr.config import RunConfig
from uncertlr.training.run import run
import json

config, moment = RunConfig(**json.loads(sys.argv[1])), sys.argv[2]

def die(*arguments, **keywords):
    os.kill(os.getpid(), signal.SIGKILL)

real_step, real_checkpoint, taken = step_module.train_step, loop.save_checkpoint, [0]

def step(*arguments, **keywords):
    taken[0] += 1
    if moment == "step" and taken[0] == 50:
        die()
    return real_step(*arguments, **keywords)

def checkpoint(paths, epoch, state):
    if moment == "before checkpoint" and epoch == 2:
        die()
    real_checkpoint(paths, epoch, state)
    if moment == "after checkpoint" and epoch == 3:
        die()

step_module.train_step, loop.save_checkpoint = step, checkpoint
if moment == "summary":
    from uncertlr.training import run as run_module
    run_module.summarize = die
run(config)
"""


@pytest.mark.parametrize(
    ("config", "moment"),
    [
        (CNN, "step"),
        (LSTM, "after checkpoint"),
        pytest.param(CNN, "before checkpoint", marks=pytest.mark.slow),
        pytest.param(CNN, "summary", marks=pytest.mark.slow),
        pytest.param(LSTM, "step", marks=pytest.mark.slow),
    ],
    ids=lambda value: value if isinstance(value, str) else value.dataset,
)
def test_a_killed_run_goes_on_bit_for_bit(config, moment, tmp_path):
    whole = read_run(run(config.replace(root=str(tmp_path / "whole"))))
    cut = config.replace(root=str(tmp_path / "cut"))
    command = [sys.executable, "-c", KILLED, json.dumps(cut.model_dump()), moment]
    child = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert not paths_of(cut).complete
    resumed = read_run(run(cut))
    assert_same(whole, resumed)
    assert len(resumed.record["resumed"]) == 1


def test_a_rule_pinned_at_factor_1_is_the_fixed_rate_bit_for_bit(tmp_path):
    root = str(tmp_path)
    fixed = preset("digits", "quick", epochs=2, progress="quiet", root=root)
    pinned = fixed.replace(rule="threshold", decrease=1.0, increase=1.0)
    deterministic = fixed.replace(estimator="deterministic")
    one, two, three = (read_run(run(each)) for each in (fixed, pinned, deterministic))
    assert_same(one, two)
    np.testing.assert_array_equal(one.trace["loss"], three.trace["loss"])


def test_the_same_seed_is_the_same_experiment_for_every_arm():
    one, two = (build(config, load_config_data(config)) for config in (CNN, CNN.without_rule()))
    for name, weight in one.model.state_dict().items():
        assert torch.equal(weight, two.model.state_dict()[name])
    other = build(CNN.replace(seed=1), load_config_data(CNN.replace(seed=1)))
    assert not torch.equal(other.model.head[1].weight, one.model.head[1].weight)


def test_building_leaves_the_global_stream_alone():
    before = torch.random.get_rng_state()
    build(CNN, load_config_data(CNN))
    assert torch.equal(before, torch.random.get_rng_state())


def test_test_data_is_seen_only_when_asked(tmp_path):
    config = CNN.replace(epochs=1, evaluate_test=False, root=str(tmp_path))
    finished = read_run(run(config))
    assert finished.summary["test"] is None
    assert finished.summary["test_best"] is None
    assert set(finished.predictions["split"]) == {"val"}
    assert finished.summary["eval_accuracy"] == finished.summary["val"]["accuracy"]


def test_a_diverged_run_fails_with_the_step_and_keeps_its_checkpoint(tmp_path, monkeypatch):
    config = CNN.replace(root=str(tmp_path))
    real = objective.cross_entropy
    calls = []

    def explode(logits, targets):
        calls.append(1)
        return real(logits, targets) * (float("nan") if len(calls) == 50 else 1.0)

    monkeypatch.setattr(objective, "cross_entropy", explode)
    with pytest.raises(RunError, match="3.*8.*2"):
        run(config)
    paths = paths_of(config)
    record = read_json(paths.record)
    assert record["status"] == "FAILED"
    assert re.search(r"\b3\b.*\b8\b.*\b2\b", record["error"])
    assert (paths.checkpoints / "epoch-0002.pt").is_file()
    monkeypatch.undo()
    assert read_run(run(config)).record["status"] == "COMPLETED"


def test_other_data_under_the_same_name_is_refused(tmp_path):
    config = CNN.replace(root=str(tmp_path))
    paths = paths_of(config)
    paths.directory.mkdir(parents=True)
    record = {"status": "FAILED", "data": "0" * 64, "examples": {"train": 1}, "class_names": ["0"]}
    paths.record.write_text(json.dumps(record))
    with pytest.raises(RunError, match="000000000000"):
        run(config)


def test_errors_leave_no_run_behind(tmp_path):
    root = str(tmp_path / "runs")
    for config, error, words in (
        (CNN.replace(dataset="digitz"), DataError, "'digits'"),
        (CNN.replace(model="lstm"), ConfigError, "model='lstm'"),
        (CNN.replace(dropout=0.0), ConfigError, "dropout"),
        (CNN.replace(device="cuda:77"), ConfigError, "device='cuda:77'"),
    ):
        with pytest.raises(error, match=words):
            run(config.replace(root=root))
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("changes", [{"model": "mlp"}, {"model": "mlp", "dropout": 0.0, "estimator": "deterministic"},
                                     {"schedule": "cosine", "rule": "none"}, {"signal": "mutual_information"}])  # fmt: skip
def test_every_variant_runs(changes, tmp_path):
    finished = read_run(run(CNN.replace(epochs=1, root=str(tmp_path), **changes)))
    assert finished.summary["test"]["accuracy"] > 0.02


@pytest.fixture
def sides(tmp_path, monkeypatch):
    """Writes a folder ``sides`` of small pictures beneath another, by a seed."""
    monkeypatch.setenv("UNCERTLR_CACHE", str(tmp_path / "cache"))

    def write(place, seed):
        rng = np.random.default_rng(seed)
        pictures = [Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)) for _ in range(60)]
        features = datasets.Features({"img": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
        rows = datasets.Dataset.from_dict({"img": pictures, "label": [0, 1] * 30}, features=features)
        folder = tmp_path / place / "sides"
        folder.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(folder / "train-00000-of-00001.parquet")
        return folder

    return write


def test_a_finished_run_of_a_folder_is_not_passed_off_for_other_data(sides, tmp_path, monkeypatch):
    options = {"epochs": 1, "channels": [2, 2], "hidden_size": 4, "progress": "quiet", "root": str(tmp_path / "runs")}
    one, other = sides("one", 0), sides("other", 1)
    monkeypatch.chdir(one.parent)
    config = preset("sides", **options)
    paths = run(config)
    assert run(preset("sides/", **options)) == paths
    assert find(config).summary == read_run(paths).summary
    monkeypatch.chdir(other.parent)
    assert find(preset("sides", **options)) is None, "another folder of the same name is another set"
    sides("one", 2)
    job = Job("constant", config)
    for look in (run, find, lambda changed: check_jobs([job])):
        with pytest.raises(UncertlrError, match=rf"{paths.run_id}"):
            look(config)
    assert list_runs(tmp_path / "runs", dataset=str(one) + "/")["run_id"].tolist() == [paths.run_id]
    (one / "train-00000-of-00001.parquet").unlink()
    assert find(config) is not None, "where the data are not here, a finished run needs none"
