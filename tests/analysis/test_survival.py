"""Times to a target: Kaplan-Meier by hand, and its coverage on simulated runs."""

import numpy as np
import pytest

from uncertlr.analysis.survival import share_not_yet_there


def test_kaplan_meier_by_hand():
    """Five runs: reached at 2, 4 and 4, censored at 3 and 6."""
    curve = share_not_yet_there([2, 3, 4, 4, 6], [True, False, True, True, False])
    assert curve.times.tolist() == [2, 4]
    assert curve.shares.tolist() == pytest.approx([4 / 5, 4 / 5 * (1 - 2 / 3)])
    assert (curve.low <= curve.shares).all()
    assert (curve.shares <= curve.high).all()


def test_the_interval_is_greenwoods_on_the_scale_of_log_minus_log():
    """Kalbfleisch & Prentice 1980, ch. 1.4; of five runs one has reached the target when the curve stands at 4/5."""
    curve = share_not_yet_there([2, 3, 4, 4, 6], [True, False, True, True, False])
    for share, terms, low, high in zip(curve.shares, (1 / 20, 1 / 20 + 2 / 3), curve.low, curve.high, strict=True):
        deviation = 1.959964 * np.sqrt(terms) / abs(np.log(share))
        assert (low, high) == pytest.approx((share ** np.exp(deviation), share ** np.exp(-deviation)), rel=1e-5)


def test_every_time_needs_its_flag():
    with pytest.raises(ValueError, match="2 .* 1 "):
        share_not_yet_there([1.0, 2.0], [True])


def test_nobody_arrived_and_all_at_once_have_the_exact_interval():
    """Of n of n Clopper and Pearson's lower end is 0.025 to the power of 1 / n."""
    nobody = share_not_yet_there([6] * 9, [False] * 9)
    assert (nobody.times.tolist(), nobody.shares.tolist(), nobody.high.tolist()) == ([0.0], [1.0], [1.0])
    assert nobody.low.tolist() == pytest.approx([0.025 ** (1 / 9)])
    everybody = share_not_yet_there([3, 3], [True, True])
    assert (everybody.shares.tolist(), everybody.low.tolist()) == ([0.0], [0.0])
    assert everybody.high.tolist() == pytest.approx([1 - 0.025 ** (1 / 2)])


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
