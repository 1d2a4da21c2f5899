"""Statistics over runs: what the protocol allows to be said of paired seeds. Pure functions on arrays, from SciPy."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

MARGIN = 0.005
"""Half a point of accuracy: differences below it are not worth a rule."""

ALPHA = 0.05
SEEDS_FOR_A_CLAIM = 10
SPREAD_OF_DONORS = 0.05
"""Standard deviation between donors' log rates below which a replay cannot tell feedback from shape."""

Values = Sequence[float] | np.ndarray


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
        difference: arm minus baseline, with the paired t interval.
        p_value: of the exact sign-flip test, two-sided.
        adjusted: the p-value after Holm's adjustment within its family.
        equivalence: the larger p-value of the two one-sided tests at `MARGIN`.
        word: what the protocol lets the numbers say.
    """

    difference: Interval
    p_value: float
    adjusted: float
    equivalence: float
    word: str


def paired_interval(differences: Values, level: float = 0.95) -> Interval:
    """The mean of paired differences with Student's t interval.

    Args:
        differences: one a seed; at least two, and none missing.
        level: of the interval.
    """
    values = _checked(differences, 2)
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Interval(float(values.mean()), float(values.mean() - half), float(values.mean() + half), len(values))


def sign_flip_p_value(differences: Values) -> float:
    """Two-sided p-value of the exact sign-flip test (Fisher 1935): the share of sign assignments at least as extreme.

    Args:
        differences: one a seed, at most 20; all 2**n assignments are enumerated.

    >>> sign_flip_p_value([1.0, 1.0, 1.0])
    0.25
    """
    values = _checked(differences, 1)
    if len(values) > 20:
        raise ValueError(f"{len(values)} pairs have too many sign assignments to enumerate; use at most 20")
    signs = 1 - 2 * ((np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1)
    sums = np.abs(signs @ values)
    return float(np.mean(sums >= sums[0] - 1e-12 * np.abs(values).sum()))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment (1979) of a family of p-values; controls the chance of any false claim.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    ranked = sorted(p_values, key=p_values.__getitem__)
    scaled = [min(1.0, (len(ranked) - rank) * p_values[name]) for rank, name in enumerate(ranked)]
    adjusted = dict(zip(ranked, itertools.accumulate(scaled, max), strict=True))
    return {name: adjusted[name] for name in p_values}


def equivalence_p_value(differences: Values, margin: float = MARGIN) -> float:
    """The larger p-value of two one-sided t tests that the mean lies within the margin (Schuirmann 1987).

    Args:
        differences: one a seed; at least two.
        margin: largest difference that counts as none.
    """
    values = _checked(differences, 2)
    error = values.std(ddof=1) / np.sqrt(len(values))
    if error == 0:
        return 0.0 if abs(values.mean()) < margin else 1.0
    above = stats.t.sf((values.mean() + margin) / error, len(values) - 1)
    below = stats.t.cdf((values.mean() - margin) / error, len(values) - 1)
    return float(max(above, below))


def probability_of_improvement(arm: Values, baseline: Values) -> float:
    """The chance that a run of the arm beats a run of the baseline, ties counted half (Agarwal et al. 2021)."""
    one, other = _checked(arm, 1), _checked(baseline, 1)
    return float(((one[:, None] > other).mean() + (one[:, None] >= other).mean()) / 2)


def share_not_yet_there(times: Values, observed: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """The Kaplan-Meier curve (1958): the share of runs that have not reached their target by each time.

    Args:
        times: when each run reached the target, or the last time at which it had not.
        observed: whether it reached it.

    Returns:
        Times [K] at which a run reached it, and the share [K] still under way just after.
    """
    values, seen = _checked(times, 1), np.asarray(observed, dtype=bool)
    if len(values) != len(seen):
        raise ValueError(f"expected one flag a time, got {len(values)} times and {len(seen)} flags")
    data = stats.CensoredData(uncensored=values[seen], right=values[~seen])
    survival = stats.ecdf(data).sf
    events = np.isin(survival.quantiles, values[seen])
    return survival.quantiles[events], survival.probabilities[events]


def sensitivity_to_rate(rates: Values, accuracies: Values) -> float:
    """How much the choice of the initial rate matters: the standard deviation of accuracy over a grid of rates.

    Args:
        rates: initial rates tried, all different and positive.
        accuracies: mean final accuracy at each.
    """
    grid, values = _checked(rates, 2), _checked(accuracies, 2)
    if len(grid) != len(values) or len(set(grid.tolist())) != len(grid) or (grid <= 0).any():
        raise ValueError(f"expected one accuracy for each of several different rates, got {len(grid)} and {len(values)}")
    return float(values.std(ddof=1))


def spread_between_donors(factors: Sequence[Values]) -> float:
    """The standard deviation between donors of the log factor, averaged over the steps."""
    logs = np.log(np.asarray(factors, dtype=np.float64))
    return float(logs.std(axis=0, ddof=1).mean()) if len(logs) > 1 else 0.0


def compare(
    arms: Mapping[str, Mapping[int, float]],
    baseline: Mapping[int, float],
    spreads: Mapping[str, float] | None = None,
) -> dict[str, Comparison]:
    """Compare a family of arms with one baseline, pair by pair, and find the words.

    Args:
        arms: for each arm, the final accuracy of each seed.
        baseline: likewise; pairs are the seeds that both have.
        spreads: for arms that replay, what `spread_between_donors` gave.

    Raises:
        ValueError: an arm shares fewer than two seeds with the baseline.
    """
    differences = {}
    for name, of_seed in arms.items():
        seeds = sorted(set(of_seed) & set(baseline))
        if len(seeds) < 2:
            raise ValueError(f"{name} shares {len(seeds)} seeds with the baseline; at least two are needed")
        differences[name] = np.array([of_seed[seed] - baseline[seed] for seed in seeds])
    p_values = {name: sign_flip_p_value(values) for name, values in differences.items()}
    adjusted = holm(p_values)
    results = {}
    for name, values in differences.items():
        interval, equivalence = paired_interval(values), equivalence_p_value(values)
        spread = (spreads or {}).get(name)
        word = verdict(interval, adjusted[name], equivalence, spread)
        results[name] = Comparison(interval, p_values[name], adjusted[name], equivalence, word)
    return results


def verdict(difference: Interval, adjusted: float, equivalence: float, spread: float | None = None) -> str:
    """The protocol's word for a comparison.

    Args:
        difference: arm minus baseline.
        adjusted: p-value within the family.
        equivalence: p-value of the two one-sided tests.
        spread: between the donors' log rates, if the arm replays.
    """
    if difference.count < SEEDS_FOR_A_CLAIM:
        return "descriptive"
    if spread is not None and spread < SPREAD_OF_DONORS:
        return "uninformative"
    if equivalence <= ALPHA:
        return "equivalent"
    if adjusted <= ALPHA:
        return "helps" if difference.estimate > 0 else "harms"
    return "not shown"


def _checked(values: Values, least: int) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < least or not np.isfinite(array).all():
        raise ValueError(f"expected at least {least} finite numbers, got {values!r}")
    return array
