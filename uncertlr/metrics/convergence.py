"""How fast training got somewhere; censored where it never did (right censoring, as in survival analysis)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Censored:
    """A time that was observed, or the last time at which the event had not yet been seen.

    Attributes:
        time: in the unit of the times that were given, epochs or seconds.
        observed: whether the event was seen at that time.
    """

    time: float
    observed: bool


def time_to_target(
    values: Sequence[float], times: Sequence[float], target: float, higher_is_better: bool = True
) -> Censored:
    """When a curve first reached a target.

    Args:
        values: the curve, such as validation accuracy after each epoch.
        times: epochs or seconds, one per value, rising.
        target: level to reach.
        higher_is_better: False for a loss.

    Raises:
        ValueError: no values, not as many times, times that fall or are not finite, or a target that is NaN.

    >>> time_to_target([0.2, 0.5, 0.7], [1, 2, 3], 0.5)
    Censored(time=2.0, observed=True)
    >>> time_to_target([0.2, 0.5, 0.7], [1, 2, 3], 0.9)
    Censored(time=3.0, observed=False)
    """
    _check(values, times)
    if math.isnan(target):
        raise ValueError("target is nan, which no value reaches; give a number")
    for value, time in zip(values, times, strict=True):
        if value >= target if higher_is_better else value <= target:
            return Censored(float(time), True)
    return Censored(float(times[-1]), False)


def time_to_minimum(values: Sequence[float], times: Sequence[float]) -> Censored:
    """When a curve was at its lowest; not observed where that is its last point, since it might have fallen further.

    A NaN, as a diverged loss leaves it, is never the lowest.

    Args:
        values: the curve, such as validation loss after each epoch.
        times: epochs or seconds, one per value, rising.

    Raises:
        ValueError: no values, not as many times, or times that fall or are not finite.

    >>> time_to_minimum([0.9, 0.4, 0.6], [1, 2, 3])
    Censored(time=2.0, observed=True)
    """
    _check(values, times)
    numbers = [index for index, value in enumerate(values) if not math.isnan(value)]
    if not numbers:
        return Censored(float(times[-1]), False)
    lowest = min(numbers, key=values.__getitem__)
    return Censored(float(times[lowest]), lowest < len(values) - 1)


def _check(values: Sequence[float], times: Sequence[float]) -> None:
    if len(values) == 0 or len(values) != len(times):
        raise ValueError(f"expected as many values as times, at least one; got {len(values)} and {len(times)}")
    if not all(math.isfinite(time) for time in times):
        raise ValueError(f"expected finite times, got {next(time for time in times if not math.isfinite(time))}")
    for before, after in zip(times, times[1:], strict=False):
        if after < before:
            raise ValueError(f"expected times that rise, got {after} after {before}; sort values and times by time")
