"""Statistics on simulated runs whose true values follow from the distributions that they are drawn from."""

import numpy as np
import pytest
from scipy import stats

from uncertlr.analysis.paired import probability_of_improvement, spread_between_sources


@pytest.mark.parametrize("shift", [-0.5, 0.0, 1.0])
def test_probability_of_improvement_of_two_gaussians(shift):
    """A difference of independent Gaussians is one: P(arm > baseline) = Phi(shift / sqrt 2)."""
    rng = np.random.default_rng(0)
    estimates = [probability_of_improvement(rng.normal(shift, 1, 10), rng.normal(0, 1, 10)) for _ in range(2_000)]
    assert np.mean(estimates) == pytest.approx(stats.norm.cdf(shift / np.sqrt(2)), abs=0.01)


def test_spread_of_source_runs_is_the_deviation_of_their_log_rates():
    rng = np.random.default_rng(2)
    spreads = [spread_between_sources(np.exp(rng.normal(0, 0.2, (10, 50)))) for _ in range(200)]
    unbiased = 0.2 * stats.chi(9).mean() / 3  # the mean of a sample's deviation lies below the true one
    assert np.mean(spreads) == pytest.approx(unbiased, rel=0.02)
