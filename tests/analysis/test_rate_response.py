"""Uncertainty at fixed learning rates: means, paired differences, and no run whose rate moves."""

import math
from types import SimpleNamespace

import pandas as pd
import pytest

from uncertlr.analysis.rate_response import rate_response


def run(rate, seed, last, first=0.9, rule="none", schedule="constant"):
    config = SimpleNamespace(learning_rate=rate, seed=seed, rule=rule, schedule=schedule)
    metrics = pd.DataFrame({"split": ["train", "val", "train", "val"], "signal": [first, 0.1, last, 0.2]})
    return SimpleNamespace(config=config, metrics=metrics)


def test_a_row_for_each_rate_and_differences_of_the_same_seeds():
    low = [run(1e-4, seed, 0.6 + 0.01 * seed) for seed in range(3)]
    high = [run(1e-3, seed, 0.7 + 0.01 * seed, first=0.8) for seed in (1, 2, 3)]
    table = rate_response([*high, *low], baseline=1e-3)
    assert table.index.tolist() == [1e-4, 1e-3]
    assert table["seeds"].tolist() == [3, 3]
    assert table["first_epoch"].tolist() == pytest.approx([0.9, 0.8])
    assert table["last_epoch"].tolist() == pytest.approx([0.61, 0.72])
    assert table["pairs"].tolist() == [2, 0]
    assert table.loc[1e-4, ["difference", "ci95_low", "ci95_high"]].tolist() == pytest.approx([-0.1] * 3)
    assert math.isnan(table.loc[1e-3, "difference"])


def test_rates_without_common_seeds_are_not_compared():
    table = rate_response([run(1e-4, 0, 0.6), run(1e-4, 1, 0.6), run(1e-3, 1, 0.7), run(1e-3, 2, 0.7)], baseline=1e-3)
    assert table.loc[1e-4, "pairs"] == 1
    assert math.isnan(table.loc[1e-4, "difference"])


@pytest.mark.parametrize("moving", [{"rule": "threshold"}, {"schedule": "cosine"}])
def test_a_run_whose_rate_moves_is_refused(moving):
    with pytest.raises(ValueError, match="|".join(moving.values())):
        rate_response([run(1e-3, 0, 0.7), run(1e-3, 1, 0.7, **moving)], baseline=1e-3)


def test_without_runs_the_table_is_empty():
    assert rate_response([], baseline=1e-3).empty
