"""What the finished runs of a sweep say: every arm against a baseline, in the protocol's words."""

from collections.abc import Sequence

import pandas as pd

from uncertlr.errors import ConfigError
from uncertlr.evidence import Comparison, compare, spread_between_donors
from uncertlr.experiments import find
from uncertlr.rules_from_config import whole_trace
from uncertlr.runs import Run
from uncertlr.sweep import Job
from uncertlr.tables import final_scores

Finished = dict[str, dict[int, Run]]


def finished_runs(jobs: Sequence[Job]) -> Finished:
    """The finished runs of a sweep, published or local, by arm and seed; trains nothing."""
    arms: Finished = {}
    for job in jobs:
        of_seed = arms.setdefault(job.arm, {})
        if (run := find(job.config)) is not None:
            of_seed[job.config.seed] = run
    return arms


def verdict_table(jobs: Sequence[Job], baseline: str = "constant") -> pd.DataFrame:
    """One row an arm: seeds, mean accuracy, difference from the baseline in points with its interval, p-values, word.

    Arms that share fewer than two finished seeds with the baseline have no comparison; their cells are empty.

    Args:
        jobs: a sweep's.
        baseline: the arm to compare with.

    Raises:
        ConfigError: the sweep has no such arm.
    """
    arms = finished_runs(jobs)
    if baseline not in arms:
        raise ConfigError(f"the sweep has no arm {baseline!r} to compare with; it has {', '.join(arms)}")
    accuracies = {arm: {seed: final_scores(run)["accuracy"] for seed, run in runs.items()} for arm, runs in arms.items()}
    paired = {
        arm: of_seed
        for arm, of_seed in accuracies.items()
        if arm != baseline and len(set(of_seed) & set(accuracies[baseline])) >= 2
    }
    spreads = {arm: _donors_spread(arms, arms[arm]) for arm in paired if _replays(arms[arm])}
    found = compare(paired, accuracies[baseline], spreads)
    rows = {arm: _row(of_seed, found.get(arm)) for arm, of_seed in accuracies.items() if of_seed}
    return pd.DataFrame.from_dict(rows, orient="index")


def sentences(table: pd.DataFrame, baseline: str = "constant") -> list[str]:
    """The table's verdicts in words, one an arm that was compared."""
    lines = []
    for arm, row in table[table["word"] != ""].iterrows():
        lines.append(
            f"{arm} against {baseline}: {row['word']} ({row['difference']:+.2f} points, "
            f"95 % interval {row['low']:+.2f} to {row['high']:+.2f}, {row['pairs']:.0f} pairs)"
        )
    return lines


def _row(of_seed: dict[int, float], comparison: Comparison | None) -> dict[str, object]:
    row: dict[str, object] = {"seeds": len(of_seed), "accuracy": sum(of_seed.values()) / len(of_seed), "word": ""}
    if comparison is not None:
        difference = comparison.difference
        row |= {
            "pairs": difference.count,
            "difference": 100 * difference.estimate,
            "low": 100 * difference.low,
            "high": 100 * difference.high,
            "p": comparison.p_value,
            "p, Holm": comparison.adjusted,
            "p, equivalence": comparison.equivalence,
            "word": comparison.word,
        }
    return row


def _replays(runs: dict[int, Run]) -> bool:
    return any(run.config.rule == "replay" for run in runs.values())


def _donors_spread(arms: Finished, runs: dict[int, Run]) -> float:
    names = {name for run in runs.values() for name in run.config.donors}
    donors = [run for of_seed in arms.values() for run in of_seed.values() if run.config.run_id in names]
    return spread_between_donors([whole_trace(run)["factor"] for run in donors])
