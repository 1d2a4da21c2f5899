"""Controls that replay the factors of other runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uncertlr.schedulers import Bounds, Replay, Threshold, geometric_mean, shuffled_within_epochs, simulate, stretched


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_replaying_the_factors_of_a_rule_gives_them_again(values):
    rule = Threshold(0.5)
    factors = [1.0, *simulate(rule, values)][: len(values)]
    replayed = Replay(factors)
    assert [replayed.factor(replayed.init()), *simulate(replayed, [0.7] * len(values))][: len(values)] == factors


@pytest.mark.parametrize("factors", [(1.0, 0.5), [1, 0.5], np.array([1.0, 0.5])])
def test_any_sequence_of_numbers_is_one_rule(factors):
    assert Replay(factors) == Replay((1.0, 0.5))
    assert [type(factor) for factor in Replay(factors).factors] == [float, float]


def test_a_step_stays_a_whole_number():
    assert Replay((1.0,)).update({"step": 12.0}, 0.5) == {"step": 13}
    assert type(Replay((1.0,)).update({"step": 12.0}, 0.5)["step"]) is int


def test_geometric_mean():
    assert geometric_mean([[1.0, 4.0], [1.0, 1.0]]) == pytest.approx((1.0, 2.0))
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        geometric_mean([[1.0], [1.0, 2.0]])


def test_a_stretched_curve_keeps_its_ends_and_its_ratios():
    curve = tuple(2.0**step for step in range(5))
    longer = stretched(curve, 9)
    assert longer == pytest.approx([2 ** (step / 2) for step in range(9)])
    assert stretched(longer, 5) == pytest.approx(curve)
    assert stretched(curve, 5) == curve
    assert stretched(curve, 1) == (1.0,)
    assert stretched((3.0,), 4) == pytest.approx([3.0] * 4)
    for factors, steps in (((), 3), (curve, 0)):
        with pytest.raises(ValueError, match=f"{len(factors)} .* {steps} "):
            stretched(factors, steps)


def test_shuffling_keeps_the_values_of_each_epoch():
    values = [0.9] * 10 + [0.1] * 10
    rule = Threshold(0.5, bounds=Bounds(1e-6, 1e6))
    assert shuffled_within_epochs(rule, values, 10, seed=0) == pytest.approx([1.0, *simulate(rule, values)][:20])
    mixed = [0.9, 0.1] * 10
    one, two = (shuffled_within_epochs(rule, mixed, 20, seed) for seed in (0, 1))
    assert one != two
    assert len(one) == 20
