"""What stands between the two arms of a comparison beside the rule: curves, initial rates, processors, the pilot's seeds."""

import numpy as np

from uncertlr.analysis.paired import paired_interval, spread_between_sources
from uncertlr.analysis.study import Study, source_runs_of
from uncertlr.runs.store import Run, whole_trace


def shared_seeds(study: Study, arm: str, other: str) -> list[int]:
    """The seeds of which both arms have a finished run, in order."""
    return sorted(set(study.arms[arm]) & set(study.arms[other]))


def log_rate_distance(study: Study, arm: str, other: str) -> float:
    """The distance of the logarithms of two arms' learning rates, averaged over the pairs.

    Returns:
        Root mean square over the steps of a pair's difference of log rates, averaged over the pairs; NaN without one.
    """
    distances = [
        float(np.sqrt(np.mean((_log_rates(study.arms[arm][seed]) - _log_rates(study.arms[other][seed])) ** 2)))
        for seed in shared_seeds(study, arm, other)
    ]
    return float(np.mean(distances)) if distances else float("nan")


def sources_spread(study: Study, control: str) -> float:
    """Standard deviation between the log factors of the runs that a control replays; NaN for fewer than two."""
    sources = source_runs_of(study, control)
    return spread_between_sources([whole_trace(run)["factor"] for run in sources]) if len(sources) > 1 else float("nan")


def on_bound(study: Study, arm: str) -> tuple[int, int]:
    """How many runs of an arm end on the lower bound of their factor, and how many on the upper."""
    ends = [(whole_trace(run)["factor"][-1], run.config) for run in study.arms[arm].values()]
    return sum(end <= config.min_factor for end, config in ends), sum(end >= config.max_factor for end, config in ends)


def steps_to_bound(run: Run) -> int:
    """After how many steps a run's factor is first at the lower bound of its rule; -1 where it never is."""
    at_bound = np.flatnonzero(whole_trace(run)["factor"] <= run.config.min_factor)
    return int(at_bound[0]) if len(at_bound) else -1


def pilot_seeds(study: Study, arm: str, other: str) -> list[int]:
    """Seeds of a pair of which one run at least began before the study's protocol was fixed."""
    return [
        seed
        for seed in shared_seeds(study, arm, other)
        if min(study.arms[each][seed].record["began"] for each in (arm, other)) < study.facts.protocol_fixed
    ]


def log_rate_distance_between_seeds(study: Study, arm: str) -> float:
    """How far the learning rates of an arm's runs lie from those of the next seed's, as `log_rate_distance` measures it.

    Returns:
        What a yoked replay's rates would lie from the arm's; NaN with fewer than two runs.
    """
    rates = [_log_rates(study.arms[arm][seed]) for seed in sorted(study.arms[arm])]
    if len(rates) < 2:
        return float("nan")
    following = [*rates[1:], rates[0]]
    return float(np.mean([np.sqrt(np.mean((one - other) ** 2)) for one, other in zip(rates, following, strict=True)]))


def mixed_pairs(study: Study, arm: str, other: str) -> int:
    """Pairs whose two runs were trained on different kinds of processor, so that their sums round differently."""
    kinds = [
        {study.arms[each][seed].record["processor"] for each in (arm, other)} for seed in shared_seeds(study, arm, other)
    ]
    return sum(len(kind) > 1 for kind in kinds)


def without_pilot(study: Study, arm: str, other: str) -> dict[str, object]:
    """The difference in points of final accuracy, and its 95 % interval, without the pilot's seeds.

    Returns:
        ``pilot_seeds`` as a string, ``difference_without_pilot``, ``ci95_low_without_pilot``, ``ci95_high_without_pilot``
        and ``pairs_without_pilot``; NaN where the pilot has no pair or leaves fewer than two.
    """
    pilot = pilot_seeds(study, arm, other)
    one, base = study.scores(arm), study.scores(other)
    fresh = [100 * (one[seed] - base[seed]) for seed in shared_seeds(study, arm, other) if seed not in pilot]
    row: dict[str, object] = {"pilot_seeds": " ".join(map(str, pilot))} | dict.fromkeys(FRESH, float("nan"))
    if pilot and len(fresh) > 1:
        found = paired_interval(fresh)
        row |= dict(zip(FRESH, (found.estimate, found.low, found.high, found.count), strict=True))
    return row


FRESH = ("difference_without_pilot", "ci95_low_without_pilot", "ci95_high_without_pilot", "pairs_without_pilot")
"""Of a comparison without the pilot's seeds."""


def _log_rates(run: Run) -> np.ndarray:
    factors = np.asarray(whole_trace(run)["factor"], dtype=np.float64)
    return np.log(np.maximum(run.config.learning_rate * factors, 1e-12))
