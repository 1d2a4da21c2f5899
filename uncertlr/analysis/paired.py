"""Statistics over runs: what the protocol allows to be said of paired seeds. Pure functions on arrays, from SciPy."""

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.special import stdtr, stdtrit

MARGIN = 0.005
"""Half a point of accuracy: differences below it are not worth a rule."""

ALPHA = 0.05
SEEDS_FOR_A_CLAIM = 10
LEAST_LOG_RATE_DISTANCE = 0.05
"""Distance of the log rates of an arm and of its control below which the two are too similar for a contrast."""

Values = Sequence[float] | np.ndarray
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes:
        estimate: the mean.
        low: lower end.
        high: upper end.
        count: number of pairs or runs.
    """

    estimate: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Comparison:
    """An arm against a baseline over paired seeds.

    Attributes:
        difference: arm minus baseline, with the paired 95 % t interval.
        inner: the same with the 90 % interval, which lies within the margin where the arms are equivalent.
        p_value: of the exact sign-flip test, two-sided.
        adjusted: the p-value after Holm's adjustment within its family.
        equivalence: the larger p-value of the two one-sided tests at `MARGIN`.
        outcome: ``helps``, ``harms``, ``equivalent``, ``inconclusive``, ``no contrast`` or ``descriptive``.
    """

    difference: Interval
    inner: Interval
    p_value: float
    adjusted: float
    equivalence: float
    outcome: str


def paired_interval(differences: Values, level: float = 0.95, rotation: int = 0) -> Interval:
    """The mean of paired differences with Student's t interval.

    Args:
        differences: one per seed; at least two, and none missing.
        level: of the interval.
        rotation: of the source runs; see `standard_error`.
    """
    values = _checked(differences, 2)
    half = stdtrit(len(values) - 1, (1 + level) / 2) * standard_error(values, rotation)
    return Interval(float(values.mean()), float(values.mean() - half), float(values.mean() + half), len(values))


def standard_error(differences: Values, rotation: int = 0) -> float:
    """The standard error of the mean of paired differences.

    A run that is in one pair and is the source run in another makes the two differences depend on each other. Where
    the effect of the source run's curve adds to a run's accuracy it makes them go against each other, and the ordinary
    error is too large, which is safe. Where they go together it is too small; then twice their covariance is added to
    the variance.

    Args:
        differences: one per seed in the order in which source runs rotate; at least two.
        rotation: how many places further in this order, in a ring, a pair's source run is; 0 where no pairs share runs.
    """
    values = _checked(differences, 2)
    variance = values.var(ddof=1)
    if rotation:
        centred = values - values.mean()
        variance += 2 * max(0.0, float(centred @ np.roll(centred, rotation)) / (len(values) - 1))
    return float(np.sqrt(variance / len(values)))


def sign_flip_p_value(differences: Values) -> float:
    """Two-sided p-value of the exact sign-flip test (Fisher 1935): the share of sign assignments at least as extreme.

    Args:
        differences: one per seed, at most 20; all 2**n assignments are enumerated.

    >>> sign_flip_p_value([1.0, 1.0, 1.0])
    0.25
    """
    values = _checked(differences, 1)
    if len(values) > 20:
        raise ValueError(f"{len(values)} pairs have too many sign assignments to enumerate; use at most 20")
    signs = 1 - 2 * ((np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1)
    sums = np.abs(signs @ values)
    return float(np.mean(sums >= sums[0] - 1e-12 * np.abs(values).sum()))


def t_p_value(differences: Values, rotation: int = 0) -> float:
    """Two-sided p-value of the paired t test; 1 where all differences are 0, else 0 where they do not differ at all."""
    values = _checked(differences, 2)
    error = standard_error(values, rotation)
    if error == 0:
        return 0.0 if values.mean() else 1.0
    return float(2 * stdtr(len(values) - 1, -abs(values.mean()) / error))


def holm(p_values: Mapping[Name, float]) -> dict[Name, float]:
    """Holm's step-down adjustment (1979) of a family of p-values; controls the chance of any false claim.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    ranked = sorted(p_values, key=p_values.__getitem__)
    scaled = [min(1.0, (len(ranked) - rank) * p_values[name]) for rank, name in enumerate(ranked)]
    adjusted = dict(zip(ranked, itertools.accumulate(scaled, max), strict=True))
    return {name: adjusted[name] for name in p_values}


