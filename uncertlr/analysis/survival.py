"""Times to a target, some of them censored: the share of runs that have not reached it yet."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from uncertlr.analysis.intervals import exact_interval
from uncertlr.analysis.paired import Values


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
