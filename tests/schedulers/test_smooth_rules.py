"""The power law and the integral controller, by hand and in a closed loop."""

import math

import pytest

from uncertlr.schedulers import Bounds, Integral, PowerLaw, simulate, simulate_loop


def test_power_law_by_hand():
    assert simulate(PowerLaw(-2.0, smoothing=0.0), [0.5]) == pytest.approx([4.0])
    assert simulate(PowerLaw(-2.0, smoothing=0.0), [0.1]) == pytest.approx([10.0])
    # bias-corrected mean of 1.0 and 0.5 with weight one half: (0.25 + 0.25) / 0.75
    assert simulate(PowerLaw(1.0, smoothing=0.5), [1.0, 0.5]) == pytest.approx([1.0, 2 / 3])


def test_the_warm_up_of_the_power_law_sets_its_reference():
    rule = PowerLaw(1.0, reference=0.0, warm_up=2, smoothing=0.0)
    assert simulate(rule, [0.9, 0.8, 0.4]) == pytest.approx([1.0, 1.0, 0.5])


def test_a_reference_that_is_given_stays_after_the_warm_up():
    assert simulate(PowerLaw(1.0, reference=0.8, warm_up=2, smoothing=0.0), [0.4] * 4) == pytest.approx([0.5] * 4)


@pytest.mark.parametrize(("exponent", "factor"), [(1.0, 0.2), (-1.0, 3.0), (-0.5, 3.0), (0.0, 1.0)])
def test_the_power_law_at_zero_uncertainty_is_at_a_bound(exponent, factor):
    assert simulate(PowerLaw(exponent, smoothing=0.0, bounds=Bounds(0.2, 3.0)), [0.0]) == [factor]


@pytest.mark.parametrize("first", [0.2, 0.8])
def test_integral_reaches_its_set_point_from_either_side(first):
    """In a loop whose uncertainty rises with the rate: its log odds are those of the first value plus the log factor."""

    def uncertainty(factor):
        odds = first / (1 - first) * factor
        return odds / (1 + odds)

    values, _ = simulate_loop(Integral(set_point=0.4, gain=0.5), uncertainty, 500)
    assert values[0] == pytest.approx(first)
    assert values[-1] == pytest.approx(0.4, abs=0.01)


def test_integral_does_not_wind_up():
    factors = simulate(Integral(set_point=0.5, gain=1.0), [1.0] * 100 + [0.0])
    assert factors[99] == pytest.approx(0.01)
    assert factors[100] > 0.011


def test_the_integral_rule_moves_by_its_default_gain():
    rule = Integral()
    assert rule.factor(rule.update(rule.init(), 1.0)) == pytest.approx(math.exp(-0.01 * 0.5))
