import copy
import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch, and for the kernels and commands that tests start

import hypothesis
import matplotlib as mpl
import numpy as np
import pytest
import torch

from tests import needs
from tests.budgets import Budgets
from uncertlr.config import EXECUTION_FIELDS, preset
from uncertlr.runs.archive import publish
from uncertlr.runs.files import save_arrays, write_json
from uncertlr.runs.paths import RunPaths
from uncertlr.runs.store import read_run
from uncertlr.training.run import run

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.load_profile("repeatable")
mpl.use("agg")
torch.set_num_threads(1)


EVIDENCE_GRID = """
experiment: digits
profile: quick
baselines: [constant, cosine]
seeds: 10
arms:
  constant: {}
  constant_low: {learning_rate: 3.0e-4}
  cosine: {schedule: cosine}
  report: {rule: threshold}
  report_inverted: {rule: threshold, flip: true, ablation_of: report}
  bold_driver: {rule: bold_driver, signal: loss, ablation_of: report}
  inverse: {rule: proportional, learning_rate: 3.0e-4}
  inverse_yoked: {replay_of: inverse}
  inverse_mean_curve: {replay_of: inverse, source_runs: others}
  inverse_shuffled: {replay_of: inverse, rule: shuffled}
"""


def pytest_configure(config):
    if os.environ.get("CI"):
        config.pluginmanager.register(Budgets())
        config.pluginmanager.register(needs)


def pytest_collection_modifyitems(items):
    """All tests run in CI; at home those that take long or need a browser wait until they are asked for."""
    if not os.environ.get("CI"):
        for item in items:
            if item.get_closest_marker("slow") or item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="takes long or needs a browser: set CI=true to run it"))


@pytest.fixture(autouse=True)
def folders(tmp_path, tmp_path_factory, monkeypatch):
    """Runs, results and the cache of a test are its own, except that decoded real data is shared by a session."""
    monkeypatch.setenv("UNCERTLR_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("UNCERTLR_RESULTS", str(tmp_path / "results"))
    if "UNCERTLR_CACHE" not in os.environ:
        monkeypatch.setenv("UNCERTLR_CACHE", str(tmp_path_factory.getbasetemp().parent / "uncertlr-cache"))


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory):
    """A folder of runs for the published ones, for all processes of a session."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "unpacked"


@pytest.fixture
def published(folders, unpacked, monkeypatch):
    """The results are the published ones, whose runs are unpacked once a session; for tests that train nothing.

    To unpack them takes much longer than to compute from them.
    """
    monkeypatch.delenv("UNCERTLR_RESULTS")
    monkeypatch.setenv("UNCERTLR_RUNS", str(unpacked))


@pytest.fixture
def real_data():
    """The folder of the real data sets; skips where there is none."""
    folder = os.environ.get("UNCERTLR_DATA", "")
    if not folder or not (Path(folder) / "cifar10").is_dir() or not (Path(folder) / "imdb").is_dir():
        pytest.skip("needs the real data sets: set UNCERTLR_DATA to a folder that holds cifar10/ and imdb/")
    return Path(folder)


@pytest.fixture
def evidence_grid():
    """A sweep with an arm of every kind that the evidence knows, as YAML."""
    return EVIDENCE_GRID


@pytest.fixture(scope="session")
def like(tmp_path_factory):
    """A real run, from whose files planted ones are made."""
    return _template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def plant_runs(like):
    """Finishes each job of a sweep with a planted result, locally or published."""

    def plant(jobs, accuracy, factors=None, published=False):
        values = {(job.arm, job.config.seed): accuracy(job.arm, job.config.seed) for job in jobs}
        runs = [
            _plant(
                like,
                job.config,
                values[job.arm, job.config.seed],
                Path(os.environ["UNCERTLR_RUNS"]) / ("built" if published else ""),
                np.asarray(factors(job.arm, job.config.seed) if factors else np.ones(10)),
            )
            for job in jobs
            if values[job.arm, job.config.seed] is not None
        ]
        if published:
            publish(runs, "planted")

    return plant


def _template(folder):
    """A real run, whose files the planted ones are made from."""
    return read_run(run(preset("digits", "quick", epochs=2, train_examples=300, progress="quiet", root=str(folder))))


def _plant(like, config, accuracy, root, factor, seconds=10.0):
    paths = RunPaths(root, config.run_id)
    paths.directory.mkdir(parents=True, exist_ok=True)
    write_json(paths.config, config.model_dump(exclude=set(EXECUTION_FIELDS)))
    write_json(paths.record, like.record | {"run_id": config.run_id})
    val = like.validation.iloc[0].dropna().to_dict()
    epochs = np.arange(1, config.epochs + 1)
    rows = [
        val | {"epoch": int(epoch), "accuracy": accuracy * share**0.2, "loss": 2 - share, "elapsed": seconds * share}
        for epoch, share in zip(epochs, epochs / config.epochs, strict=True)
    ]
    paths.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    rate, steps = config.learning_rate * factor, np.arange(len(factor))
    signal = np.full(len(factor), 0.5)
    save_arrays(paths.trace(1), {"step": steps, "learning_rate": rate, "factor": factor, "signal": signal})
    write_json(paths.summary, _summary(like, config, accuracy, rate, factor, seconds))
    return read_run(paths)


def _summary(like, config, accuracy, rate, factor, seconds):
    summary = copy.deepcopy(like.summary) | {"run_id": config.run_id, "seconds": seconds}
    summary["seconds_per_epoch"] = seconds / config.epochs
    for split in ("val", "test", "test_best"):
        summary[split]["accuracy"] = accuracy
    shares = {"above_threshold": 0.5, "at_floor": float(np.mean(factor <= 0.01)), "at_ceiling": float(np.mean(factor >= 10))}
    summary["rate"] = {"final": rate[-1], "minimum": rate.min(), "maximum": rate.max(), "log_rate_sd": 0.1}
    summary["rate"] |= shares if config.rule != "none" else {}
    return summary
