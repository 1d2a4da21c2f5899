"""What every rule promises, whatever its settings and whatever it observes."""

import io
import json
import math
from dataclasses import FrozenInstanceError, fields, replace
from typing import ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.schedulers.random_rules import BOUNDED, EVERY, WITH_RANGE, signals
from uncertlr.schedulers import (
    BoldDriver,
    Bounds,
    Integral,
    Inverted,
    PowerLaw,
    RelativeThreshold,
    Replay,
    Threshold,
    UncertaintyLR,
    simulate,
    simulate_loop,
)


def states(rule, values):
    """The state before the first observation and after each."""
    found = [rule.init()]
    for value in values:
        found.append(rule.update(found[-1], value))
    return found


@pytest.mark.parametrize("name", BOUNDED)
@given(data=st.data(), values=signals)
def test_a_factor_is_never_outside_the_bounds(name, data, values):
    rule = data.draw(BOUNDED[name])
    rounding = 1e-15 if name == "power law" else 0.0  # of the exponential of a bound's logarithm
    for factor in simulate(rule, values):
        assert rule.bounds.low * (1 - rounding) <= factor <= rule.bounds.high * (1 + rounding)


@pytest.mark.parametrize("name", EVERY)
@given(data=st.data(), values=signals)
def test_the_factor_before_the_first_observation_is_1_and_update_is_pure(name, data, values):
    rule = data.draw(EVERY[name])
    assert rule.factor(rule.init()) == (rule.factors[0] if isinstance(rule, Replay) else 1.0)
    state = rule.init()
    for value in values:
        before = dict(state)
        after, factor = rule.update(state, value), rule.factor(state)
        assert state == before
        assert after == rule.update(dict(state), value)
        assert factor == rule.factor(state)
        state = after


@pytest.mark.parametrize("name", EVERY)
@given(data=st.data(), before=signals, after=signals)
def test_a_state_goes_through_json_and_torch_unchanged(name, data, before, after):
    """A rule that goes on from its stored state gives the factors of one that was never stopped."""
    rule = data.draw(EVERY[name])
    state = states(rule, before)[-1]
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer, weights_only=True)
    stored = json.loads(json.dumps(state))
    assert stored == loaded == state
    kinds = {key: type(number) for key, number in rule.init().items()}
    assert {key: type(number) for key, number in stored.items()} == kinds
    for value in after:
        state, stored = rule.update(state, value), rule.update(stored, value)
        assert rule.factor(stored) == rule.factor(state)
        assert json.dumps(stored) == json.dumps(state)


@pytest.mark.parametrize("name", WITH_RANGE)
@given(data=st.data(), values=signals)
def test_inverted_is_the_rule_on_the_mirrored_signal(name, data, values):
    rule = data.draw(WITH_RANGE[name])
    assert simulate(Inverted(rule), values) == simulate(rule, [1.0 - value for value in values])
    assert states(Inverted(rule), values) == states(rule, [1.0 - value for value in values])
    # Mirroring on a grid of binary fractions is exact, so twice is once.
    exact = [round(value * 1024) / 1024 for value in values]
    assert simulate(Inverted(Inverted(rule)), exact) == simulate(rule, exact)


@pytest.mark.parametrize("name", ["threshold", "relative", "bold driver"])
@given(data=st.data(), past=signals, one=st.floats(0, 1), other=st.floats(0, 1))
def test_a_higher_signal_never_gives_a_higher_rate_unless_inverted(name, data, past, one, other):
    rule = data.draw(BOUNDED[name])
    low, high = sorted((one, other))
    assert simulate(rule, [*past, high])[-1] <= simulate(rule, [*past, low])[-1]
    if name != "bold driver":
        assert simulate(Inverted(rule), [*past, high])[-1] >= simulate(Inverted(rule), [*past, low])[-1]


@given(BOUNDED["power law"], signals, st.floats(0, 1), st.floats(0, 1))
def test_the_power_law_is_monotone_in_the_signal(rule, past, one, other):
    rule = replace(rule, reference=max(rule.reference, 0.01))
    low, high = (simulate(rule, [*past, value])[-1] for value in sorted((one, other)))
    assert (low <= high * (1 + 1e-9)) if rule.exponent >= 0 else (low >= high * (1 - 1e-9))


@given(BOUNDED["integral"], signals, st.floats(0, 1), st.floats(0, 1))
def test_integral_is_monotone_in_the_signal(rule, past, one, other):
    low, high = (simulate(rule, [*past, value])[-1] for value in sorted((one, other)))
    assert (low >= high * (1 - 1e-9)) if rule.gain >= 0 else (low <= high * (1 + 1e-9))


@pytest.mark.parametrize("name", EVERY)
@given(data=st.data())
def test_a_rule_is_a_value(name, data):
    rule = data.draw(EVERY[name])
    assert replace(rule) == rule
    assert hash(replace(rule)) == hash(rule)
    with pytest.raises(FrozenInstanceError):
        setattr(rule, fields(rule)[0].name, 0.5)


