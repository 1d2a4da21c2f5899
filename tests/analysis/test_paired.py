"""The statistics on simulated data whose truth is known."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from uncertlr.analysis.paired import (
    MARGIN,
    Interval,
    compare,
    equivalence_p_value,
    holm,
    outcome_of,
    paired_differences,
    paired_interval,
    sign_flip_p_value,
    spread_between_sources,
    standard_error,
    t_p_value,
)

numbers = st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=2, max_size=9)


def seeds(values):
    return dict(enumerate(values))


def test_the_interval_is_scipys_and_covers_as_promised():
    rng = np.random.default_rng(0)
    sample = rng.normal(0.3, 1.0, (4_000, 10))
    one = paired_interval(sample[0])
    assert (one.low, one.high) == pytest.approx(tuple(stats.ttest_1samp(sample[0], 0).confidence_interval(0.95)))
    half = stats.t.ppf(0.975, 9) * sample.std(1, ddof=1) / np.sqrt(10)
    assert one.high - one.estimate == pytest.approx(half[0])
    covered = np.mean([interval.low <= 0.3 <= interval.high for interval in map(paired_interval, sample)])
    assert 0.93 < covered < 0.97


@given(numbers)
def test_sign_flips_are_those_of_a_plain_loop(values):
    observed = abs(sum(values))
    flips = [
        abs(sum(s * v for s, v in zip(signs, values, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(values))
    ]
    assert sign_flip_p_value(values) == pytest.approx(np.mean([flip >= observed - 1e-9 for flip in flips]))


def test_five_pairs_cannot_go_below_a_sixteenth_and_ten_can():
    assert sign_flip_p_value([1.0] * 5) == 2 / 2**5
    assert sign_flip_p_value([1.0] * 10) == 2 / 2**10


def test_one_pair_has_a_p_value_of_1_and_more_than_twenty_are_refused():
    assert sign_flip_p_value([0.3]) == 1.0
    with pytest.raises(ValueError, match="21"):
        sign_flip_p_value([1.0] * 21)


def test_holm_by_hand_and_against_a_plain_loop():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert list(holm({"z": 0.5, "a": 0.1})) == ["z", "a"]


def simulate(rng, effects, spread=0.01, count=10):
    baseline = rng.normal(0.6, spread, count)
    arms = {str(index): seeds(baseline + rng.normal(effect, spread, count)) for index, effect in enumerate(effects)}
    return compare({name: paired_differences(arm, seeds(baseline)) for name, arm in arms.items()})


def test_a_planted_null_is_claimed_in_at_most_six_percent_of_families_of_eleven():
    rng = np.random.default_rng(1)
    trials = 300
    false = sum(
        any(each.outcome in ("helps", "harms") for each in simulate(rng, [0.0] * 11).values()) for _ in range(trials)
    )
    assert false / trials <= 0.06


def test_planted_effects_are_found_with_their_sign():
    rng = np.random.default_rng(2)
    for _ in range(20):
        found = simulate(rng, [0.05, -0.05, *[0.0] * 3])
        assert found["0"].outcome == "helps"
        assert found["1"].outcome == "harms"
        assert found["0"].difference.low > 0


def test_a_planted_equivalence_is_found_and_an_effect_is_not_taken_for_one():
    rng = np.random.default_rng(3)
    words = [simulate(rng, [0.0], spread=0.002)["0"].outcome for _ in range(50)]
    assert words.count("equivalent") >= 45
    assert equivalence_p_value(rng.normal(0.02, 0.002, 10)) > 0.99


def test_equivalence_keeps_its_level_at_the_margin():
    rng = np.random.default_rng(4)
    claims = np.mean([equivalence_p_value(rng.normal(0.005, 0.003, 10)) <= 0.05 for _ in range(2_000)])
    assert claims == pytest.approx(0.05, abs=0.015)


def test_equivalence_without_any_spread():
    assert equivalence_p_value([0.001] * 4) == 0.0
    assert equivalence_p_value([0.01] * 4) == 1.0
    assert equivalence_p_value([MARGIN] * 4) == equivalence_p_value([-MARGIN] * 4) == 1.0


def test_equivalence_is_the_larger_of_two_one_sided_t_tests():
    for values in (np.array([0.004, -0.001, 0.002, 0.003]), np.array([-0.03, -0.01, 0.02])):
        above = stats.ttest_1samp(values, -0.006, alternative="greater").pvalue
        below = stats.ttest_1samp(values, 0.006, alternative="less").pvalue
        assert equivalence_p_value(values, margin=0.006) == pytest.approx(max(above, below))


@pytest.mark.parametrize(
    ("count", "estimate", "adjusted", "equivalence", "apart", "outcome"),
    [
        (9, 0.1, 0.001, 1.0, None, "descriptive"),
        (10, 0.1, 0.05, 1.0, None, "helps"),
        (10, -0.1, 0.05, 1.0, None, "harms"),
        (10, 0.1, 0.051, 1.0, None, "inconclusive"),
        (10, 0.001, 0.01, 0.01, None, "equivalent"),
        (10, 0.1, 0.001, 1.0, 0.049, "no contrast"),
        (2, 0.1, 0.001, 1.0, 0.049, "no contrast"),
        (2, 0.1, 0.001, 1.0, 0.05, "descriptive"),
        (10, 0.1, 0.001, 1.0, 0.05, "helps"),
    ],
)
def test_outcomes_follow_the_protocol(count, estimate, adjusted, equivalence, apart, outcome):
    assert outcome_of(Interval(estimate, 0, 0, count), adjusted, equivalence, apart) == outcome


@given(st.lists(st.floats(-0.01, 0.01).map(lambda value: round(value, 4)), min_size=10, max_size=10))
def test_equivalent_is_an_inner_interval_within_the_margin(values):
    found = compare({0: values})[0]
    inside = found.inner.low > -MARGIN and found.inner.high < MARGIN
    assert (found.outcome == "equivalent") == inside or abs(found.equivalence - 0.05) < 1e-6
    assert found.difference.low <= found.inner.low <= found.inner.high <= found.difference.high


def test_pairs_are_the_seeds_that_both_have():
    found = paired_differences({0: 0.5, 1: 0.6, 7: 0.9}, {0: 0.4, 1: 0.4, 3: 0.1})
    assert found.tolist() == pytest.approx([0.1, 0.2])
    assert paired_differences({0: 0.5}, {1: 0.4}).tolist() == []


def test_a_comparison_without_enough_pairs_still_counts_in_its_family():
    ahead = np.linspace(0.01, 0.02, 10)
    alone = compare({"ahead": ahead})
    waiting = compare({"ahead": ahead, "few": ahead[:3], "one": ahead[:1], "none": []})
    assert alone["ahead"].adjusted == 2 / 2**10
    assert waiting["ahead"].adjusted == 4 * 2 / 2**10
    assert set(waiting) == {"ahead", "few"}
    assert (waiting["few"].outcome, waiting["few"].adjusted) == ("descriptive", 1.0)


def rotated(rng, worth, feedback=0.0, noise=0.002, count=10):
    """Differences of an arm and its yoked control, whose runs stand in one pair and give the curve of the next."""
    curves = rng.normal(0, worth, count)
    return feedback + curves - np.roll(curves, -1) + rng.normal(0, noise, count) - rng.normal(0, noise, count)


@pytest.mark.parametrize("worth", [0.0, 0.003, 0.01])
def test_shared_source_runs_do_not_make_false_claims(worth):
    """Coverage and error rate of yoked comparisons, whatever the source runs' curves are worth."""
    rng = np.random.default_rng(5)
    samples = [rotated(rng, worth) for _ in range(1_000)]
    covered = np.mean([interval.low <= 0 <= interval.high for interval in (paired_interval(s, rotation=1) for s in samples)])
    assert covered >= 0.94
    words = [compare({"yoked": sample}, rotations={"yoked": 1})["yoked"].outcome for sample in samples[:300]]
    assert np.mean([word in ("helps", "harms") for word in words]) <= 0.06