def equivalence_p_value(differences: Values, margin: float = MARGIN, rotation: int = 0) -> float:
    """The larger p-value of two one-sided t tests that the mean lies within the margin (Schuirmann 1987).

    Args:
        differences: one per seed; at least two.
        margin: largest difference that counts as none.
        rotation: of the source runs; see `standard_error`.
    """
    values = _checked(differences, 2)
    error = standard_error(values, rotation)
    if error == 0:
        return 0.0 if abs(values.mean()) < margin else 1.0
    above = stdtr(len(values) - 1, -(values.mean() + margin) / error)
    below = stdtr(len(values) - 1, (values.mean() - margin) / error)
    return float(max(above, below))


def spread_between_sources(factors: Sequence[Values]) -> float:
    """The standard deviation between source runs of the log factor, averaged over the steps."""
    logs = np.log(np.asarray(factors, dtype=np.float64))
    return float(logs.std(axis=0, ddof=1).mean()) if len(logs) > 1 else 0.0


def paired_differences(arm: Mapping[int, float], baseline: Mapping[int, float]) -> np.ndarray:
    """Arm minus baseline on the seeds that both have, in their order."""
    return np.array([arm[seed] - baseline[seed] for seed in sorted(set(arm) & set(baseline))])


def compare(
    family: Mapping[Name, Values],
    log_rate_distances: Mapping[Name, float] | None = None,
    rotations: Mapping[Name, int] | None = None,
) -> dict[Name, Comparison]:
    """Judge a family of comparisons.

    The family is named before the runs are made, so a comparison that has not enough pairs for a claim yet counts in Holm's
    adjustment, with a p-value of 1: outcomes that are reached early are not easier to reach.

    Args:
        family: for each comparison its paired differences of final accuracy.
        log_rate_distances: of the comparisons with a control, the distance of the two arms' log rates.
        rotations: of the source runs, for comparisons whose pairs share them; of two tests the more cautious counts.

    Returns:
        The comparisons that have at least two pairs.
    """
    turned = {name: (rotations or {}).get(name, 0) for name in family}
    p_values = {name: _p_value(values, turned[name]) for name, values in family.items() if len(values) >= 2}
    ready = {name: p_values[name] if len(values) >= SEEDS_FOR_A_CLAIM else 1.0 for name, values in family.items()}
    adjusted = holm(ready)
    results = {}
    for name in p_values:
        interval, inner = (paired_interval(family[name], level, turned[name]) for level in (0.95, 1 - 2 * ALPHA))
        equivalence = equivalence_p_value(family[name], rotation=turned[name])
        outcome = outcome_of(interval, adjusted[name], equivalence, (log_rate_distances or {}).get(name))
        results[name] = Comparison(interval, inner, p_values[name], adjusted[name], equivalence, outcome)
    return results


def _p_value(values: Values, rotation: int) -> float:
    exact = sign_flip_p_value(values)
    return max(exact, t_p_value(values, rotation)) if rotation else exact


def outcome_of(difference: Interval, adjusted: float, equivalence: float, log_rate_distance: float | None = None) -> str:
    """The outcome of a comparison by the protocol's rules.

    Args:
        difference: arm minus baseline.
        adjusted: p-value within the family.
        equivalence: p-value of the two one-sided tests.
        log_rate_distance: distance of the two arms' log rates, if one is the control of the other.
    """
    if log_rate_distance is not None and log_rate_distance < LEAST_LOG_RATE_DISTANCE:
        return "no contrast"
    if difference.count < SEEDS_FOR_A_CLAIM:
        return "descriptive"
    if equivalence <= ALPHA:
        return "equivalent"
    if adjusted <= ALPHA:
        return "helps" if difference.estimate > 0 else "harms"
    return "inconclusive"


def _checked(values: Values, least: int) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < least or not np.isfinite(array).all():
        raise ValueError(f"expected at least {least} finite numbers, got {values!r}")
    return array
