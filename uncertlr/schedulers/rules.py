"""Rules: pure arithmetic from a stream of readings to a factor on the learning rate.

A rule is a frozen dataclass with three pure methods, in the manner of a step-size controller of an ODE solver:
``init() -> state``, ``update(state, signal) -> state`` and ``factor(state) -> float``. A state is a dict of plain numbers,
so it goes through a checkpoint that is loaded with ``weights_only=True``.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from uncertlr.schedulers.checks import check_ranges

State = dict[str, float]


class Rule(Protocol):
    """What `UncertaintyLR` needs of a rule. Any frozen dataclass of plain values with these methods will do."""

    signal_range: ClassVar[tuple[float, float]]
    """Lowest and highest reading that makes sense; a reading outside is refused."""

    def init(self) -> State:
        """The state before the first reading."""
        ...

    def update(self, state: State, signal: float) -> State:
        """The state after one more reading; leaves its argument as it was."""
        ...

    def factor(self, state: State) -> float:
        """What the scheduled learning rate is multiplied by."""
        ...


@dataclass(frozen=True)
class Threshold:
    r"""The report's rule: uncertainty above the threshold shrinks the rate, below it grows the rate.

    With :math:`\bar u` the mean of the readings since the last decision,

    .. math::
        f \leftarrow \begin{cases}
            \max(f_{\min}, f \cdot \text{decrease}) & \bar u > \text{threshold} + \text{dead\_band} \\
            \min(f_{\max}, f \cdot \text{increase}) & \bar u < \text{threshold} - \text{dead\_band} \\
            f & \text{otherwise.}
        \end{cases}

    The defaults are the report's: halve, or grow by a tenth, at every iteration. The report asks for "reasonable bounds"
    without naming them; a hundredth and ten times the initial rate stand for them here.

    Args:
        threshold: the level readings are compared with, as a share of the signal's maximum (0 to 1).
        decrease: factor applied above the threshold, in (0, 1].
        increase: factor applied below it, at least 1.
        min_factor: lower bound of the product of all decisions, in (0, 1].
        max_factor: upper bound of it, at least 1.
        dead_band: half-width of the band round the threshold in which nothing is changed.
        every: a decision is taken once in this many readings, on their mean.

    Raises:
        ValueError: a value is outside the ranges above; the message names it.

    >>> rule = Threshold(threshold=0.5)
    >>> simulate(rule, [0.9, 0.9, 0.1])
    [0.5, 0.25, 0.275]
    """

    threshold: float = 0.5
    decrease: float = 0.5
    increase: float = 1.1
    min_factor: float = 0.01
    max_factor: float = 10.0
    dead_band: float = 0.0
    every: int = 1

    signal_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse values that make no rule."""
        check_ranges(
            self,
            threshold=(0.0 <= self.threshold <= 1.0, "in [0, 1]"),
            decrease=(0.0 < self.decrease <= 1.0, "in (0, 1]"),
            increase=(1.0 <= self.increase < math.inf, "a finite number of at least 1"),
            min_factor=(0.0 < self.min_factor <= 1.0, "in (0, 1]"),
            max_factor=(1.0 <= self.max_factor < math.inf, "a finite number of at least 1"),
            dead_band=(0.0 <= self.dead_band <= 1.0, "in [0, 1]"),
            every=(self.every >= 1 and self.every == int(self.every), "a whole number of at least 1"),
        )

    def init(self) -> State:
        """Factor 1, no reading yet."""
        return {"factor": 1.0, "total": 0.0, "count": 0}

    def update(self, state: State, signal: float) -> State:
        """Add a reading; take a decision if it is due."""
        total, count = state["total"] + signal, int(state["count"]) + 1
        if count < self.every:
            return {"factor": state["factor"], "total": total, "count": count}
        return {"factor": self._decide(state["factor"], total / count), "total": 0.0, "count": 0}

    def factor(self, state: State) -> float:
        """The product of all decisions so far, within the bounds."""
        return state["factor"]

    def _decide(self, factor: float, mean: float) -> float:
        if mean > self.threshold + self.dead_band:
            return max(self.min_factor, factor * self.decrease)
        if mean < self.threshold - self.dead_band:
            return min(self.max_factor, factor * self.increase)
        return factor


def simulate(rule: Rule, signals: Iterable[float]) -> list[float]:
    """The factor after each of a sequence of readings, without training anything."""
    state, factors = rule.init(), []
    for signal in signals:
        state = rule.update(state, signal)
        factors.append(rule.factor(state))
    return factors


def simulate_loop(rule: Rule, answer: Callable[[float], float], steps: int) -> tuple[list[float], list[float]]:
    """A rule in a closed loop with something that answers it, such as a simple model of a network.

    Args:
        rule: turns each reading into the next factor.
        answer: gives the reading at the factor in force; called once a step, in order.
        steps: how many.

    Returns:
        The readings, and the factor in force at each of them, as a run's trace holds them.

    >>> simulate_loop(Threshold(threshold=0.5), lambda factor: 0.75 * factor, 3)
    ([0.75, 0.375, 0.41250000000000003], [1.0, 0.5, 0.55])
    """
    state, readings, factors = rule.init(), [], []
    for _ in range(steps):
        factors.append(rule.factor(state))
        readings.append(answer(factors[-1]))
        state = rule.update(state, readings[-1])
    return readings, factors
