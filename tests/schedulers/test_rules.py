import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uncertlr.schedulers import Threshold, simulate, simulate_loop

signals = st.lists(st.floats(0, 1), max_size=60)
rules = st.builds(
    Threshold,
    threshold=st.floats(0, 1),
    decrease=st.floats(0.01, 1),
    increase=st.floats(1, 3),
    min_factor=st.floats(1e-4, 1),
    max_factor=st.floats(1, 100),
    dead_band=st.floats(0, 0.5),
    every=st.integers(1, 7),
)


def test_the_reports_rule_by_hand():
    factors = simulate(Threshold(threshold=0.5), [0.6, 0.4, 0.5, 0.9])
    assert factors == pytest.approx([0.5, 0.55, 0.55, 0.275])


def test_bounds_by_hand():
    assert simulate(Threshold(), [1.0] * 8)[-1] == 0.01
    assert simulate(Threshold(), [0.0] * 30)[-1] == 10.0


@given(rules, signals)
def test_never_outside_the_bounds(rule, readings):
    assert all(rule.min_factor <= factor <= rule.max_factor for factor in simulate(rule, readings))


@given(rules, signals, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_reading_never_gives_a_higher_rate(rule, readings, one, other):
    low, high = sorted((one, other))
    assert simulate(rule, [*readings, high])[-1] <= simulate(rule, [*readings, low])[-1]


@given(rules, signals)
def test_update_is_pure(rule, readings):
    state = rule.init()
    for reading in readings:
        before = dict(state)
        after = rule.update(state, reading)
        assert state == before
        assert after == rule.update(state, reading)
        state = after


@given(signals)
def test_cadence_decides_on_the_mean_of_the_readings_since(readings):
    every = 4
    means = [math.fsum(readings[i : i + every]) / every for i in range(0, len(readings) - every + 1, every)]
    slow = simulate(Threshold(every=every), readings)
    assert [slow[i] for i in range(every - 1, len(slow), every)] == pytest.approx(simulate(Threshold(), means))
    assert all(factor == 1.0 for factor in slow[: every - 1])


def test_dead_band_holds_the_rate():
    assert simulate(Threshold(threshold=0.5, dead_band=0.2), [0.6, 0.4, 0.7, 0.3]) == [1.0] * 4
    assert simulate(Threshold(threshold=0.5, dead_band=0.2), [0.71]) == [0.5]


@pytest.mark.parametrize(
    ("name", "value"),
    [("threshold", 1.5), ("decrease", 0.0), ("increase", 0.9), ("min_factor", 0.0), ("max_factor", 0.5), ("every", 0),
     ("threshold", math.nan), ("dead_band", -1.0), ("every", 1.5), ("increase", math.inf)],
)  # fmt: skip
def test_bad_settings_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name}={value!r}"):
        Threshold(**{name: value})


@given(rules, signals)
def test_a_loop_that_answers_with_given_readings_is_the_simulation(rule, readings):
    given_readings = iter(readings)
    seen, factors = simulate_loop(rule, lambda factor: next(given_readings), len(readings))
    assert seen == readings
    assert factors == [1.0, *simulate(rule, readings)][: len(readings)]


@given(st.lists(st.booleans(), min_size=1, max_size=300))
def test_inside_the_bounds_the_share_of_decisions_down_is_an_identity(decisions):
    """EVIDENCE.md: 12.1 %, off by at most ln(max/min) / (N ln 2.2), whatever the signal."""
    rule = Threshold(min_factor=1e-3, max_factor=1e3)
    factors = [1.0, *simulate(rule, [float(down) for down in decisions])]
    inside = next((n for n, factor in enumerate(factors) if factor in (rule.min_factor, rule.max_factor)), len(factors))
    count = max(1, inside - 1)
    share = sum(decisions[:count]) / count
    assert share == pytest.approx(math.log(1.1) / math.log(2.2) - math.log(factors[count]) / (count * math.log(2.2)))
    assert abs(share - 0.121) <= math.log(rule.max_factor / rule.min_factor) / (count * math.log(2.2)) + 5e-4
