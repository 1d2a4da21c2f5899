"""Smooth rules: the rate as a function of a smoothed reading, or as its integral."""

import math
from dataclasses import dataclass
from typing import ClassVar

from uncertlr.schedulers.checks import check_ranges
from uncertlr.schedulers.rules import State


@dataclass(frozen=True)
class Proportional:
    r"""A power of the smoothed reading :math:`\bar u`, relative to a reference :math:`u_0`, within bounds.

    .. math:: f = \mathrm{clip}\left((\bar u / u_0)^{\text{exponent}}, f_{\min}, f_{\max}\right).

    A positive exponent lets the rate follow uncertainty down, an annealing. A negative one has the report's sign, more rate
    where uncertainty is low, without its trap: at full uncertainty the factor is 1.

    The smoothing is an exponential mean with bias correction, as in Adam (Kingma & Ba 2015).

    Args:
        exponent: of the ratio; its sign is the rule's sign.
        reference: :math:`u_0`; 1 is the signal's maximum, 0 stands for the smoothed reading at the end of the warm-up.
        warm_up: readings during which the factor stays 1 if `reference` is 0.
        smoothing: weight of the past in the mean, in [0, 1).
        min_factor: lower bound, in (0, 1].
        max_factor: upper bound, at least 1.

    Raises:
        ValueError: a value is out of range; the message names it.

    >>> rule = Proportional(exponent=-1.0, smoothing=0.0)
    >>> [rule.factor(rule.update(rule.init(), reading)) for reading in (1.0, 0.5, 0.25)]
    [1.0, 2.0, 4.0]
    """

    exponent: float
    reference: float = 1.0
    warm_up: int = 100
    smoothing: float = 0.99
    min_factor: float = 0.01
    max_factor: float = 10.0

    signal_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse values that make no rule."""
        check_ranges(
            self,
            exponent=(math.isfinite(self.exponent), "a finite number"),
            reference=(0.0 <= self.reference <= 1.0, "in [0, 1]"),
            warm_up=(self.warm_up >= 1, "at least 1"),
            smoothing=(0.0 <= self.smoothing < 1.0, "in [0, 1)"),
            min_factor=(0.0 < self.min_factor <= 1.0, "in (0, 1]"),
            max_factor=(1.0 <= self.max_factor < math.inf, "a finite number of at least 1"),
        )

    def init(self) -> State:
        """No reading yet; the factor is 1."""
        return {"mean": 0.0, "count": 0, "reference": self.reference}

    def update(self, state: State, signal: float) -> State:
        """Fold a reading into the mean; at the end of the warm-up the mean becomes the reference if there is none."""
        count = int(state["count"]) + 1
        mean = self.smoothing * state["mean"] + (1.0 - self.smoothing) * signal
        reference = state["reference"]
        if reference == 0.0 and count == self.warm_up:
            reference = self._corrected(mean, count)
        return {"mean": mean, "count": count, "reference": reference}

    def factor(self, state: State) -> float:
        """The clipped power of the ratio; 1 before the first reading and during the warm-up."""
        if state["count"] == 0 or state["reference"] == 0.0:
            return 1.0
        smoothed = self._corrected(state["mean"], int(state["count"]))
        if smoothed <= 0.0:
            return self.min_factor if self.exponent > 0 else self.max_factor if self.exponent < 0 else 1.0
        log_factor = self.exponent * math.log(smoothed / state["reference"])
        return math.exp(min(math.log(self.max_factor), max(math.log(self.min_factor), log_factor)))

    def _corrected(self, mean: float, count: int) -> float:
        return mean / (1.0 - self.smoothing**count)


@dataclass(frozen=True)
class Integral:
    r"""An integral controller of the log rate: it moves until the reading stands at a set point.

    .. math:: \log f \leftarrow \mathrm{clip}(\log f - \text{gain} \cdot (u - \text{set\_point}))

    A positive gain has the report's sign: above the set point the rate falls. Clipping the integral itself keeps it from
    winding up at a bound.

    Args:
        set_point: the reading to steer to, as a share of the signal's maximum.
        gain: change of the log rate a reading, for a full unit of error; its sign is the rule's sign.
        min_factor: lower bound, in (0, 1].
        max_factor: upper bound, at least 1.

    Raises:
        ValueError: a value is out of range; the message names it.

    >>> rule = Integral(set_point=0.5, gain=1.0)
    >>> round(rule.factor(rule.update(rule.init(), 0.5)), 6)
    1.0
    """

    set_point: float = 0.5
    gain: float = 0.01
    min_factor: float = 0.01
    max_factor: float = 10.0

    signal_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse values that make no rule."""
        check_ranges(
            self,
            set_point=(0.0 <= self.set_point <= 1.0, "in [0, 1]"),
            gain=(math.isfinite(self.gain), "a finite number"),
            min_factor=(0.0 < self.min_factor <= 1.0, "in (0, 1]"),
            max_factor=(1.0 <= self.max_factor < math.inf, "a finite number of at least 1"),
        )

    def init(self) -> State:
        """Log factor 0."""
        return {"log_factor": 0.0}

    def update(self, state: State, signal: float) -> State:
        """Add the error, within the bounds."""
        moved = state["log_factor"] - self.gain * (signal - self.set_point)
        return {"log_factor": min(math.log(self.max_factor), max(math.log(self.min_factor), moved))}

    def factor(self, state: State) -> float:
        """The exponential of the integral; rounding must not carry it over a bound."""
        return min(self.max_factor, max(self.min_factor, math.exp(state["log_factor"])))