def test_a_rotation_reaches_the_intervals_and_every_p_value():
    values = [0.02, 0.024, 0.021, 0.001, -0.004, 0.002, 0.019, 0.022, 0.018, 0.02]
    found = compare({"yoked": values, "other": values}, rotations={"yoked": 1})
    for name, rotation in (("yoked", 1), ("other", 0)):
        assert found[name].difference == paired_interval(values, 0.95, rotation)
        assert found[name].inner == paired_interval(values, 0.9, rotation)
        assert found[name].equivalence == equivalence_p_value(values, rotation=rotation)
    assert found["other"].p_value == sign_flip_p_value(values)
    assert found["yoked"].p_value == t_p_value(values, 1) > sign_flip_p_value(values)
    apart = [0.02, -0.004] * 5  # the t test, with the smaller error, has the smaller p-value of the two
    assert compare({"yoked": apart}, rotations={"yoked": 1})["yoked"].p_value == max(
        sign_flip_p_value(apart), t_p_value(apart, 1)
    )


def test_feedback_is_found_despite_shared_source_runs():
    rng = np.random.default_rng(6)
    assert all(compare({0: rotated(rng, 0.003, feedback=0.02)}, rotations={0: 1})[0].outcome == "helps" for _ in range(50))


@pytest.mark.parametrize("rotation", [1, 3])
def test_the_pairs_that_share_a_run_are_found_by_the_rotation(rotation):
    """A worth that stands in a pair and, alike, in the pair of its source run is seen at this rotation and at no other."""
    rng = np.random.default_rng(7)
    worth = rng.normal(0, 1, 500)
    values = worth + np.roll(worth, -rotation)
    plain, other = standard_error(values), standard_error(values, 4 - rotation)
    assert standard_error(values, rotation) == pytest.approx(plain * 2**0.5, rel=0.05)
    assert other == pytest.approx(plain, rel=0.1)


