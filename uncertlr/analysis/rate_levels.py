"""Which way uncertainty answers the rate: levels of arms that differ in their rate, and what they let one say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from uncertlr.analysis.paired import Interval, paired_interval
from uncertlr.analysis.scores import rate
from uncertlr.runs.store import Run


@dataclass(frozen=True)
class Level:
    """Where the readings of one arm stand in its last epoch.

    Attributes:
        name: of the arm.
        rate: median over the last epoch's steps and the seeds.
        by_seed: seed to the mean reading of the last epoch, a share of the maximum.
        first: mean reading of the first epoch, over the seeds.
    """

    name: str
    rate: float
    by_seed: dict[int, float]
    first: float

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return float(np.mean(list(self.by_seed.values())))


def rate_levels(arms: Mapping[str, Sequence[Run]]) -> list[Level]:
    """The arms' levels from the lowest rate to the highest; arms without runs are left out."""
    levels = [_level(name, runs) for name, runs in arms.items() if runs]
    return sorted(levels, key=lambda level: level.rate)


def difference(low: Level, high: Level) -> Interval | None:
    """How much higher the second level stands, over the seeds that both have; nothing where these are fewer than two."""
    seeds = sorted(low.by_seed.keys() & high.by_seed.keys())
    return paired_interval([high.by_seed[seed] - low.by_seed[seed] for seed in seeds]) if len(seeds) > 1 else None


def levels_table(levels: Sequence[Level], baseline: str) -> pd.DataFrame:
    """A row an arm: seeds, rate, readings of the first and of the last epoch, and the last one's difference from a baseline.

    Args:
        levels: of `rate_levels`.
        baseline: name of the arm that the others are compared with.
    """
    base = next((level for level in levels if level.name == baseline), None)
    rows = {}
    for level in levels:
        against = difference(base, level) if base and level is not base else None
        rows[level.name] = {
            "seeds": len(level.by_seed),
            "rate, last epoch": rate(level.rate),
            "uncertainty, first epoch": f"{level.first:.3f}",
            "last epoch": f"{level.mean:.3f}",
            f"from {baseline} (95 %)": against.signed(3) if against else "",
        }
    return pd.DataFrame(rows).T


def direction(levels: Sequence[Level]) -> str:
    """What uncertainty does as the rate rises from arm to arm, by the differences whose intervals are clear of 0.

    Returns:
        ``falls``, ``rises``, ``falls, then rises``, or ``unclear``.
    """
    signs = [sign for low, high in pairwise(levels) if (sign := _sign(difference(low, high)))]
    if not signs or signs != sorted(signs):
        return "unclear"
    return {(-1,): "falls", (1,): "rises", (-1, 1): "falls, then rises"}[tuple(sorted(set(signs)))]


def turning_point(levels: Sequence[Level]) -> Level:
    """The lowest level."""
    return min(levels, key=lambda level: level.mean)


def steps_words(levels: Sequence[Level]) -> str:
    """A sentence a pair of neighbouring rates: from which to which rate, and how far uncertainty went."""
    return "\n".join(f"- {_step_words(low, high)}" for low, high in pairwise(levels))


def conclusion(levels: Sequence[Level]) -> str:
    """What the levels say of a restoring force."""
    word = direction(levels)
    if word == "unclear":
        return "which way uncertainty goes with the rate cannot be told from these runs"
    ends = f"between {rate(levels[0].rate)} and {rate(levels[-1].rate)}"
    if word == "falls":
        return f"{ends} a lower rate went with *higher* uncertainty, so nothing there pulled the rate back"
    if word == "rises":
        return f"{ends} a lower rate went with *lower* uncertainty, which is a restoring force"
    turn = rate(turning_point(levels).rate)
    return (
        f"between {rate(levels[0].rate)} and {turn} a lower rate went with *higher* uncertainty, between {turn} and "
        f"{rate(levels[-1].rate)} with *lower*: whether the loop can regulate depends on the side on which it is, and on "
        "the threshold"
    )


def reach_words(levels: Sequence[Level], threshold: float) -> str:
    """Whether the threshold is among the levels."""
    lowest, highest = turning_point(levels), max(levels, key=lambda level: level.mean)
    if lowest.mean > threshold:
        return (
            f"The lowest of these levels is {lowest.mean:.3f}. A threshold of {threshold:g} lies below them all, and so the "
            "floor wins on either side: at none of these rates do the readings come down to it in this time."
        )
    if highest.mean < threshold:
        return f"A threshold of {threshold:g} lies above all of these levels, and so the ceiling wins."
    return f"A threshold of {threshold:g} lies among these levels, between {lowest.mean:.3f} and {highest.mean:.3f}."


def _level(name: str, runs: Sequence[Run]) -> Level:
    train = {run.config.seed: run.metrics.query("split == 'train'")["signal"].to_numpy() for run in runs}
    rates = [run.trace["learning_rate"][-max(1, len(run.trace["step"]) // run.config.epochs) :] for run in runs]
    by_seed = {seed: float(signal[-1]) for seed, signal in train.items()}
    return Level(
        name, float(np.median(np.concatenate(rates))), by_seed, float(np.mean([each[0] for each in train.values()]))
    )


def _sign(found: Interval | None) -> int:
    if found is None or found.low <= 0 <= found.high:
        return 0
    return 1 if found.estimate > 0 else -1


def _step_words(low: Level, high: Level) -> str:
    found = difference(low, high)
    rates = f"From {rate(low.rate)} ({low.name}) to {rate(high.rate)} ({high.name})"
    if found is None:
        return f"{rates}: fewer than two seeds in common."
    verb = {-1: "**falls**", 0: "does not clearly move", 1: "**rises**"}[_sign(found)]
    return f"{rates} uncertainty {verb}: {found.signed(3)} of the maximum, n = {found.count} pairs of seeds."
