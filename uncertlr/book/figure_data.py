"""Tables of the numbers that the chapters' figures show."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from uncertlr.analysis.intervals import mean_interval, wilson_interval
from uncertlr.analysis.scores import final_scores
from uncertlr.plots import Series
from uncertlr.plots.figure_data import FigureData
from uncertlr.runs.archive import TRACE_POINTS, thin
from uncertlr.runs.store import Run


def figure_data(name: str, table: pd.DataFrame, runs: Iterable[Run | str] = ()) -> FigureData:
    """The line beside a figure.

    Args:
        name: of the figure, without ``fig-``.
        table: the numbers that the figure shows, tidy.
        runs: the runs that they come from, or their names.
    """
    names = [run if isinstance(run, str) else run.config.run_id for run in runs]
    return FigureData(name, table, tuple(dict.fromkeys(names)))


def series_table(series: Series, x: str, y: str) -> pd.DataFrame:
    """The lines of a chart, a row a point.

    Args:
        series: name to (x, y), as the plots take them.
        x: name of the column of x.
        y: name of the column of y.

    >>> series_table({"a": ([1, 2], [0.5, 0.25])}, "step", "rate").to_dict("list")
    {'series': ['a', 'a'], 'step': [1, 2], 'rate': [0.5, 0.25]}
    """
    parts = [pd.DataFrame({"series": name, x: list(xs), y: list(ys)}) for name, (xs, ys) in series.items()]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["series", x, y])


def bands_table(series: Series, x: str, y: str) -> pd.DataFrame:
    """The lines of a chart over seeds with their intervals, a row a point.

    Args:
        series: name to (x [N], y [seeds, N]), as the plots take them.
        x: name of the column of x.
        y: name of the column of the mean.

    >>> bands_table({"a": ([1], np.array([[0.0], [2.0]]))}, "step", "rate").round(1).to_dict("list")
    {'series': ['a'], 'seeds': [2], 'step': [1], 'rate': [1.0], 'low': [-11.7], 'high': [13.7]}
    """
    parts = []
    for name, (xs, ys) in series.items():
        mean, low, high = mean_interval(ys)
        parts.append(pd.DataFrame({"series": name, "seeds": len(ys), x: list(xs), y: mean, "low": low, "high": high}))
    return pd.concat(parts, ignore_index=True)


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
        thinned = [thin(run.trace, TRACE_POINTS) for run in runs]
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


def curves_table(arms: Mapping[str, Run]) -> pd.DataFrame:
    """Every number of every epoch: a row per arm, epoch and split."""
    parts = [_labelled(name, run, run.metrics) for name, run in arms.items()]
    table = pd.concat(parts, ignore_index=True)
    return table.drop(columns=[column for column in table if column.startswith("bin_")])


def traces_table(arms: Mapping[str, Run]) -> pd.DataFrame:
    """Rate, factor and signal over the steps, at evenly spaced ones where there are many: a row per arm and step."""
    parts = [_labelled(name, run, pd.DataFrame(thin(run.trace, TRACE_POINTS))) for name, run in arms.items()]
    return pd.concat(parts, ignore_index=True)


def reliability_table(arms: Mapping[str, Run]) -> pd.DataFrame:
    """The bins of the final weights' reliability diagrams, Monte Carlo averaged: a row per arm and bin."""
    parts = []
    for name, run in arms.items():
        parts.append(_labelled(name, run, bins_table(final_scores(run))))
    return pd.concat(parts, ignore_index=True)


def course_table(arms: Mapping[str, Run]) -> pd.DataFrame:
    """The bins of the validation set's reliability diagrams over the epochs: a row per arm, epoch and bin."""
    parts = []
    for name, run in arms.items():
        for row in run.validation.to_dict("records"):
            parts.append(_labelled(name, run, bins_table(row).assign(epoch=row["epoch"])))
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
