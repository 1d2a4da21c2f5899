"""What the chapters on single experiments share: how methods are drawn, and their numbers over the seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from uncertlr import plots
from uncertlr.analysis.scores import final_scores
from uncertlr.book.figure_data import steps_over_seeds
from uncertlr.config import RunConfig
from uncertlr.runs.store import Run

Seeds = Mapping[str, Sequence[Run]]
"""Name of a method to its finished runs, which differ in their seed alone."""

COLOURS_OF_RULES = {"none": plots.INK, "threshold": plots.COLOURS[1]} | dict.fromkeys(
    ["replay", "shuffled"], plots.COLOURS[2]
)
"""Grey: set in advance; orange: the report's rule; green: a replay. Every other rule uses uncertainty and is blue."""


def looks_of(methods: Mapping[str, RunConfig]) -> dict[str, dict[str, Any]]:
    """How the lines of each method are drawn; dashed where a rule does not decide at every observation.

    >>> looks_of({"report_epoch": RunConfig(rule="threshold", decide_every=0)})
    {'report_epoch': {'color': '#d97526', 'linestyle': '--'}}
    """
    colours = {name: COLOURS_OF_RULES.get(config.rule, plots.COLOURS[0]) for name, config in methods.items()}
    dashed = {name for name, config in methods.items() if config.rule != "none" and config.decide_every != 1}
    return {name: {"color": colours[name], "linestyle": "--" if name in dashed else "-"} for name in methods}


def steps_as_epochs(seeds: Seeds, column: str, block: int = 1) -> plots.Series:
    """A column of the trace at evenly spaced steps, with the epoch of each.

    Args:
        seeds: the runs of each method.
        column: of the trace, such as ``learning_rate`` or ``signal``.
        block: neighbouring values that are averaged into one point.

    Returns:
        Name to (epoch [N], value [seeds, N]).
    """
    lines = {}
    for name, (steps, values) in steps_over_seeds(seeds, column, block).items():
        run = seeds[name][0]
        lines[name] = ([step * run.config.epochs / run.summary["steps"] for step in steps], np.asarray(values))
    return lines


def bins_of(seeds: Seeds) -> dict[str, tuple[np.ndarray, ...]]:
    """Counts, mean confidence and accuracy of the bins of each method's final scores, averaged over dropout masks.

    Returns:
        Name to three arrays [seeds, bins]; NaN in an empty bin.
    """
    parts = ("counts", "confidence", "accuracy")
    return {
        name: tuple(np.array([final_scores(run)[f"bin_{part}"] for run in runs], dtype=float) for part in parts)
        for name, runs in seeds.items()
    }
