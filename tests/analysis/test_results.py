"""Finished runs by their names, and a study's results as one table."""

import subprocess
import sys

import numpy as np
import pytest

from uncertlr.analysis.results import load_results, load_run
from uncertlr.errors import RunError
from uncertlr.runs.store import read_run
from uncertlr.sweep import read_sweep
from uncertlr.training.run import run

SIZE = "{epochs: 2, train_examples: 200, channels: [4, 8], hidden_size: 16, schedule: cosine}"


def test_a_row_for_each_run_and_epoch_with_the_mean_rate_of_the_epochs_steps(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(f"experiment: digits\nprofile: quick\nseeds: 1\nbase: {SIZE}\narms: {{cosine: {{}}}}\n")
    (job,) = read_sweep(path)
    finished = read_run(run(job.config))
    table = load_results(str(path))
    assert table[["method", "seed", "run_id", "epoch"]].to_numpy().tolist() == [
        ["cosine", 0, job.run_id, 1 + at] for at in (0, 1)
    ]
    rates = finished.trace["learning_rate"].to_numpy().reshape(2, -1)
    assert table["learning_rate"].tolist() == pytest.approx(np.exp(np.log(rates).mean(axis=1)).tolist())
    assert table["accuracy"].tolist() == finished.validation["accuracy"].tolist()
    assert set(table["final_accuracy"]) == {finished.summary["test"]["accuracy"]}
    assert load_run(job.run_id).summary == finished.summary


@pytest.mark.usefixtures("published")
def test_the_rate_of_a_published_run_is_that_of_every_step():
    """Its trace has one step in ten, and the first; seven of 313 steps are above the lower bound."""
    table = load_results("cifar10-tuned").query("method == 'report' and seed == 1001 and epoch == 1")
    rates = np.maximum(0.0075 * 0.5 ** np.arange(1, 314), 0.000075)
    assert table["learning_rate"].item() == pytest.approx(np.exp(np.log([0.0075, *rates[:-1]]).mean()), rel=0.02)


def test_a_run_that_does_not_exist_is_named():
    with pytest.raises(RunError, match="no-such-run"):
        load_run("no-such-run")


def test_an_unfinished_run_is_not_said_to_be_unknown(tmp_path):
    (tmp_path / "begun").mkdir()
    with pytest.raises(RunError, match=r"\bbegun\b.*run\(config\)"):
        load_run("begun", tmp_path)


def test_published_results_are_read_without_loading_torch():
    code = "import sys; from uncertlr import load_results; load_results('digits-bounds'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
