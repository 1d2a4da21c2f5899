"""What every rule promises, and what each one is for."""

import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from uncertlr.schedulers import (
    BoldDriver,
    Flipped,
    Integral,
    Proportional,
    RelativeThreshold,
    Replay,
    Threshold,
    UncertaintyLR,
    geometric_mean,
    shuffled_within_epochs,
    simulate,
    stretched,
)

readings = st.lists(st.floats(0, 1), max_size=60)
lows, highs = st.floats(1e-4, 1), st.floats(1, 100)
BOUNDED = {
    "threshold": st.builds(Threshold, threshold=st.floats(0, 1), min_factor=lows, max_factor=highs),
    "relative": st.builds(
        RelativeThreshold,
        reference=st.sampled_from(["mean", "quantile"]),
        scale=st.floats(0.1, 3),
        level=st.floats(0.05, 0.95),
        memory=st.floats(1, 50),
        min_factor=lows,
        max_factor=highs,
        every=st.integers(1, 5),
        dead_band=st.floats(0, 0.3),
    ),
    "proportional": st.builds(
        Proportional,
        exponent=st.floats(-4, 4),
        reference=st.floats(0, 1),
        warm_up=st.integers(1, 20),
        smoothing=st.floats(0, 0.99),
        min_factor=lows,
        max_factor=highs,
    ),
    "integral": st.builds(Integral, set_point=st.floats(0, 1), gain=st.floats(-2, 2), min_factor=lows, max_factor=highs),
    "bold driver": st.builds(BoldDriver, min_factor=lows, max_factor=highs, every=st.integers(1, 5)),
}
RULES = [
    Threshold(),
    RelativeThreshold(),
    RelativeThreshold("quantile", level=0.8),
    Proportional(-1.0),
    Proportional(0.5, reference=0.0, warm_up=3),
    Integral(),
    BoldDriver(),
    Flipped(Threshold(0.4)),
    Replay((1.0, 0.5, 2.0)),
]


@pytest.mark.parametrize("name", BOUNDED)
@given(data=st.data())
def test_never_outside_the_bounds_whatever_the_readings(name, data):
    rule = data.draw(BOUNDED[name])
    for factor in simulate(rule, data.draw(readings)):
        assert rule.min_factor <= factor <= rule.max_factor


@pytest.mark.parametrize("name", BOUNDED)
@given(data=st.data())
def test_update_is_pure_and_state_is_plain(name, data):
    rule, values = data.draw(BOUNDED[name]), data.draw(readings)
    state = rule.init()
    for value in values:
        before = dict(state)
        after = rule.update(state, value)
        assert state == before
        assert after == rule.update(dict(state), value)
        assert all(type(number) in (int, float) for number in after.values())
        state = after


@given(BOUNDED["proportional"], readings, st.floats(0, 1), st.floats(0, 1))
def test_proportional_is_monotone_in_the_reading(rule, past, one, other):
    rule = replace(rule, reference=max(rule.reference, 0.01))
    low, high = (simulate(rule, [*past, value])[-1] for value in sorted((one, other)))
    if rule.exponent >= 0:
        assert low <= high * (1 + 1e-9)
    else:
        assert low >= high * (1 - 1e-9)


@given(BOUNDED["integral"], readings, st.floats(0, 1), st.floats(0, 1))
def test_integral_is_monotone_in_the_reading(rule, past, one, other):
    low, high = (simulate(rule, [*past, value])[-1] for value in sorted((one, other)))
    assert (low >= high * (1 - 1e-9)) if rule.gain >= 0 else (low <= high * (1 + 1e-9))


@pytest.mark.parametrize("name", ["relative", "bold driver"])
@given(data=st.data(), past=readings, one=st.floats(0, 1), other=st.floats(0, 1))
def test_a_higher_reading_never_gives_a_higher_rate_unless_flipped(name, data, past, one, other):
    rule = data.draw(BOUNDED[name])
    low, high = sorted((one, other))
    assert simulate(rule, [*past, high])[-1] <= simulate(rule, [*past, low])[-1]
    if name == "relative":
        mirror = Flipped(rule)
        assert simulate(mirror, [*past, high])[-1] >= simulate(mirror, [*past, low])[-1]


