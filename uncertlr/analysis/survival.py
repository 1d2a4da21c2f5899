"""Times to a target, paired and censored: what can be said of runs some of which never reached it."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from uncertlr.analysis.intervals import exact_interval
from uncertlr.analysis.paired import Interval, Values, paired_interval, sign_flip_p_value
from uncertlr.metrics import Censored


@dataclass(frozen=True)
class Survival:
    """A Kaplan-Meier curve: the share of runs that have not reached their target.

    Attributes:
        times: [K], at which a run reached it.
        shares: [K], still under way just after.
        low: [K], lower end of the pointwise 95 % interval.
        high: [K], upper end.
    """

    times: np.ndarray
    shares: np.ndarray
    low: np.ndarray
    high: np.ndarray


def share_not_yet_there(times: Values, observed: Sequence[bool]) -> Survival:
    """The Kaplan-Meier curve (1958) of times to a target, with intervals on the scale of log(-log share).

    That scale has no interval where no run or every run reached the target; there the exact binomial one
    (Clopper & Pearson 1934) is used, at time 0 where no run did.

    Args:
        times: when each run reached the target, or the last time at which it had not.
        observed: whether it reached it.
    """
    from scipy import stats

    values, seen = np.asarray(times, dtype=float), np.asarray(observed, dtype=bool)
    if len(values) != len(seen):
        raise ValueError(f"expected one flag a time, got {len(values)} times and {len(seen)} flags")
    if not seen.any():
        return Survival(np.zeros(1), np.ones(1), np.array([exact_interval(len(values), len(values))[0]]), np.ones(1))
    data = stats.CensoredData(uncensored=values[seen], right=values[~seen])
    survival = stats.ecdf(data).sf
    events = np.isin(survival.quantiles, values[seen])
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SciPy's, that a share of 0 has no interval
        interval = survival.confidence_interval(method="log-log")
    shares = survival.probabilities[events]
    low, high = (
        np.where(np.isfinite(end.probabilities[events]), end.probabilities[events], shares)
        for end in (interval.low, interval.high)
    )
    high = np.where(shares == 0, exact_interval(0, int(seen.sum()))[1], high)
    return Survival(survival.quantiles[events], shares, low, high)


@dataclass(frozen=True)
class TimeDifference:
    """An arm's times against a baseline's, over paired seeds.

    Attributes:
        difference: mean of the paired differences of restricted times, arm minus baseline; negative is sooner.
        p_value: of the exact sign-flip test, two-sided.
        horizon: the time up to which every run was watched; a later time counts as this.
        reached: runs of the arm that reached the target before the horizon.
        reached_baseline: likewise of the baseline.
    """

    difference: Interval
    p_value: float
    horizon: float
    reached: int
    reached_baseline: int

    @property
    def estimable(self) -> bool:
        """Whether at least two runs of each arm reached the target before the horizon."""
        return min(self.reached, self.reached_baseline) >= 2


def compare_times(arm: Mapping[int, Censored], baseline: Mapping[int, Censored], horizon: float) -> TimeDifference | None:
    """Compare times to a target pair by pair.

    A time that was not observed is known only to be later than the run's end. Up to a horizon that all runs have lived to,
    the smaller of time and horizon is known of each, so its mean (the restricted mean survival time, Royston & Parmar 2013)
    can be compared like any other number. Two runs of a pair that never reached the target differ by 0.

    Args:
        arm: a time for each seed.
        baseline: likewise; pairs are the seeds that both have.
        horizon: at most the length of the shortest run that did not reach the target, in the unit of the times.

    Returns:
        None where fewer than two seeds are shared.

    Raises:
        ValueError: a run was watched for less than the horizon.
    """
    seeds = sorted(set(arm) & set(baseline))
    for seed in seeds:
        for run in (arm[seed], baseline[seed]):
            if not run.observed and run.time < horizon:
                raise ValueError(f"seed {seed} was watched until {run.time:g} only, less than the horizon {horizon:g}")
    if len(seeds) < 2:
        return None
    differences = [min(arm[seed].time, horizon) - min(baseline[seed].time, horizon) for seed in seeds]
    reached, other = (sum(_in_time(runs[seed], horizon) for seed in seeds) for runs in (arm, baseline))
    return TimeDifference(paired_interval(differences), sign_flip_p_value(differences), horizon, reached, other)


def _in_time(run: Censored, horizon: float) -> bool:
    return run.observed and run.time < horizon
