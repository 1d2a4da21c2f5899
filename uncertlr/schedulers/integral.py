"""An integral controller of the log rate."""

import math
from dataclasses import dataclass
from typing import ClassVar

from uncertlr.schedulers.rules import Bounds, State, check_ranges


@dataclass(frozen=True)
class Integral:
    r"""An integral controller of the log rate: it changes the rate until the signal equals a set point.

    .. math:: \log f \leftarrow \mathrm{clip}(\log f - \text{gain} \cdot (u - \text{set\_point}))

    A positive gain has the report's sign: above the set point the rate falls. Clipping the integral itself keeps it from
    winding up at a bound.

    Args:
        set_point: the signal value to be reached, as a share of its maximum, in [0, 1].
        gain: change of the log rate per observation, for a full unit of error; its sign is the rule's sign.
        bounds: of the factor.

    Raises:
        ValueError: a value is out of range; the message names it.

    >>> rule = Integral(set_point=0.5, gain=1.0)
    >>> round(rule.factor(rule.update(rule.init(), 0.5)), 6)
    1.0
    """

    set_point: float = 0.5
    gain: float = 0.01
    bounds: Bounds = Bounds()

    signal_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Refuse settings that are out of range."""
        check_ranges(
            self,
            set_point=(0.0 <= self.set_point <= 1.0, "in [0, 1]"),
            gain=(math.isfinite(self.gain), "a finite number"),
            bounds=(isinstance(self.bounds, Bounds), "Bounds(low, high)"),
        )

    def init(self) -> State:
        """Log factor 0."""
        return {"log_factor": 0.0}

    def update(self, state: State, signal: float) -> State:
        """Add the error, within the bounds."""
        return {"log_factor": self.bounds.clip_log(state["log_factor"] - self.gain * (signal - self.set_point))}

    def factor(self, state: State) -> float:
        """The exponential of the integral; rounding must not carry it over a bound."""
        return self.bounds.clip(math.exp(state["log_factor"]))