@pytest.mark.parametrize("name", BOUNDED)
@given(data=st.data(), before=readings, after=readings)
def test_a_state_goes_through_json_and_torch_unchanged(name, data, before, after):
    """A run that goes on from its stored state gives the factors of one that was never stopped."""
    rule = data.draw(BOUNDED[name])
    state = rule.init()
    for value in before:
        state = rule.update(state, value)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    stored = torch.load(buffer, weights_only=True)
    assert stored == json.loads(json.dumps(state)) == state
    for value in after:
        state, stored = rule.update(state, value), rule.update(stored, value)
        assert rule.factor(stored) == rule.factor(state)


@pytest.mark.parametrize("name", BOUNDED)
@given(data=st.data(), values=readings)
def test_a_twin_with_any_other_setting_refuses_the_state(name, data, values):
    def scheduler(rule):
        return UncertaintyLR(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), rule)

    rule, other = data.draw(BOUNDED[name]), data.draw(BOUNDED[name])
    saved, same, twin = scheduler(rule), scheduler(replace(rule)), scheduler(other)
    for value in values:
        saved.observe(value)
        saved.optimizer.step()
        saved.step()
    same.load_state_dict(saved.state_dict())
    assert same.state_dict() == saved.state_dict()
    if other != rule:
        before = twin.state_dict()
        with pytest.raises(ValueError, match="saved with rule"):
            twin.load_state_dict(saved.state_dict())
        assert twin.state_dict() == before


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_a_checkpoint_in_the_middle_changes_nothing(rule, tmp_path):
    def scheduler():
        return UncertaintyLR(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), rule)

    def advance(each, values):
        rates = []
        for value in values:
            each.observe(value)
            each.optimizer.step()
            each.step()
            rates.append(each.get_last_lr()[0])
        return rates

    first = scheduler()
    advance(first, [0.9, 0.3, 0.5, 0.4])
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second = scheduler()
    second.optimizer.step()
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert advance(second, [0.2, 0.8, 0.6]) == advance(first, [0.2, 0.8, 0.6])
    other = UncertaintyLR(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), Threshold(0.123))
    with pytest.raises(ValueError, match="saved with rule"):
        other.load_state_dict(first.state_dict())


def test_relative_threshold_is_free_of_scale():
    """The same readings at half the level give the same decisions."""
    values = np.random.default_rng(0).uniform(0.2, 1.0, 200)
    for rule in (RelativeThreshold(scale=1.1), RelativeThreshold(scale=0.9, every=7)):
        assert simulate(rule, values) == pytest.approx(simulate(rule, values / 2))


def test_relative_dead_band_holds_the_rate():
    """The mean of what came before is 0.5 throughout; only a reading beyond the band decides."""
    rule = RelativeThreshold(dead_band=0.2)
    assert simulate(rule, [0.5, 0.5, 0.69]) == [1.0, 1.0, 1.0]
    assert simulate(rule, [0.5, 0.5, 0.71]) == [1.0, 1.0, 0.5]
    assert simulate(rule, [0.5, 0.5, 0.29]) == [1.0, 1.0, 1.1]


def test_running_quantile_finds_its_level():
    """Of stationary readings the share above a tracked 80 % quantile tends to 20 %."""
    values = np.random.default_rng(0).uniform(0.0, 1.0, 5_000)
    rule, state = RelativeThreshold("quantile", level=0.8, memory=200), None
    state = rule.init()
    tracked = []
    for value in values:
        state = rule.update(state, value)
        tracked.append(state["reference"])
    assert np.mean(tracked[1_000:]) == pytest.approx(0.8, abs=0.03)


def test_the_first_relative_reading_decides_nothing():
    assert simulate(RelativeThreshold(), [0.9]) == [1.0]


