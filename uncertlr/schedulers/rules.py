"""Rules: pure arithmetic from a stream of signal values to a factor on the learning rate.

A rule is a frozen dataclass with three pure methods, in the manner of a step-size controller of an ODE solver:
``init() -> state``, ``update(state, signal) -> state`` and ``factor(state) -> float``. A state is a dict of plain numbers,
so it survives JSON and a checkpoint that is loaded with ``weights_only=True``.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

State = dict[str, float]


class Rule(Protocol):
    """What `UncertaintyLR` needs of a rule. Any frozen dataclass of plain values with these methods will do."""

    @property
    def signal_range(self) -> tuple[float, float]:
        """Lowest and highest signal value that the rule accepts, a constant of its class; `UncertaintyLR` refuses others."""
        ...

    def init(self) -> State:
        """The state before the first observation."""
        ...

    def update(self, state: State, signal: float) -> State:
        """The state after one more observation; leaves its argument as it was."""
        ...

    def factor(self, state: State) -> float:
        """What the scheduled learning rate is multiplied by: finite and at least 0."""
        ...


@dataclass(frozen=True)
class Bounds:
    """Bounds of a rule's factor, relative to the scheduled rate.

    The report asks for "reasonable bounds" without naming them; the defaults, a hundredth and ten times, are ours.

    Args:
        low: lower bound, in (0, 1].
        high: upper bound, finite and at least 1.

    Raises:
        ValueError: a bound is out of range; the message names it.

    >>> Bounds(high=2.0).clip(3.5)
    2.0
    """

    low: float = 0.01
    high: float = 10.0

    def __post_init__(self) -> None:
        """Refuse bounds that do not hold 1, the factor of every rule before its first observation."""
        check_ranges(
            self,
            low=(0.0 < self.low <= 1.0, "in (0, 1]"),
            high=(1.0 <= self.high < math.inf, "a finite number of at least 1"),
        )

    def clip(self, factor: float) -> float:
        """The factor, or the bound beyond which it lies."""
        return min(self.high, max(self.low, factor))

    def clip_log(self, log_factor: float) -> float:
        """A factor's natural logarithm, or that of the bound; its exponential may exceed the bound by a rounding error."""
        return min(math.log(self.high), max(math.log(self.low), log_factor))


@dataclass(frozen=True)
class Inverted:
    """A rule that receives the mirrored signal: a value u in [low, high] counts as low + high - u.

    A control that asks whether the rule's sign is right: what lowered the rate raises it.

    Args:
        rule: any rule with a finite `signal_range`; its threshold, too, applies to the mirrored value.

    Raises:
        ValueError: the rule's signal has no finite range, such as a loss.

    >>> from uncertlr.schedulers import Threshold
    >>> simulate(Inverted(Threshold(threshold=0.5)), [0.9, 0.1])
    [1.1, 0.55]
    """

    rule: Rule

    def __post_init__(self) -> None:
        """Refuse a signal that cannot be mirrored."""
        if not all(math.isfinite(end) for end in self.rule.signal_range):
            raise ValueError(f"Inverted: rule={self.rule!r} must have a finite signal_range, not {self.rule.signal_range}")

    @property
    def signal_range(self) -> tuple[float, float]:
        """The rule's."""
        return self.rule.signal_range

    def init(self) -> State:
        """The rule's."""
        return self.rule.init()

    def update(self, state: State, signal: float) -> State:
        """The rule's, on the mirrored value."""
        low, high = self.signal_range
        return self.rule.update(state, low + high - signal)

    def factor(self, state: State) -> float:
        """The rule's."""
        return self.rule.factor(state)


def check_ranges(owner: object, **ranges: tuple[bool, str]) -> None:
    """Refuse settings that are out of range.

    Args:
        owner: whose settings are checked, such as a rule.
        ranges: for each setting, whether its value is in range, and the range in words, such as ``"in (0, 1]"``.

    Raises:
        ValueError: names the owner's class, the setting, its value and its range.
    """
    for name, (is_valid, words) in ranges.items():
        if not is_valid:
            raise ValueError(f"{type(owner).__name__}: {name}={getattr(owner, name)!r} must be {words}")


def simulate(rule: Rule, signals: Iterable[float]) -> list[float]:
    """The factor after each of a sequence of signal values, without any training.

    >>> from uncertlr.schedulers import Threshold
    >>> simulate(Threshold(threshold=0.5), [0.9, 0.1])
    [0.5, 0.55]
    """
    state, factors = rule.init(), []
    for signal in signals:
        state = rule.update(state, signal)
        factors.append(rule.factor(state))
    return factors


def simulate_loop(rule: Rule, answer: Callable[[float], float], steps: int) -> tuple[list[float], list[float]]:
    """A rule in a closed loop with something that responds to it, such as a simple model of a network.

    Args:
        rule: turns each signal value into the next factor.
        answer: gives the signal value at the factor in force; called once per step, in order.
        steps: how many.

    Returns:
        The signal values, and the factor in force at each of them, as a run's trace holds them.

    >>> from uncertlr.schedulers import Threshold
    >>> simulate_loop(Threshold(threshold=0.5), lambda factor: 0.75 * factor, 3)
    ([0.75, 0.375, 0.41250000000000003], [1.0, 0.5, 0.55])
    """
    state, signals, factors = rule.init(), [], []
    for _ in range(steps):
        factors.append(rule.factor(state))
        signals.append(answer(factors[-1]))
        state = rule.update(state, signals[-1])
    return signals, factors
