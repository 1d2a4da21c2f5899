"""Time tasks in turn, A, B, A, B, in one process: their ratios hold where the times themselves do not.

Two clocks run: the wall's, and the processor's, which stands still while other programs have the core. On a quiet machine
they agree; on a busy one only the second compares the tasks.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

CLOCKS = ("processor", "wall")


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        share: of the usual number of rounds.
        whole: whole epochs in place of parts of them.
    """

    share: float = 1.0
    whole: bool = False

    def rounds(self, usual: int) -> int:
        """How many rounds instead of the usual number; one at least."""
        return max(1, round(self.share * usual))


Laps = list[tuple[float, float]]
"""Seconds of each lap by both clocks, in the order of `CLOCKS`."""


def read_clocks() -> tuple[float, float]:
    """Processor seconds of this process and of its finished children, and wall seconds."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system, time.perf_counter()


def lap(task: Callable[[], object]) -> tuple[float, float]:
    """Carry a task out once; the seconds it took by both clocks."""
    before = read_clocks()
    task()
    after = read_clocks()
    return after[0] - before[0], after[1] - before[1]


def in_turn(tasks: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 2) -> dict[str, Laps]:
    """The laps of every task; the warm-up's are not kept."""
    laps: dict[str, Laps] = {name: [] for name in tasks}
    for turn in range(warm_up + rounds):
        for name, task in tasks.items():
            taken = lap(task)
            if turn >= warm_up:
                laps[name].append(taken)
    return laps


def spread(values: list[float]) -> list[float]:
    """The quartiles' first and last, or the only value twice."""
    if len(values) < 2:
        return [values[0], values[0]]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [low, high]


def describe(laps: Laps, limit: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Median seconds and quartiles by both clocks, and the hardware limit."""
    row: dict[str, Any] = {"rounds": len(laps)}
    for clock, values in zip(CLOCKS, zip(*laps, strict=True), strict=True):
        row[clock] = {"seconds": statistics.median(values), "spread": spread(list(values))}
    return row | ({"hardware_limit": dict(limit)} if limit else {})


def ratio_row(
    name: str,
    laps: Mapping[str, Laps],
    of: str,
    over: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    scale: float = 1.0,
    **more: Any,
) -> dict[str, Any]:
    """A row of the table: the median over rounds of one task's time over another's, in the same round.

    Args:
        name: of the row.
        laps: of `in_turn`.
        of: the task in the numerator.
        over: the task in the denominator.
        at_most: target of a cost, if there is one.
        at_least: target of an advantage, if there is one.
        scale: multiplies the ratio, where one task does more work than the other.
        more: further entries, such as ``note``.
    """
    row: dict[str, Any] = {"name": name, "unit": "ratio", "of": of, "over": over, "rounds": len(laps[of])}
    row |= {name: target for name, target in {"at_most": at_most, "at_least": at_least}.items() if target is not None}
    for place, clock in enumerate(CLOCKS):
        ratios = [scale * a[place] / b[place] for a, b in zip(laps[of], laps[over], strict=True)]
        row[clock] = {"value": statistics.median(ratios), "spread": spread(ratios)}
    return row | {"clock": "processor"} | more


def seconds_row(name: str, laps: Laps, at_most: float | None, **more: Any) -> dict[str, Any]:
    """A row of the table whose target, if there is one, is a time on the wall."""
    row: dict[str, Any] = {"name": name, "unit": "seconds", "rounds": len(laps)}
    row |= {} if at_most is None else {"at_most": at_most}
    for clock, values in zip(CLOCKS, zip(*laps, strict=True), strict=True):
        row[clock] = {"value": statistics.median(values), "spread": spread(list(values))}
    return row | {"clock": "wall"} | more
