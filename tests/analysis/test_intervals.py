"""Intervals of means and of shares, against SciPy's own."""

import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from uncertlr.analysis.intervals import exact_interval, mean_interval, wilson_interval
from uncertlr.analysis.paired import paired_interval


def test_a_mean_has_the_interval_of_the_protocol_at_every_place():
    values = np.random.default_rng(0).normal(size=(10, 3))
    mean, low, high = mean_interval(values)
    for place in range(3):
        expected = paired_interval(values[:, place])
        assert (mean[place], low[place], high[place]) == pytest.approx((expected.estimate, expected.low, expected.high))


def test_one_seed_has_no_interval():
    mean, low, high = mean_interval([[0.5, 0.6]])
    assert mean.tolist() == [0.5, 0.6]
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 9), (9, 9), (1, 2), (428, 500)])
def test_wilson_is_scipys(right, n):
    low, high = wilson_interval([right], [n])
    expected = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 9), (9, 9), (1, 2), (428, 500)])
def test_the_exact_interval_is_scipys(right, n):
    expected = stats.binomtest(right, n).proportion_ci(method="exact")
    assert exact_interval(right, n) == pytest.approx((expected.low, expected.high))


def test_a_share_of_none_or_all_has_an_interval_within_0_and_1():
    counts = np.arange(1, 2_000)
    none, every = wilson_interval(np.zeros_like(counts), counts), wilson_interval(counts, counts)
    assert (none[0] >= 0).all()
    assert (every[1] <= 1).all()


@pytest.mark.parametrize("level", [0.5, 0.99])
def test_every_interval_has_the_level_that_is_asked_for(level):
    expected = stats.binomtest(7, 20).proportion_ci(level, "wilson")
    assert np.ravel(wilson_interval([7], [20], level)) == pytest.approx(list(expected))
    assert exact_interval(7, 20, level) == pytest.approx(stats.binomtest(7, 20).proportion_ci(level, "exact"))
    values = np.array([0.3, 0.5, 0.1])
    expected = stats.ttest_1samp(values, 0).confidence_interval(level)
    assert np.ravel(mean_interval(values[:, None], level)[1:]) == pytest.approx(list(expected))
    found = paired_interval(values, level)
    assert (found.low, found.high) == pytest.approx(tuple(expected))


@pytest.mark.parametrize(("right", "n"), [(11, 10), (-1, 3), (0, 0)])
def test_a_share_of_nothing_or_more_than_all_is_refused(right, n):
    with pytest.raises(ValueError, match=rf"{right} of {n}$"):
        exact_interval(right, n)


def test_the_mean_has_students_interval():
    values = np.random.default_rng(1).normal(size=(7, 1))
    half = stats.t.ppf(0.975, 6) * values.std(ddof=1) / np.sqrt(7)
    assert mean_interval(values)[2][0] == pytest.approx(values.mean() + half, rel=1e-14)


def test_an_empty_group_has_no_interval():
    low, high = wilson_interval([np.nan, 1], [0, 2])
    assert np.isnan([low[0], high[0]]).all()
    assert high[1] > low[1]


def test_quantiles_do_without_scipys_slow_module():
    code = "import sys, uncertlr.analysis.study, uncertlr.analysis.comparisons; sys.exit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
