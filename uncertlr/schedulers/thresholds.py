"""Rules that multiply the rate by one of two factors: the report's, its scale-free form, and their ancestor."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from uncertlr.schedulers.checks import check_ranges
from uncertlr.schedulers.rules import State, Threshold


@dataclass(frozen=True)
class RelativeThreshold:
    """The report's rule with a threshold that follows the readings, so that no level has to be known beforehand.

    The threshold is `scale` times the running mean of the readings, or their running quantile. The quantile is tracked by
    stochastic approximation of the pinball loss (Robbins & Monro 1951).

    Args:
        reference: ``"mean"`` or ``"quantile"``.
        scale: of the running mean; 1.1 is a tenth above it. Not used for a quantile.
        level: of the quantile, in (0, 1). Not used for a mean.
        memory: readings over which the reference remembers; at least 1.
        decrease: factor above the threshold, in (0, 1].
        increase: factor below it, at least 1.
        min_factor: lower bound of the product of all decisions, in (0, 1].
        max_factor: upper bound of it, at least 1.
        every: a decision is taken once in this many readings, on their mean.
        dead_band: half-width of the band round the threshold in which nothing is changed.

    Raises:
        ValueError: a value is out of range; the message names it.
    """

    reference: Literal["mean", "quantile"] = "mean"
    scale: float = 1.0
    level: float = 0.5
    memory: float = 100.0
    decrease: float = 0.5
    increase: float = 1.1
    min_factor: float = 0.01
    max_factor: float = 10.0
    every: int = 1
    dead_band: float = 0.0

    signal_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse values that make no rule."""
        check_ranges(
            self,
            reference=(self.reference in ("mean", "quantile"), "'mean' or 'quantile'"),
            scale=(0.0 < self.scale < math.inf, "a finite number above 0"),
            level=(0.0 < self.level < 1.0, "in (0, 1)"),
            memory=(1.0 <= self.memory < math.inf, "a finite number of at least 1"),
        )
        self._with_threshold(0.5)

    def init(self) -> State:
        """Factor 1, no reading yet."""
        return {**self._with_threshold(0.5).init(), "reference": 0.0, "seen": 0}

    def update(self, state: State, signal: float) -> State:
        """Compare a reading with what came before it, then remember it; the first reading decides nothing."""
        reference = state["reference"]
        threshold = self.scale * reference if self.reference == "mean" else reference
        # Before the first reading the reading itself is the threshold: neither above nor below.
        inner = self._with_threshold(threshold if state["seen"] else signal)
        decided = inner.update({name: state[name] for name in ("factor", "total", "count")}, signal)
        return {**decided, "reference": self._remember(reference, int(state["seen"]), signal), "seen": state["seen"] + 1}

    def factor(self, state: State) -> float:
        """The product of all decisions so far, within the bounds."""
        return state["factor"]

    def _remember(self, reference: float, seen: int, signal: float) -> float:
        if seen == 0:
            return signal
        weight = 1.0 / min(self.memory, seen + 1)
        if self.reference == "mean":
            return reference + weight * (signal - reference)
        return min(1.0, max(0.0, reference + weight * (self.level - (signal < reference))))

    def _with_threshold(self, threshold: float) -> Threshold:
        bounds = (self.decrease, self.increase, self.min_factor, self.max_factor)
        return Threshold(min(1.0, threshold), *bounds, dead_band=self.dead_band, every=self.every)


@dataclass(frozen=True)
class Flipped:
    """A rule upside down: a reading u counts as 1 - u. A control that asks whether the sign is right.

    Args:
        rule: a threshold rule; its threshold, too, is one minus the level meant.

    >>> from uncertlr.schedulers import simulate
    >>> simulate(Flipped(Threshold(threshold=0.5)), [0.9, 0.1])
    [1.1, 0.55]
    """

    rule: Threshold | RelativeThreshold

    signal_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def init(self) -> State:
        """As the rule's."""
        return self.rule.init()

    def update(self, state: State, signal: float) -> State:
        """The rule's update on the mirrored reading."""
        return self.rule.update(state, 1.0 - signal)

    def factor(self, state: State) -> float:
        """The rule's factor."""
        return self.rule.factor(state)


@dataclass(frozen=True)
class BoldDriver:
    """Loss up since the last decision: shrink the rate; loss down: grow it (Vogl et al. 1988; Battiti 1989).

    The report's rule without uncertainty: a control that asks whether uncertainty is the useful signal.

    Args:
        decrease: factor when the reading has risen, in (0, 1].
        increase: factor when it has fallen, at least 1.
        min_factor: lower bound of the product of all decisions, in (0, 1].
        max_factor: upper bound of it, at least 1.
        every: a decision is taken once in this many readings, on their mean.

    Raises:
        ValueError: a value is out of range; the message names it.

    >>> from uncertlr.schedulers import simulate
    >>> simulate(BoldDriver(), [2.0, 1.5, 1.8])
    [1.0, 1.1, 0.55]
    """

    decrease: float = 0.5
    increase: float = 1.1
    min_factor: float = 0.01
    max_factor: float = 10.0
    every: int = 1

    signal_range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        """Refuse values that make no rule."""
        Threshold(0.5, self.decrease, self.increase, self.min_factor, self.max_factor, every=self.every)

    def init(self) -> State:
        """Factor 1, nothing to compare with yet."""
        return {"factor": 1.0, "total": 0.0, "count": 0, "last": 0.0, "decisions": 0}

    def update(self, state: State, signal: float) -> State:
        """Add a reading; if a decision is due, compare the mean with the last decision's."""
        total, count = state["total"] + signal, int(state["count"]) + 1
        if count < self.every:
            return {**state, "total": total, "count": count}
        mean, factor = total / count, state["factor"]
        if state["decisions"] and mean > state["last"]:
            factor = max(self.min_factor, factor * self.decrease)
        elif state["decisions"] and mean < state["last"]:
            factor = min(self.max_factor, factor * self.increase)
        return {"factor": factor, "total": 0.0, "count": 0, "last": mean, "decisions": state["decisions"] + 1}

    def factor(self, state: State) -> float:
        """The product of all decisions so far, within the bounds."""
        return state["factor"]
