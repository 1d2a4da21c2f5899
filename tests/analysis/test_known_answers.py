"""Statistics on simulated runs whose true values follow from the distributions that they are drawn from."""

import numpy as np
import pytest
from scipy import stats

from uncertlr.analysis.paired import spread_between_sources


def test_spread_of_source_runs_is_the_deviation_of_their_log_rates():
    rng = np.random.default_rng(2)
    spreads = [spread_between_sources(np.exp(rng.normal(0, 0.2, (10, 50)))) for _ in range(200)]
    unbiased = 0.2 * stats.chi(9).mean() / 3  # the mean of a sample's deviation lies below the true one
    assert np.mean(spreads) == pytest.approx(unbiased, rel=0.02)
