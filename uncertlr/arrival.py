"""Times to a target, paired and censored: what can be said of runs some of which never arrived."""

from collections.abc import Mapping
from dataclasses import dataclass

from uncertlr.evidence import Interval, paired_interval, sign_flip_p_value
from uncertlr.metrics import Censored


@dataclass(frozen=True)
class Arrival:
    """An arm's times against a baseline's, over paired seeds.

    Attributes:
        difference: mean of the paired differences of restricted times, arm minus baseline; negative is sooner.
        p_value: of the exact sign-flip test, two-sided.
        horizon: the time up to which every run was watched; a later time counts as this.
        arrived: runs of the arm that arrived before the horizon.
        arrived_baseline: likewise of the baseline.
    """

    difference: Interval
    p_value: float
    horizon: float
    arrived: int
    arrived_baseline: int


def compare_arrival(arm: Mapping[int, Censored], baseline: Mapping[int, Censored], horizon: float) -> Arrival | None:
    """Compare times to a target pair by pair.

    A time that was not observed is known only to be later than the run's end. Up to a horizon that all runs have lived to,
    the smaller of time and horizon is known of each, so its mean (the restricted mean survival time, Royston & Parmar 2013)
    can be compared like any other number. Two runs of a pair that both never arrived differ by 0.

    Args:
        arm: a time for each seed.
        baseline: likewise; pairs are the seeds that both have.
        horizon: at most the length of the shortest run that did not arrive, in the unit of the times.

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
    arrived, other = (sum(_in_time(runs[seed], horizon) for seed in seeds) for runs in (arm, baseline))
    return Arrival(paired_interval(differences), sign_flip_p_value(differences), horizon, arrived, other)


def _in_time(run: Censored, horizon: float) -> bool:
    return run.observed and run.time <= horizon