@pytest.mark.parametrize(
    ("rotation", "values"), [(1, [1.0, 1.2, 1.1, -1.0, -1.2, -1.1, -0.9]), (2, [1.0, -1.0, 1.2, -1.2, 1.1, -0.9])]
)
def test_the_covariance_of_pairs_that_share_a_run_is_that_of_a_plain_loop(rotation, values):
    count = len(values)
    centred = [value - sum(values) / count for value in values]
    variance = sum(value**2 for value in centred) / (count - 1)
    covariance = sum(centred[place] * centred[place - rotation] for place in range(count)) / (count - 1)
    assert covariance > 0
    assert standard_error(values, rotation) == pytest.approx(((variance + 2 * covariance) / count) ** 0.5)


def test_neighbours_that_go_together_widen_the_interval_and_others_do_not():
    together, apart = [1.0, 1.2, 1.1, -1.0, -1.2, -1.1], [1.0, -1.0, 1.2, -1.2, 1.1, -1.1]
    assert standard_error(together, rotation=1) > standard_error(together)
    assert standard_error(apart, rotation=1) == standard_error(apart)
    assert t_p_value([0.5, 0.7, 0.6]) == pytest.approx(stats.ttest_1samp([0.5, 0.7, 0.6], 0).pvalue)
    assert (t_p_value([0.0, 0.0]), t_p_value([0.1, 0.1])) == (1.0, 0.0)


def test_spread_between_source_runs():
    assert spread_between_sources([[1.0, 2.0], [1.0, 2.0]]) == 0.0
    assert spread_between_sources([[1.0, 2.0]]) == 0.0
    assert spread_between_sources([[1.0], [np.e]]) == pytest.approx(np.std([0, 1], ddof=1))


@pytest.mark.parametrize("bad", [[], [1.0], [1.0, np.nan], [[1.0, 2.0]]])
def test_numbers_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match=re.escape(repr(bad))):
        paired_interval(bad)
