"""The report's rule: a fixed threshold."""

from dataclasses import dataclass
from typing import ClassVar

from uncertlr.schedulers.decisions import check_threshold_decisions, decide, mean_when_due, start
from uncertlr.schedulers.rules import Bounds, State, check_ranges


@dataclass(frozen=True)
class Threshold:
    r"""The report's rule: uncertainty above the threshold lowers the rate, below it raises the rate.

    With :math:`\bar u` the mean of the observations since the last decision,

    .. math::
        f \leftarrow \begin{cases}
            \max(f_{\min}, f \cdot \text{decrease}) & \bar u > \text{threshold} + \text{dead\_band} \\
            \min(f_{\max}, f \cdot \text{increase}) & \bar u < \text{threshold} - \text{dead\_band} \\
            f & \text{otherwise.}
        \end{cases}

    The factors are the report's: halve, or raise by a tenth, at every iteration. It names neither a threshold nor bounds;
    those of the defaults are ours.

    Args:
        threshold: as a share of the signal's maximum, in [0, 1].
        decrease: factor applied above the threshold, in (0, 1].
        increase: factor applied below it, finite and at least 1.
        bounds: of the product of all decisions.
        dead_band: half-width of the band round the threshold in which nothing is changed, in [0, 1].
        every: a decision is taken once in so many observations, on their mean.

    Raises:
        ValueError: a value is outside the ranges above; the message names it.

    >>> from uncertlr.schedulers import simulate
    >>> simulate(Threshold(threshold=0.5), [0.9, 0.9, 0.1])
    [0.5, 0.25, 0.275]
    """

    threshold: float = 0.5
    decrease: float = 0.5
    increase: float = 1.1
    bounds: Bounds = Bounds()
    dead_band: float = 0.0
    every: int = 1

    signal_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse settings that are out of range."""
        check_threshold_decisions(self)
        check_ranges(self, threshold=(0.0 <= self.threshold <= 1.0, "in [0, 1]"))

    def init(self) -> State:
        """Factor 1, nothing observed."""
        return start()

    def update(self, state: State, signal: float) -> State:
        """Add an observation; take a decision if it is due."""
        mean, state = mean_when_due(self, state, signal)
        if mean is None:
            return state
        return {**state, "factor": decide(self, state["factor"], mean, self.threshold, self.dead_band)}

    def factor(self, state: State) -> float:
        """The product of all decisions so far, within the bounds."""
        return state["factor"]
