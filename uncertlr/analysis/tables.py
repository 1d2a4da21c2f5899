"""Tables of a study: what its learning rates did; the data of its figures."""

import sys

from uncertlr.analysis.paired import paired_interval
from uncertlr.runs.files import Arrays


def over_seeds(values: list[float], digits: int = 3) -> str:
    """Mean and half-width of the 95 % interval over seeds.

    >>> over_seeds([0.61, 0.63])
    '0.620 ± 0.127'
    >>> over_seeds([0.61])
    '0.610'
    """
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    interval = paired_interval(values)
    return f"{interval.estimate:.{digits}f} ± {interval.high - interval.estimate:.{digits}f}"


EVERY_STEP = (0, sys.maxsize)


def within(trace: Arrays, steps: tuple[int, int]) -> Arrays:
    """A trace from one step to another, both included."""
    there = (trace["step"] >= steps[0]) & (trace["step"] <= steps[1])
    return {name: values[there] for name, values in trace.items()}
