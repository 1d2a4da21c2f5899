"""Times to a target: Kaplan-Meier by hand, restricted means, and their error rate on simulated runs."""

import numpy as np
import pytest

from uncertlr.analysis.survival import compare_times, share_not_yet_there
from uncertlr.metrics import Censored


def test_kaplan_meier_by_hand():
    """Five runs: reached at 2, 4 and 4, censored at 3 and 6."""
    curve = share_not_yet_there([2, 3, 4, 4, 6], [True, False, True, True, False])
    assert curve.times.tolist() == [2, 4]
    assert curve.shares.tolist() == pytest.approx([4 / 5, 4 / 5 * (1 - 2 / 3)])
    assert (curve.low <= curve.shares).all()
    assert (curve.shares <= curve.high).all()


def test_nobody_arrived_and_all_at_once_have_the_exact_interval():
    """Of n of n Clopper and Pearson's lower end is 0.025 to the power of 1 / n."""
    nobody = share_not_yet_there([6] * 9, [False] * 9)
    assert (nobody.times.tolist(), nobody.shares.tolist(), nobody.high.tolist()) == ([0.0], [1.0], [1.0])
    assert nobody.low.tolist() == pytest.approx([0.025 ** (1 / 9)])
    everybody = share_not_yet_there([3, 3], [True, True])
    assert (everybody.shares.tolist(), everybody.low.tolist()) == ([0.0], [0.0])
    assert everybody.high.tolist() == pytest.approx([1 - 0.025 ** (1 / 2)])


def test_a_run_that_never_arrived_counts_as_the_horizon():
    arm = {0: Censored(2, True), 1: Censored(4, True), 2: Censored(12, False)}
    base = {0: Censored(12, False), 1: Censored(6, True), 2: Censored(12, False), 7: Censored(1, True)}
    found = compare_times(arm, base, 12)
    assert found.difference.estimate == pytest.approx((-10 - 2 + 0) / 3)
    assert (found.difference.count, found.reached, found.reached_baseline) == (3, 2, 1)


def test_where_an_arm_never_or_only_just_arrives_nothing_is_estimable():
    early, never = {0: Censored(2, True), 1: Censored(3, True)}, {0: Censored(6, False), 1: Censored(6, False)}
    last = {0: Censored(6, True), 1: Censored(6, True)}
    assert compare_times(early, early, 6).estimable
    assert not any(compare_times(early, other, 6).estimable for other in (never, last))
    assert not any(compare_times(other, early, 6).estimable for other in (never, last))


def test_times_after_the_horizon_are_cut():
    found = compare_times({0: Censored(9, True), 1: Censored(3, True)}, {0: Censored(5, False), 1: Censored(5, False)}, 5)
    assert found.difference.estimate == pytest.approx((0 - 2) / 2)
    assert (found.reached, found.reached_baseline) == (1, 0)


def test_a_run_that_was_not_watched_for_so_long_is_refused():
    with pytest.raises(ValueError, match="seed 1 was watched until 4 only"):
        compare_times({0: Censored(3, True), 1: Censored(4, False)}, {0: Censored(3, True), 1: Censored(3, True)}, 12)
    assert compare_times({0: Censored(3, True)}, {1: Censored(3, True)}, 12) is None


def test_kaplan_meier_covers_the_planted_share_at_ten_runs():
    """Exponential times, a third of them censored. Of ten runs the interval of a share below 0.4 covers 92 %, no more."""
    rng = np.random.default_rng(0)
    for share in (0.5, 0.7):
        curves = []
        for _ in range(400):
            times, ends = rng.exponential(size=10), rng.uniform(0, 4, 10)
            curves.append(share_not_yet_there(np.minimum(times, ends), times <= ends))
        places = [np.searchsorted(curve.times, -np.log(share), side="right") - 1 for curve in curves]
        begun = [(curve, place) for curve, place in zip(curves, places, strict=True) if place >= 0]
        assert np.mean([curve.shares[place] for curve, place in begun]) == pytest.approx(share, abs=0.02)
        assert 0.93 <= np.mean([curve.low[place] <= share <= curve.high[place] for curve, place in begun]) <= 0.97


def test_censored_times_without_a_difference_are_rarely_told_apart():
    rng = np.random.default_rng(0)

    def times():
        drawn = rng.geometric(0.15, 10)
        return {seed: Censored(float(min(time, 12)), bool(time <= 12)) for seed, time in enumerate(drawn)}

    p_values = [compare_times(times(), times(), 12).p_value for _ in range(400)]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.07
