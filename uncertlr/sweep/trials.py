"""Trials of an arm's settings: points of a Sobol sequence over the ranges that it names (Sobol 1967; Joe & Kuo 2008)."""

import math
from collections.abc import Mapping
from typing import Any

from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError
from uncertlr.sweep.file import Arm, Range, SweepFile


def spread(grid: SweepFile) -> SweepFile:
    """A sweep in which each arm that names ranges is replaced by its trials; controls of such an arm wait for the choice.

    Raises:
        ConfigError: ranges without ``trials``, or the reverse; ranges beside ``product`` or an arm's ``seeds``.
    """
    tried = [name for name, arm in grid.arms.items() if arm.ranges]
    if tried and not grid.trials:
        raise ConfigError(f"arm {tried[0]!r} names a range; say with 'trials' how many points of it to try")
    if grid.trials and not tried:
        raise ConfigError(f"trials={grid.trials}, but no arm names a range such as {{low: 1e-4, high: 1e-2, log: true}}")
    if tried and grid.product:
        raise ConfigError("a sweep with trials varies its settings by ranges; leave 'product' out")
    if tried and (fewer := [name for name, arm in grid.arms.items() if arm.seeds]):
        raise ConfigError(f"arm {fewer[0]!r}: a sweep with trials tries all arms on the same seeds; leave its 'seeds' out")
    arms: dict[str, Arm] = {}
    for name, arm in grid.arms.items():
        if arm.ranges:
            arms |= {trial: arm.with_settings(values) for trial, values in trials_of(name, arm.ranges, grid.trials).items()}
        elif arm.replay_of not in tried:
            arms[name] = arm
    return grid.model_copy(update={"arms": arms})


def trials_of(name: str, ranges: Mapping[str, Range], count: int) -> dict[str, dict[str, Any]]:
    """What an arm's trials try, by their names: the same points for any arm with as many ranges, to three digits.

    The sequence's own first point, where every setting is at its lowest, is left out.

    >>> rates = {"learning_rate": Range(low=1e-4, high=1e-2, log=True)}
    >>> [values["learning_rate"] for values in trials_of("constant", rates, 3).values()]
    [0.001, 0.00316, 0.000316]
    """
    from scipy.stats import qmc

    points = qmc.Sobol(len(ranges), scramble=False).random_base2(count.bit_length())[1 : count + 1]
    return {
        f"{name}, trial {number}": {
            field: _rounded(field, _at(ranges[field], share)) for field, share in zip(ranges, point, strict=True)
        }
        for number, point in enumerate(points.tolist(), 1)
    }


def _at(ends: Range, share: float) -> float:
    """The value at a share of the way from low to high, 0 to 1."""
    if ends.log:
        return math.exp(math.log(ends.low) + share * (math.log(ends.high) - math.log(ends.low)))
    return ends.low + share * (ends.high - ends.low)


def _rounded(field: str, value: float) -> float:
    whole = field in RunConfig.model_fields and RunConfig.model_fields[field].annotation is int
    return round(value) if whole else float(f"{value:.3g}")
