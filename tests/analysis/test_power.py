"""The chances of tests and the pairs needed for equivalence, against simulated studies."""

import math

import numpy as np
import pytest
from scipy import stats

from uncertlr.analysis.paired import equivalence_p_value
from uncertlr.analysis.power import difference_power, equivalence_power, pairs_for_equivalence, upper_standard_deviation


def simulated_power(pairs, deviation, studies=1_500):
    draws = np.random.default_rng(pairs).normal(0.0, deviation, (studies, pairs))
    return np.mean([equivalence_p_value(each) <= 0.05 for each in draws])


@pytest.mark.parametrize(
    ("pairs", "deviation", "gain"), [(2, 0.01, 0.02), (10, 0.0108, 0.01), (10, 0.0347, 0.01), (40, 0.03, 0)]
)
def test_the_chance_to_find_a_gain_is_that_of_simulated_studies(pairs, deviation, gain):
    draws = np.random.default_rng(pairs).normal(gain, deviation, (4_000, pairs))
    tests = stats.ttest_1samp(draws, 0, axis=1)
    found = np.mean((tests.pvalue <= 0.05) & (tests.statistic > 0))
    assert difference_power(pairs, deviation, gain) == pytest.approx(found, abs=0.02)


@pytest.mark.parametrize(
    ("pairs", "deviation"), [(2, 0.001), (5, 0.004), (10, 0.005), (10, 0.008), (30, 0.0085), (100, 0.02)]
)
def test_power_is_that_of_simulated_studies(pairs, deviation):
    expected = equivalence_power(pairs, deviation)
    error = math.sqrt(max(expected * (1 - expected), 1e-4) / 1_500)
    assert simulated_power(pairs, deviation) == pytest.approx(expected, abs=4 * error)


def test_power_approaches_the_known_limit_of_a_known_deviation():
    pairs, deviation, margin = 100_000, 0.5, 0.005
    limit = 2 * _normal_cdf(margin * math.sqrt(pairs) / deviation - 1.6448536) - 1
    assert equivalence_power(pairs, deviation, margin) == pytest.approx(limit, abs=1e-4)


def _normal_cdf(value):
    return 0.5 * (1 + math.erf(value / math.sqrt(2)))


@pytest.mark.parametrize("deviation", [0.0005, 0.003, 0.006, 0.015, 0.06])
def test_the_number_of_pairs_is_the_least_that_is_enough(deviation):
    pairs = pairs_for_equivalence(deviation)
    assert equivalence_power(pairs, deviation) >= 0.8
    assert pairs == 2 or equivalence_power(pairs - 1, deviation) < 0.8


def test_the_largest_number_of_pairs_is_a_million():
    """The number grows with the variance: a deviation for which a million are just enough, and one that is a little more."""
    few = pairs_for_equivalence(1.0, margin=0.005)
    deviation = math.sqrt(1_000_000 / few)
    assert 999_990 <= pairs_for_equivalence(deviation * (1 - 1e-6), margin=0.005) <= 1_000_000
    with pytest.raises(ValueError, match="1,000,000"):
        pairs_for_equivalence(deviation * 1.001, margin=0.005)


@pytest.mark.parametrize("options", [{"power": 0.95}, {"margin": 0.01}, {"alpha": 0.01}])
def test_the_least_number_is_of_the_power_margin_and_level_that_are_asked_for(options):
    pairs, power = pairs_for_equivalence(0.006, **options), options.get("power", 0.8)
    rest = {name: value for name, value in options.items() if name != "power"}
    assert equivalence_power(pairs, 0.006, **rest) >= power > equivalence_power(pairs - 1, 0.006, **rest)
    assert pairs != pairs_for_equivalence(0.006)


def test_more_spread_or_a_smaller_margin_needs_more_pairs():
    needed = [pairs_for_equivalence(deviation) for deviation in (0.0, 0.004, 0.008, 0.016)]
    assert needed == sorted(needed)
    assert needed[0] == 2
    assert pairs_for_equivalence(0.004, margin=0.0025) == pairs_for_equivalence(0.008, margin=0.005)


def test_the_upper_limit_covers_the_true_deviation_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(0.0, 2.0, (4_000, 10))
    covered = np.mean([upper_standard_deviation(each) >= 2.0 for each in draws])
    assert covered == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("values", [[0.1, 0.3], [0.02, -0.01, 0.05, 0.0]])
def test_the_upper_limit_is_that_of_the_chi_square_distribution(values):
    freedom = len(values) - 1
    limit = np.std(values, ddof=1) * math.sqrt(freedom / stats.chi2.ppf(0.05, freedom))
    assert upper_standard_deviation(values, confidence=0.95) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: equivalence_power(1, 0.1), "pairs=1"),
        (lambda: equivalence_power(10, 0.0), "deviation=0.0"),
        (lambda: equivalence_power(10, -0.1), "deviation=-0.1"),
        (lambda: equivalence_power(10, math.nan), "deviation=nan"),
        (lambda: equivalence_power(10, math.inf), "deviation=inf"),
        (lambda: equivalence_power(10, 0.1, margin=math.inf), "margin=inf"),
        (lambda: equivalence_power(10, 0.1, margin=0.0), r"margin=0\.0"),
        (lambda: equivalence_power(10, 0.1, alpha=0.0), "alpha=0.0"),
        (lambda: pairs_for_equivalence(0.1, power=0.0), "power=0.0"),
        (lambda: equivalence_power(10, 0.1, margin=-1.0), "margin=-1.0"),
        (lambda: equivalence_power(10, 0.1, alpha=0.5), "alpha=0.5"),
        (lambda: pairs_for_equivalence(0.1, power=1.0), "power=1.0"),
        (lambda: difference_power(1, 0.1, 0.1), "pairs=1"),
        (lambda: difference_power(10, 0.0, 0.1), r"deviation=0\.0"),
        (lambda: difference_power(10, 0.1, -0.1), r"gain=-0\.1"),
        (lambda: difference_power(10, 0.1, 0.1, alpha=1.0), r"alpha=1\.0"),
        (lambda: pairs_for_equivalence(100.0), "deviation=100.0"),
        (lambda: upper_standard_deviation([0.1]), r"\[0\.1\]"),
        (lambda: upper_standard_deviation([0.1, math.nan]), "nan"),
    ],
)
def test_values_that_make_no_sense_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
