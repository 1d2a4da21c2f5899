import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uncertlr.metrics import Censored, time_to_minimum, time_to_target

curves = st.lists(st.floats(0, 1), min_size=1, max_size=20)


@given(curves, st.floats(0, 1))
def test_the_first_time_at_or_beyond_the_target(values, target):
    times = list(range(1, len(values) + 1))
    found = time_to_target(values, times, target)
    if found.observed:
        assert values[int(found.time) - 1] >= target
        assert all(value < target for value in values[: int(found.time) - 1])
    else:
        assert max(values) < target
        assert found.time == times[-1]


@given(curves)
def test_a_loss_is_reached_from_above(values):
    times = list(range(len(values)))
    mirrored = time_to_target([-value for value in values], times, -0.5)
    assert time_to_target(values, times, 0.5, higher_is_better=False) == mirrored


def test_minimum():
    assert time_to_minimum([3.0, 1.0, 2.0, 1.0], [10, 20, 30, 40]) == Censored(20.0, True)
    assert time_to_minimum([3.0, 2.0], [10, 20]) == Censored(20.0, False)
    assert time_to_minimum([3.0], [10]) == Censored(10.0, False)


def test_a_diverged_loss_is_never_the_lowest():
    nan = float("nan")
    assert time_to_minimum([nan, 2.0, 1.0, 3.0], [1, 2, 3, 4]) == Censored(3.0, True)
    assert time_to_minimum([2.0, nan, nan], [1, 2, 3]) == Censored(1.0, True)
    assert time_to_minimum([nan, nan], [1, 2]) == Censored(2.0, False)
    assert time_to_target([nan, 0.2], [1, 2], 0.5, higher_is_better=False) == Censored(2.0, True)
    assert time_to_target([nan, nan], [1, 2], 0.5) == Censored(2.0, False)


def test_a_loss_that_equals_the_target_has_reached_it():
    assert time_to_target([0.9, 0.5], [1, 2], 0.5, higher_is_better=False) == Censored(2.0, True)


def test_times_may_stand_still():
    """Two evaluations within the resolution of the clock."""
    assert time_to_minimum([0.9, 0.4, 0.6], [1.0, 1.0, 2.0]) == Censored(1.0, True)
    assert time_to_target([0.1, 0.9], [1.0, 1.0], 0.5) == Censored(1.0, True)


def test_arrays_serve_as_well_as_lists():
    values, times = np.array([0.9, 0.4, 0.6]), np.array([1.5, 3.0, 4.5])
    assert time_to_minimum(values, times) == Censored(3.0, True)
    assert time_to_target(values, times, 0.5, higher_is_better=False) == Censored(3.0, True)


@pytest.mark.parametrize("function", [time_to_minimum, lambda values, times: time_to_target(values, times, 0.5)])
@pytest.mark.parametrize(("values", "times"), [([], []), ([1.0], [1, 2])])
def test_curves_that_are_none_are_refused(function, values, times):
    with pytest.raises(ValueError, match=rf"\b{len(values)} \w+ {len(times)}$"):
        function(values, times)