def test_proportional_by_hand():
    assert simulate(Proportional(-2.0, smoothing=0.0), [0.5]) == pytest.approx([4.0])
    assert simulate(Proportional(-2.0, smoothing=0.0), [0.1]) == pytest.approx([10.0])
    # bias-corrected mean of 1.0 and 0.5 with weight one half: (0.25 + 0.25) / 0.75
    assert simulate(Proportional(1.0, smoothing=0.5), [1.0, 0.5]) == pytest.approx([1.0, 2 / 3])
    warm = Proportional(1.0, reference=0.0, warm_up=2, smoothing=0.0)
    assert simulate(warm, [0.9, 0.8, 0.4]) == pytest.approx([1.0, 1.0, 0.5])


def test_integral_settles_where_the_plant_gives_its_set_point():
    """On a plant whose uncertainty falls with the rate, the loop ends at the set point, from either side."""
    for start in (0.1, 0.9):
        rule = Integral(set_point=0.4, gain=0.5)
        state, uncertainty = rule.init(), start
        for _ in range(500):
            state = rule.update(state, uncertainty)
            uncertainty = min(1.0, max(0.0, 0.5 + 0.2 * math.log(rule.factor(state))))
        assert uncertainty == pytest.approx(0.4, abs=0.01)


def test_integral_does_not_wind_up():
    rule = Integral(set_point=0.5, gain=1.0)
    factors = simulate(rule, [1.0] * 100 + [0.0])
    assert factors[99] == pytest.approx(0.01)
    assert factors[100] > 0.011


def test_bold_driver_follows_the_loss():
    assert simulate(BoldDriver(), [2.0, 1.0, 1.0, 3.0]) == pytest.approx([1.0, 1.1, 1.1, 0.55])
    assert simulate(BoldDriver(every=2), [3.0, 1.0, 4.0, 2.0]) == pytest.approx([1.0, 1.0, 1.0, 0.5])


def test_flipped_is_the_report_upside_down():
    values = [0.9, 0.4, 0.6, 0.1]
    assert simulate(Flipped(Threshold(0.5)), values) == simulate(Threshold(0.5), [1 - value for value in values])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_replaying_the_factors_of_a_rule_gives_them_again(values):
    rule = Threshold(0.5)
    factors = [1.0, *simulate(rule, values)][: len(values)]
    replayed = Replay(tuple(factors))
    assert [replayed.factor(replayed.init()), *simulate(replayed, [0.7] * len(values))][: len(values)] == factors


def test_geometric_mean():
    assert geometric_mean([[1.0, 4.0], [1.0, 1.0]]) == pytest.approx((1.0, 2.0))
    with pytest.raises(ValueError, match=r"one length, got \[1, 2\]"):
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
        with pytest.raises(ValueError, match=f"{len(factors)} factors .* {steps} steps"):
            stretched(factors, steps)


def test_shuffling_keeps_each_epochs_readings():
    values = [0.9] * 10 + [0.1] * 10
    rule = Threshold(0.5, min_factor=1e-6, max_factor=1e6)
    assert shuffled_within_epochs(rule, values, 10, seed=0) == pytest.approx([1.0, *simulate(rule, values)][:20])
    mixed = [0.9, 0.1] * 10
    one, two = (shuffled_within_epochs(rule, mixed, 20, seed) for seed in (0, 1))
    assert one != two
    assert len(one) == 20


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Proportional(math.nan), "exponent=nan"),
        (lambda: Proportional(1.0, smoothing=1.0), "smoothing=1.0"),
        (lambda: Integral(set_point=2.0), "set_point=2.0"),
        (lambda: RelativeThreshold("median"), "reference='median'"),
        (lambda: RelativeThreshold(decrease=2.0), "decrease=2.0"),
        (lambda: RelativeThreshold(dead_band=-0.1), "dead_band=-0.1"),
        (lambda: BoldDriver(every=0), "every=0"),
        (lambda: Replay(()), r"factors=\(\)"),
        (lambda: Replay((1.0, -1.0)), "factors="),
    ],
)
def test_bad_settings_are_named(build, words):
    with pytest.raises(ValueError, match=words):
        build()
