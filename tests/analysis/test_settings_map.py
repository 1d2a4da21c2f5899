"""The published maps of the digits, read before a test gets folders of its own."""

from dataclasses import replace

import pytest

from uncertlr.analysis.settings_map import settings_map
from uncertlr.analysis.study import read_study
from uncertlr.errors import ConfigError


@pytest.fixture(scope="module")
def digits():
    return read_study("digits-map")


@pytest.fixture(scope="module")
def bounds():
    return read_study("digits-bounds")


@pytest.fixture(scope="module")
def constant(bounds):
    return bounds.scores("constant")


def test_a_cell_is_the_mean_of_its_seeds(digits, bounds, constant):
    table = settings_map(digits, constant, "threshold", "min_factor")
    assert table.index.tolist() == [0.1, 0.3, 0.5, 0.7, 0.9]
    assert table.columns.tolist() == [0.01, 0.1, 0.3, 1.0]
    same_cell = bounds.scores("report_bound_10")
    expected = 100 * sum(same_cell[seed] - constant[seed] for seed in (0, 1, 2)) / 3
    assert table.loc[0.5, 0.1] == pytest.approx(expected)


def test_a_missing_seed_is_refused(digits, constant):
    with pytest.raises(ConfigError, match="0, 1"):
        settings_map(digits, {seed: constant[seed] for seed in (0, 1)}, "threshold", "min_factor")
    first = next(iter(digits.arms))
    fewer = replace(digits, arms=digits.arms | {first: {0: digits.arms[first][0]}})
    with pytest.raises(ConfigError, match="digits-map"):
        settings_map(fewer, constant, "threshold", "min_factor")
