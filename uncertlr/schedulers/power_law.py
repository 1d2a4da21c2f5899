"""The factor as a power of the smoothed signal."""

import math
from dataclasses import dataclass
from typing import ClassVar

from uncertlr.schedulers.rules import Bounds, State, check_ranges


@dataclass(frozen=True)
class PowerLaw:
    r"""A power of the smoothed signal :math:`\bar u`, relative to a reference :math:`u_0`, within bounds.

    .. math:: f = \mathrm{clip}\left((\bar u / u_0)^{\text{exponent}}, f_{\min}, f_{\max}\right).

    A positive exponent lowers the rate with uncertainty, an annealing. A negative one has the report's sign, a higher rate
    where uncertainty is low, but it cannot lower the rate below the initial one with ``reference=1``: at full uncertainty
    the factor is 1.

    The smoothing is an exponential mean with bias correction, as in Adam (Kingma & Ba 2015).

    Args:
        exponent: of the ratio; its sign is the rule's sign.
        reference: :math:`u_0`, in [0, 1]; 1 is the signal's maximum, 0 stands for the smoothed signal at the end of the
            warm-up.
        warm_up: observations during which the factor stays 1 if `reference` is 0; at least 1.
        smoothing: weight of the past in the mean, in [0, 1).
        bounds: of the factor; at a bound, rounding may carry it over by the last digit.

    Raises:
        ValueError: a value is out of range; the message names it.

    >>> rule = PowerLaw(exponent=-1.0, smoothing=0.0)
    >>> [rule.factor(rule.update(rule.init(), signal)) for signal in (1.0, 0.5, 0.25)]
    [1.0, 2.0, 4.0]
    """

    exponent: float
    reference: float = 1.0
    warm_up: int = 100
    smoothing: float = 0.99
    bounds: Bounds = Bounds()

    signal_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse settings that are out of range."""
        check_ranges(
            self,
            exponent=(math.isfinite(self.exponent), "a finite number"),
            reference=(0.0 <= self.reference <= 1.0, "in [0, 1]"),
            warm_up=(self.warm_up >= 1 and self.warm_up == int(self.warm_up), "a whole number of at least 1"),
            smoothing=(0.0 <= self.smoothing < 1.0, "in [0, 1)"),
            bounds=(isinstance(self.bounds, Bounds), "Bounds(low, high)"),
        )

    def init(self) -> State:
        """Nothing observed; the factor is 1."""
        return {"mean": 0.0, "count": 0, "reference": self.reference}

    def update(self, state: State, signal: float) -> State:
        """Add an observation to the mean; at the end of the warm-up the mean becomes the reference if there is none."""
        count = int(state["count"]) + 1
        mean = self.smoothing * state["mean"] + (1.0 - self.smoothing) * signal
        reference = state["reference"]
        if reference == 0.0 and count == self.warm_up:
            reference = self._corrected(mean, count)
        return {"mean": mean, "count": count, "reference": reference}

    def factor(self, state: State) -> float:
        """The clipped power of the ratio; 1 before the first observation and during the warm-up."""
        if state["count"] == 0 or state["reference"] == 0.0:
            return 1.0
        smoothed = self._corrected(state["mean"], int(state["count"]))
        if smoothed <= 0.0:
            return self._factor_at_zero()
        return math.exp(self.bounds.clip_log(self.exponent * math.log(smoothed / state["reference"])))

    def _corrected(self, mean: float, count: int) -> float:
        return mean / (1.0 - self.smoothing**count)

    def _factor_at_zero(self) -> float:
        if self.exponent == 0.0:
            return 1.0
        return self.bounds.low if self.exponent > 0.0 else self.bounds.high
