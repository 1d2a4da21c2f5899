"""What the chapters on experiments share."""

import numpy as np
import pytest

from uncertlr import plots
from uncertlr.analysis.scores import final_scores
from uncertlr.book.experiment import bins_of, looks_of, steps_as_epochs
from uncertlr.config import RunConfig, preset
from uncertlr.runs.store import read_run
from uncertlr.training.run import run

SMALL = {"epochs": 2, "train_examples": 200, "channels": [2, 4], "hidden_size": 8, "progress": "quiet"}


@pytest.fixture
def seeds():
    return {"constant": [read_run(run(preset("digits", seed=seed, **SMALL))) for seed in (0, 1)]}


@pytest.mark.parametrize(
    ("config", "colour", "line"),
    [
        (RunConfig(), plots.INK, "-"),
        (RunConfig(decide_every=0), plots.INK, "-"),
        (RunConfig(rule="threshold"), plots.COLOURS[1], "-"),
        (RunConfig(rule="threshold", decide_every=0), plots.COLOURS[1], "--"),
        (RunConfig(rule="power_law"), plots.COLOURS[0], "-"),
        (RunConfig(rule="replay", source_runs=["a"]), plots.COLOURS[2], "-"),
    ],
)
def test_a_colour_says_what_sets_the_rate(config, colour, line):
    assert looks_of({"method": config}) == {"method": {"color": colour, "linestyle": line}}


def test_steps_become_epochs(seeds):
    epochs, rates = steps_as_epochs(seeds, "learning_rate")["constant"]
    steps = seeds["constant"][0].summary["steps"]
    np.testing.assert_allclose(epochs, 2 * np.arange(steps) / steps)
    assert rates.shape == (2, steps)
    assert steps_as_epochs({"none": []}, "signal") == {}


def test_bins_of_all_seeds(seeds):
    counts, confidence, accuracy = bins_of(seeds)["constant"]
    assert counts.shape == confidence.shape == accuracy.shape == (2, 15)
    for row, one in enumerate(seeds["constant"]):
        right = np.nansum(counts[row] * accuracy[row]) / counts[row].sum()
        assert right == pytest.approx(final_scores(one)["mc_accuracy"], abs=1e-6)
