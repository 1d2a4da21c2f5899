"""Controls without feedback: the same kind of trajectory, whatever is observed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from uncertlr.schedulers.rules import Rule, State, check_ranges, simulate


@dataclass(frozen=True)
class Replay:
    """The factors of another run, step by step; observations are counted and otherwise ignored.

    Replaying a run's own factors gives that run again, bit for bit.

    Args:
        factors: factor in force at step 0, 1, ...; the last one stays in force beyond the end. Any sequence of numbers;
            kept as a tuple.

    Raises:
        ValueError: there is none, or one is not positive and finite.

    >>> rule = Replay((1.0, 0.5, 0.25))
    >>> simulate(rule, [0.9, 0.1, 0.4])
    [0.5, 0.25, 0.25]
    """

    factors: tuple[float, ...]

    signal_range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)

    def __post_init__(self) -> None:
        """Refuse an empty or impossible trajectory."""
        object.__setattr__(self, "factors", tuple(float(factor) for factor in self.factors))
        usable = bool(self.factors) and all(0.0 < value < math.inf for value in self.factors)
        check_ranges(self, factors=(usable, "one or more finite numbers above 0"))

    def init(self) -> State:
        """At step 0."""
        return {"step": 0}

    def update(self, state: State, signal: float) -> State:
        """One step on."""
        return {"step": int(state["step"]) + 1}

    def factor(self, state: State) -> float:
        """The factor at this step."""
        return self.factors[min(int(state["step"]), len(self.factors) - 1)]


def geometric_mean(traces: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """The geometric mean of several runs' factors, step by step: what their trajectories have in common.

    Args:
        traces: factors of each run, all of the same length.

    Raises:
        ValueError: no trace, or lengths that differ.
    """
    if not traces or len({len(trace) for trace in traces}) != 1:
        raise ValueError(f"the traces must be of one length, got {sorted({len(trace) for trace in traces})}")
    return tuple(np.exp(np.log(np.asarray(traces, dtype=np.float64)).mean(0)).tolist())


def stretched(factors: Sequence[float], steps: int) -> tuple[float, ...]:
    """A curve of positive factors for another number of steps: its logarithms, interpolated over relative progress.

    Progress is 0 at the first step and 1 at the last, so both ends keep their factors. A curve that has the length already
    is returned as it is, bit for bit.

    Args:
        factors: one per step, all above 0.
        steps: of the run that shall follow the curve.

    Raises:
        ValueError: there is no factor, or no step.

    >>> stretched((1.0, 4.0), 3)
    (1.0, 2.0, 4.0)
    """
    if not len(factors) or steps < 1:
        raise ValueError(f"a curve of {len(factors)} factors cannot be stretched to {steps} steps; both must be at least 1")
    if len(factors) == steps:
        return tuple(factors)
    places = np.linspace(0.0, len(factors) - 1, steps)
    logs = np.log(np.asarray(factors, dtype=np.float64))
    return tuple(np.exp(np.interp(places, np.arange(len(factors)), logs)).tolist())


def shuffled_within_epochs(rule: Rule, signals: Sequence[float], steps_per_epoch: int, seed: int) -> tuple[float, ...]:
    """The factors that a rule gives on a run's own signal in a random order within each epoch.

    Keeps the trend from epoch to epoch and destroys the information of a single step.

    Args:
        rule: what turned the signal into factors.
        signals: the run's signal values, one per step.
        steps_per_epoch: values that are shuffled together.
        seed: of the shuffling.

    Returns:
        The factor in force at every step, for `Replay`.
    """
    stream = np.random.default_rng(seed)
    epochs = [np.asarray(signals[at : at + steps_per_epoch]) for at in range(0, len(signals), steps_per_epoch)]
    order = np.concatenate([stream.permutation(epoch) for epoch in epochs]).tolist()
    return (rule.factor(rule.init()), *simulate(rule, order))[: len(order)]
