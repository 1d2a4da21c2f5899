"""The rules that multiply the factor by one of two numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schedulers.random_rules import BOUNDED, signals
from uncertlr.schedulers import BoldDriver, Bounds, Inverted, RelativeThreshold, Threshold, simulate


def test_the_reports_rule_by_hand():
    assert simulate(Threshold(threshold=0.5), [0.6, 0.4, 0.5, 0.9]) == pytest.approx([0.5, 0.55, 0.55, 0.275])


def test_it_saturates_at_its_bounds():
    assert simulate(Threshold(), [1.0] * 8)[-1] == 0.01
    assert simulate(Threshold(), [0.0] * 30)[-1] == 10.0


@pytest.mark.parametrize("name", ["threshold", "bold driver"])
@given(data=st.data(), values=signals, every=st.integers(1, 7))
def test_one_decision_in_several_observations_is_one_on_their_mean(name, data, values, every):
    rule = replace(data.draw(BOUNDED[name]), every=1)
    batches = [values[at : at + every] for at in range(0, len(values) - every + 1, every)]
    slow = simulate(replace(rule, every=every), values)
    assert slow[every - 1 :: every] == simulate(rule, [sum(batch, 0.0) / every for batch in batches])
    assert all(factor == 1.0 for factor in slow[: every - 1])
    assert all(slow[at] == slow[at - 1] for at in range(1, len(slow)) if (at + 1) % every)


def test_within_the_dead_band_nothing_changes():
    assert simulate(Threshold(threshold=0.5, dead_band=0.2), [0.6, 0.4, 0.7, 0.3]) == [1.0] * 4
    assert simulate(Threshold(threshold=0.5, dead_band=0.2), [0.71]) == [0.5]


@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_inside_the_bounds_the_share_of_decisions_down_is_an_identity(decisions):
    """12.1 %, off by at most ln(high/low) / (N ln 2.2), whatever the signal."""
    bounds = Bounds(1e-3, 1e3)
    factors = [1.0, *simulate(Threshold(bounds=bounds), [float(down) for down in decisions])]
    inside = next((n for n, factor in enumerate(factors) if factor in (bounds.low, bounds.high)), len(factors))
    count = max(1, inside - 1)
    share = sum(decisions[:count]) / count
    assert share == pytest.approx(math.log(1.1) / math.log(2.2) - math.log(factors[count]) / (count * math.log(2.2)))
    assert abs(share - 0.121) <= math.log(bounds.high / bounds.low) / (count * math.log(2.2)) + 5e-4


def test_inverted_lowers_the_rate_where_the_signal_is_low():
    values = [0.9, 0.4, 0.6, 0.1]
    assert simulate(Inverted(Threshold(0.5)), values) == pytest.approx([1.1, 0.55, 0.605, 0.3025])
    assert simulate(Inverted(Threshold(1 - 0.3)), [0.4, 0.2]) == pytest.approx([1.1, 0.55])


def test_relative_threshold_is_free_of_scale():
    """The same signal at half the level gives the same decisions."""
    values = np.random.default_rng(0).uniform(0.2, 1.0, 200)
    for rule in (RelativeThreshold(scale=1.1), RelativeThreshold(scale=0.9, every=7)):
        assert simulate(rule, values) == pytest.approx(simulate(rule, values / 2))


def test_the_dead_band_of_the_relative_rule():
    """The mean of what came before is 0.5 throughout; only a value beyond the band decides."""
    rule = RelativeThreshold(dead_band=0.2)
    assert simulate(rule, [0.5, 0.5, 0.69]) == [1.0, 1.0, 1.0]
    assert simulate(rule, [0.5, 0.5, 0.71]) == [1.0, 1.0, 0.5]
    assert simulate(rule, [0.5, 0.5, 0.29]) == [1.0, 1.0, 1.1]


def test_the_running_quantile_converges():
    """Of a stationary signal the share above a tracked 80 % quantile tends to 20 %."""
    rule = RelativeThreshold("quantile", quantile=0.8, memory=200)
    state, tracked = rule.init(), []
    for value in np.random.default_rng(0).uniform(0.0, 1.0, 5_000):
        state = rule.update(state, value)
        tracked.append(state["reference"])
    assert np.mean(tracked[1_000:]) == pytest.approx(0.8, abs=0.03)


def test_the_running_quantile_by_hand():
    """It rises by 0.8 and falls by 0.2 of the step 1/2; a value equal to it is not below it."""
    rule = RelativeThreshold("quantile", quantile=0.8, memory=2)
    state, tracked = rule.init(), []
    for value in (0.25, 0.25, 0.25):
        state = rule.update(state, value)
        tracked.append(state["reference"])
    assert tracked == pytest.approx([0.25, 0.65, 0.55])


def test_the_first_observation_of_the_relative_rule_decides_nothing():
    assert simulate(RelativeThreshold(), [0.9]) == [1.0]


def test_bold_driver_follows_the_loss():
    assert simulate(BoldDriver(), [2.0, 1.0, 1.0, 3.0]) == pytest.approx([1.0, 1.1, 1.1, 0.55])
    assert simulate(BoldDriver(every=2), [3.0, 1.0, 4.0, 2.0]) == pytest.approx([1.0, 1.0, 1.0, 0.5])
