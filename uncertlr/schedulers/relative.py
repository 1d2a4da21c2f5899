"""The report's rule with a threshold that follows the signal."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from uncertlr.schedulers.decisions import check_threshold_decisions, decide, mean_when_due, start
from uncertlr.schedulers.rules import Bounds, State, check_ranges


@dataclass(frozen=True)
class RelativeThreshold:
    """The report's rule with a threshold that follows the signal, so that no level has to be known beforehand.

    The threshold is `scale` times the running mean of the signal, or its running quantile. The quantile is tracked by
    stochastic approximation of the pinball loss (Robbins & Monro 1951). Both are updated at every observation, also where
    a decision is taken once in several. The first observation decides nothing.

    Args:
        relative_to: ``"mean"`` or ``"quantile"``.
        scale: multiplies the running mean; 1.1 is a tenth above it. Not used for a quantile.
        quantile: its level, in (0, 1). Not used for a mean.
        memory: observations that the running mean or quantile remembers; at least 1.
        decrease: factor applied above the threshold, in (0, 1].
        increase: factor applied below it, finite and at least 1.
        bounds: of the product of all decisions.
        dead_band: half-width of the band round the threshold in which nothing is changed, in [0, 1].
        every: a decision is taken once in so many observations, on their mean.

    Raises:
        ValueError: a value is out of range; the message names it.

    >>> from uncertlr.schedulers import simulate
    >>> simulate(RelativeThreshold(), [0.5, 0.6, 0.4])
    [1.0, 0.5, 0.55]
    """

    relative_to: Literal["mean", "quantile"] = "mean"
    scale: float = 1.0
    quantile: float = 0.5
    memory: float = 100.0
    decrease: float = 0.5
    increase: float = 1.1
    bounds: Bounds = Bounds()
    dead_band: float = 0.0
    every: int = 1

    signal_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse settings that are out of range."""
        check_threshold_decisions(self)
        check_ranges(
            self,
            relative_to=(self.relative_to in ("mean", "quantile"), "'mean' or 'quantile'"),
            scale=(0.0 < self.scale < math.inf, "a finite number above 0"),
            quantile=(0.0 < self.quantile < 1.0, "in (0, 1)"),
            memory=(1.0 <= self.memory < math.inf, "a finite number of at least 1"),
        )

    def init(self) -> State:
        """Factor 1, nothing observed."""
        return {**start(), "reference": 0.0, "seen": 0}

    def update(self, state: State, signal: float) -> State:
        """Compare an observation, or the mean of several, with what came before it; then remember it."""
        threshold = self._threshold(state, signal)
        mean, collected = mean_when_due(self, state, signal)
        factor = state["factor"] if mean is None else decide(self, state["factor"], mean, threshold, self.dead_band)
        return {**collected, "factor": factor, "reference": self._remember(state, signal), "seen": int(state["seen"]) + 1}

    def factor(self, state: State) -> float:
        """The product of all decisions so far, within the bounds."""
        return state["factor"]

    def _threshold(self, state: State, signal: float) -> float:
        if not state["seen"]:
            return signal  # neither above nor below itself
        return min(1.0, self.scale * state["reference"]) if self.relative_to == "mean" else state["reference"]

    def _remember(self, state: State, signal: float) -> float:
        if not state["seen"]:
            return signal
        reference, weight = state["reference"], 1.0 / min(self.memory, state["seen"] + 1)
        if self.relative_to == "mean":
            return reference + weight * (signal - reference)
        return min(1.0, max(0.0, reference + weight * (self.quantile - (signal < reference))))
