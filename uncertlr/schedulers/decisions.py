"""What rules share that multiply the factor by one of two numbers: when a decision is due, and what it does."""

import math
from typing import Protocol

from uncertlr.schedulers.rules import Bounds, State, check_ranges


class Multiplicative(Protocol):
    """The settings of such a rule."""

    @property
    def decrease(self) -> float:
        """Factor of a decision to lower the rate, in (0, 1]."""
        ...

    @property
    def increase(self) -> float:
        """Factor of a decision to raise the rate, finite and at least 1."""
        ...

    @property
    def bounds(self) -> Bounds:
        """Of the product of all decisions."""
        ...

    @property
    def every(self) -> int:
        """Observations per decision."""
        ...


def check_decisions(rule: Multiplicative) -> None:
    """Refuse settings that are out of range.

    Raises:
        ValueError: names the setting and its value.
    """
    check_ranges(
        rule,
        decrease=(0.0 < rule.decrease <= 1.0, "in (0, 1]"),
        increase=(1.0 <= rule.increase < math.inf, "a finite number of at least 1"),
        bounds=(isinstance(rule.bounds, Bounds), "Bounds(low, high)"),
        every=(rule.every >= 1 and rule.every == int(rule.every), "a whole number of at least 1"),
    )


class WithThreshold(Multiplicative, Protocol):
    """The settings of such a rule that compares the signal with a threshold."""

    @property
    def dead_band(self) -> float:
        """Half-width of the band round the threshold in which nothing is changed, in [0, 1]."""
        ...


def check_threshold_decisions(rule: WithThreshold) -> None:
    """Refuse settings that are out of range, as `check_decisions`, and such a dead band.

    Raises:
        ValueError: names the setting and its value.
    """
    check_decisions(rule)
    check_ranges(rule, dead_band=(0.0 <= rule.dead_band <= 1.0, "in [0, 1]"))


def start() -> State:
    """The state before the first observation: factor 1."""
    return {"factor": 1.0, "total": 0.0, "count": 0}


def mean_when_due(rule: Multiplicative, state: State, signal: float) -> tuple[float | None, State]:
    """Add an observation.

    Returns:
        The mean of the observations since the last decision, or None if no decision is due; and the state that goes on.
    """
    total, count = state["total"] + signal, int(state["count"]) + 1
    if count < rule.every:
        return None, {**state, "total": total, "count": count}
    return total / count, {**state, "total": 0.0, "count": 0}


def decide(rule: Multiplicative, factor: float, mean: float, threshold: float, dead_band: float = 0.0) -> float:
    """The factor after a decision: lower above the threshold, higher below it, the same within `dead_band` of it."""
    if mean > threshold + dead_band:
        return rule.bounds.clip(factor * rule.decrease)
    if mean < threshold - dead_band:
        return rule.bounds.clip(factor * rule.increase)
    return factor
