"""Trials of an arm's settings: points of a Sobol sequence over the ranges that it names (Sobol 1967; Joe & Kuo 2008)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from uncertlr.config import RunConfig
from uncertlr.errors import ConfigError

RANGE = ("low", "high", "log")


@dataclass(frozen=True)
class Range:
    """Where a setting's trials lie, evenly in its value or in its logarithm."""

    low: float
    high: float
    log: bool

    def at(self, share: float) -> float:
        """The value at a share of the way from low to high, 0 to 1."""
        if self.log:
            return math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        return self.low + share * (self.high - self.low)


def spread(grid: dict[str, Any]) -> dict[str, Any]:
    """A sweep in which each arm that names ranges is replaced by its trials; controls of such an arm wait for the choice.

    Raises:
        ConfigError: a range that makes no sense, ranges without ``trials``, or the reverse; ranges beside ``product`` or an
            arm's ``seeds``.
    """
    tried = tried_arms(grid["arms"])
    if tried and not grid["trials"]:
        raise ConfigError(f"arm {next(iter(tried))!r} names a range; say with 'trials' how many points of it to try")
    if grid["trials"] and not tried:
        raise ConfigError(f"trials={grid['trials']}, but no arm names a range such as {{low: 1e-4, high: 1e-2, log: true}}")
    if tried and grid["product"]:
        raise ConfigError("a sweep with trials varies its settings by ranges; leave 'product' out")
    if tried and (fewer := [name for name, fields in grid["arms"].items() if "seeds" in fields]):
        raise ConfigError(f"arm {fewer[0]!r}: a sweep with trials tries all arms on the same seeds; leave its 'seeds' out")
    arms: dict[str, dict[str, Any]] = {}
    for name, fields in grid["arms"].items():
        if name in tried:
            arms |= trials_of(name, fields, tried[name], grid["trials"])
        elif fields.get("replay_of") not in list(tried):
            arms[name] = fields
    return {**grid, "arms": arms}


def tried_arms(arms: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Range]]:
    """The arms that name ranges, with these, by field."""
    found = {
        name: {field: _range(f"arm {name!r}: {field}", value) for field, value in fields.items() if isinstance(value, dict)}
        for name, fields in arms.items()
    }
    return {name: ranges for name, ranges in found.items() if ranges}


def trials_of(name: str, fields: Mapping[str, Any], ranges: Mapping[str, Range], count: int) -> dict[str, dict[str, Any]]:
    """An arm's trials by their names: the same points for any arm with as many ranges, to three digits.

    The sequence's own first point, where every setting is at its lowest, is left out.

    >>> rates = {"learning_rate": Range(1e-4, 1e-2, log=True)}
    >>> [fields["learning_rate"] for fields in trials_of("constant", {}, rates, 3).values()]
    [0.001, 0.00316, 0.000316]
    """
    from scipy.stats import qmc

    points = qmc.Sobol(len(ranges), scramble=False).random_base2(count.bit_length())[1 : count + 1]
    return {
        f"{name}, trial {number}": {
            **fields,
            **{field: _rounded(field, ranges[field].at(share)) for field, share in zip(ranges, point, strict=True)},
        }
        for number, point in enumerate(points.tolist(), 1)
    }


def _rounded(field: str, value: float) -> float:
    whole = field in RunConfig.model_fields and RunConfig.model_fields[field].annotation is int
    return round(value) if whole else float(f"{value:.3g}")


def _range(where: str, value: dict[str, Any]) -> Range:
    for name in value:
        if name not in RANGE:
            raise ConfigError(f"{where}: a range has {', '.join(RANGE)}, not {name!r}")
    try:
        low, high = float(value["low"]), float(value["high"])  # YAML reads 1e-4 as text
    except (KeyError, TypeError, ValueError):
        raise ConfigError(f"{where}: {value!r} needs the numbers low and high") from None
    log = value.get("log", False)
    if not isinstance(log, bool) or not -math.inf < low < high < math.inf or (log and low <= 0):
        raise ConfigError(f"{where}: {value!r} must have low below high, and log true (with low above 0) or false")
    return Range(low, high, log)
