"""The report's rule without uncertainty: the loss is compared with its last value."""

import math
from dataclasses import dataclass
from typing import ClassVar

from uncertlr.schedulers.decisions import check_decisions, decide, mean_when_due, start
from uncertlr.schedulers.rules import Bounds, State


@dataclass(frozen=True)
class BoldDriver:
    """Loss up since the last decision: lower the rate; loss down: raise it (Vogl et al. 1988; Battiti 1989).

    A control that asks whether uncertainty is the useful signal. It accepts any finite signal; the loss is meant.

    Args:
        decrease: factor applied when the signal has risen, in (0, 1].
        increase: factor applied when it has fallen, finite and at least 1.
        bounds: of the product of all decisions.
        every: a decision is taken once in so many observations, on their mean.

    Raises:
        ValueError: a value is out of range; the message names it.

    >>> from uncertlr.schedulers import simulate
    >>> simulate(BoldDriver(), [2.0, 1.5, 1.8])
    [1.0, 1.1, 0.55]
    """

    decrease: float = 0.5
    increase: float = 1.1
    bounds: Bounds = Bounds()
    every: int = 1

    signal_range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        """Refuse settings that are out of range."""
        check_decisions(self)

    def init(self) -> State:
        """Factor 1, nothing to compare with yet."""
        return {**start(), "last": 0.0, "decisions": 0}

    def update(self, state: State, signal: float) -> State:
        """Add an observation; if a decision is due, compare the mean with the last decision's."""
        mean, state = mean_when_due(self, state, signal)
        if mean is None:
            return state
        factor = decide(self, state["factor"], mean, state["last"]) if state["decisions"] else state["factor"]
        return {**state, "factor": factor, "last": mean, "decisions": int(state["decisions"]) + 1}

    def factor(self, state: State) -> float:
        """The product of all decisions so far, within the bounds."""
        return state["factor"]