@pytest.mark.parametrize("name", EVERY)
@given(data=st.data(), values=signals)
def test_a_scheduler_refuses_the_state_of_other_settings(name, data, values):
    def scheduler(rule):
        return UncertaintyLR(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), rule)

    rule, other = data.draw(EVERY[name]), data.draw(EVERY[name])
    saved, same, changed = scheduler(rule), scheduler(replace(rule)), scheduler(other)
    for value in values:
        saved.observe(value)
        saved.optimizer.step()
        saved.step()
    state = json.loads(json.dumps(saved.state_dict()))
    same.load_state_dict(state)
    assert same.state_dict() == saved.state_dict() == state
    if other != rule:
        before = changed.state_dict()
        with pytest.raises(ValueError, match="rule"):
            changed.load_state_dict(state)
        assert changed.state_dict() == before


@pytest.mark.parametrize("name", EVERY)
@given(data=st.data(), values=signals)
def test_a_loop_that_gives_stored_values_is_the_simulation(name, data, values):
    rule, given_values = data.draw(EVERY[name]), iter(values)
    seen, factors = simulate_loop(rule, lambda factor: next(given_values), len(values))
    assert seen == values
    assert factors == [rule.factor(rule.init()), *simulate(rule, values)][: len(values)]


def test_bounds():
    assert Bounds() == Bounds(0.01, 10.0)
    assert [Bounds(0.5, 2.0).clip(factor) for factor in (0.1, 0.5, 1.3, 2.0, 7.0)] == [0.5, 0.5, 1.3, 2.0, 2.0]
    assert Bounds(0.5, 2.0).clip_log(5.0) == math.log(2.0)


class Loss:
    """A rule of a signal without a maximum."""

    signal_range: ClassVar[tuple[float, float]] = (0.0, math.inf)


@pytest.mark.parametrize("rule", [BoldDriver(), Replay((1.0,)), Loss()])
def test_a_signal_without_a_range_cannot_be_mirrored(rule):
    with pytest.raises(ValueError, match="signal_range"):
        Inverted(rule)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Bounds(low=0.0), "low=0.0"),
        (lambda: Bounds(low=-0.5), "low=-0.5"),
        (lambda: Bounds(low=1.5), "low=1.5"),
        (lambda: Bounds(high=0.5), "high=0.5"),
        (lambda: Bounds(high=math.inf), "high=inf"),
        (lambda: Bounds(low=math.nan), "low=nan"),
        (lambda: Threshold(bounds=(0.1, 2.0)), r"bounds=\(0.1, 2.0\)"),
        (lambda: PowerLaw(1.0, bounds=2.0), "bounds=2.0"),
        (lambda: Integral(bounds=None), "bounds=None"),
        (lambda: Threshold(threshold=1.5), "threshold=1.5"),
        (lambda: Threshold(threshold=math.nan), "threshold=nan"),
        (lambda: Threshold(decrease=0.0), "decrease=0.0"),
        (lambda: Threshold(increase=0.9), "increase=0.9"),
        (lambda: Threshold(increase=math.inf), "increase=inf"),
        (lambda: Threshold(dead_band=-1.0), "dead_band=-1.0"),
        (lambda: Threshold(every=0), "every=0"),
        (lambda: Threshold(every=1.5), "every=1.5"),
        (lambda: PowerLaw(math.nan), "exponent=nan"),
        (lambda: PowerLaw(1.0, smoothing=1.0), "smoothing=1.0"),
        (lambda: PowerLaw(1.0, warm_up=0), "warm_up=0"),
        (lambda: PowerLaw(1.0, reference=1.5), "reference=1.5"),
        (lambda: Integral(set_point=2.0), "set_point=2.0"),
        (lambda: Integral(gain=math.inf), "gain=inf"),
        (lambda: RelativeThreshold("median"), "relative_to='median'"),
        (lambda: RelativeThreshold(scale=0.0), "scale=0.0"),
        (lambda: RelativeThreshold(quantile=1.0), "quantile=1.0"),
        (lambda: RelativeThreshold(quantile=-0.5), "quantile=-0.5"),
        (lambda: RelativeThreshold(memory=0.5), "memory=0.5"),
        (lambda: RelativeThreshold(decrease=2.0), "decrease=2.0"),
        (lambda: RelativeThreshold(dead_band=-0.1), "dead_band=-0.1"),
        (lambda: BoldDriver(every=0), "every=0"),
        (lambda: Replay(()), r"factors=\(\)"),
        (lambda: Replay((1.0, -0.5)), "factors="),
        (lambda: Replay((1.0, 0.0)), "factors="),
        (lambda: Replay((1.0, math.nan)), "factors="),
    ],
)
def test_bad_settings_are_named(build, words):
    with pytest.raises(ValueError, match=words):
        build()
