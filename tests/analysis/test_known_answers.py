"""Statistics on simulated runs whose true values follow from the distributions that they are drawn from."""

import numpy as np
import pytest
from scipy import stats

from uncertlr.analysis.paired import probability_of_improvement, sensitivity_to_rate, spread_between_sources


@pytest.mark.parametrize("shift", [-0.5, 0.0, 1.0])
def test_probability_of_improvement_of_two_gaussians(shift):
    """A difference of independent Gaussians is one: P(arm > baseline) = Phi(shift / sqrt 2)."""
    rng = np.random.default_rng(0)
    estimates = [probability_of_improvement(rng.normal(shift, 1, 10), rng.normal(0, 1, 10)) for _ in range(2_000)]
    assert np.mean(estimates) == pytest.approx(stats.norm.cdf(shift / np.sqrt(2)), abs=0.01)


def test_sensitivity_of_a_line_in_the_log_rate():
    """Accuracy b log10(rate) on a grid of decades: its variance is b squared times that of 0, 1, 2, 3, plus the noise."""
    rng = np.random.default_rng(1)
    rates, decades = 10.0 ** -np.arange(4), -np.arange(4)
    slope, noise = 0.02, 0.001
    values = [sensitivity_to_rate(rates, 0.6 + slope * decades + rng.normal(0, noise, 4)) ** 2 for _ in range(2_000)]
    assert np.mean(values) == pytest.approx(slope**2 * np.var(decades, ddof=1) + noise**2, rel=0.02)


def test_spread_of_donors_is_the_deviation_of_their_log_rates():
    rng = np.random.default_rng(2)
    spreads = [spread_between_sources(np.exp(rng.normal(0, 0.2, (10, 50)))) for _ in range(200)]
    unbiased = 0.2 * stats.chi(9).mean() / 3  # the mean of a sample's deviation lies below the true one
    assert np.mean(spreads) == pytest.approx(unbiased, rel=0.02)
