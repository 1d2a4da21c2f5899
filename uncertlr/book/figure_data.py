"""Tables of the numbers that the chapters' figures show."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from uncertlr.analysis.intervals import wilson_interval
from uncertlr.analysis.scores import final_scores
from uncertlr.plots import Series
from uncertlr.runs.archive import TRACE_POINTS, thin
from uncertlr.runs.store import Run, read_trace


def steps_over_seeds(arms: Mapping[str, Sequence[Run]], column: str, block: int = 1) -> Series:
    """A column of the trace at evenly spaced steps, of every seed of an arm.

    Args:
        arms: name to runs that differ in their seed alone.
        column: of the trace.
        block: neighbouring values that are averaged into one point.

    Returns:
        Name to (step [N], value [seeds, N]); arms without runs are left out.
    """
    series = {}
    for name, runs in arms.items():
        thinned = [thin(read_trace(run.paths), TRACE_POINTS) for run in runs]
        if thinned:
            values = np.array([_means(trace[column], block) for trace in thinned])
            series[name] = (_means(thinned[0]["step"], block).tolist(), values)
    return series


def epochs_over_seeds(arms: Mapping[str, Sequence[Run]], column: str, split: str = "val") -> Series:
    """A number of every epoch, of every seed of an arm.

    Args:
        arms: name to runs that differ in their seed alone.
        column: of the metrics.
        split: ``train`` or ``val``.

    Returns:
        Name to (epoch [N], value [seeds, N]); arms without runs are left out.
    """
    series = {}
    for name, runs in arms.items():
        rows = [run.metrics.query(f"split == '{split}'") for run in runs]
        if rows:
            series[name] = (rows[0]["epoch"].tolist(), np.array([row[column] for row in rows]))
    return series


def reliability_table(arms: Mapping[str, Run]) -> pd.DataFrame:
    """The bins of the final weights' reliability diagrams, Monte Carlo averaged: a row per arm and bin."""
    parts = []
    for name, run in arms.items():
        parts.append(_labelled(name, run, bins_table(final_scores(run))))
    return pd.concat(parts, ignore_index=True)


def bins_table(scores: Mapping[str, object]) -> pd.DataFrame:
    """The bins of one reliability diagram, of equal width: bounds, examples, mean confidence, share that is right, interval.

    Args:
        scores: with ``bin_counts``, ``bin_confidence`` and ``bin_accuracy``, as runs and comparisons store them.
    """
    columns = {part: np.array(scores[f"bin_{part}"], dtype=float) for part in ("counts", "confidence", "accuracy")}
    edges = np.linspace(0, 1, len(columns["counts"]) + 1)
    columns["low"], columns["high"] = wilson_interval(columns["accuracy"] * columns["counts"], columns["counts"])
    return pd.DataFrame({"lower": edges[:-1], "upper": edges[1:], **columns}).astype({"counts": int})


def _means(values: Sequence[float], block: int) -> np.ndarray:
    size = max(1, min(block, len(values)))
    whole = len(values) // size * size
    return np.asarray(np.reshape(values[:whole], (-1, size)).mean(axis=1))


def _labelled(name: str, run: Run, table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"arm": name, "run_id": run.config.run_id}, index=table.index), table], axis=1)
