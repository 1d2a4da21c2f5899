"""Reliability diagrams and confusion matrices."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from uncertlr.analysis.intervals import mean_interval, wilson_interval
from uncertlr.plots.curves import SEEDS_FOR_A_BAND
from uncertlr.plots.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST_SHARE = 5e-3
"""Of the examples: in a bin with fewer, a gap is noise."""


def calibration_gap(
    ax: "Axes",
    below: "Axes",
    bins: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    looks: Mapping[str, Mapping[str, Any]],
) -> None:
    """Accuracy minus confidence against confidence, a line per method, and below it the share of the examples in each bin.

    Above 0 a network is underconfident, below it overconfident. The axis of confidence begins with the lowest bin that holds
    an example: of two classes half the bins are always empty. Bars are 95 % intervals: of one run Wilson's over the
    examples of a bin, of five or more Student's over the runs. Bins with less than `LEAST_SHARE` of
    the examples are left out.

    Args:
        ax: where to draw the lines; labelled, so that `uncertlr.plots.label_ends` can name them.
        below: where to draw the shares.
        bins: name to counts, mean confidence and accuracy of bins of equal width, [runs, n] each; NaN in an empty bin.
        looks: name to keywords of a line, such as its colour.
    """
    ax.axhline(0, color=INK, linewidth=1)
    lowest = 1.0
    for name, columns in bins.items():
        counts, confidence, accuracy = (np.asarray(values, dtype=float) for values in columns)
        total = counts.sum(axis=0)
        full = total > LEAST_SHARE * total.sum()
        x, y = (np.nansum(values * counts, axis=0)[full] / total[full] for values in (confidence, accuracy - confidence))
        if len(counts) == 1:
            low, high = (end[full] - x for end in wilson_interval(accuracy[0] * counts[0], counts[0]))
        else:
            half = _half_width(accuracy - confidence)[full]
            low, high = y - half, y + half
        ax.vlines(x, low, high, color=looks[name]["color"], linewidth=1, alpha=0.6)
        ax.plot(x, y, marker="o", markersize=3, label=name, **looks[name])
        edges = np.linspace(0, 1, len(total) + 1)
        below.stairs(total / total.sum(), edges, **looks[name])
        lowest = min(lowest, edges[np.flatnonzero(total)[0]])
    ax.set(ylabel="accuracy minus confidence", xlim=(lowest, 1))
    below.set(xlabel="confidence", ylabel="share of the\nexamples", xlim=(lowest, 1), ylim=(0, None))


def _half_width(values: np.ndarray) -> np.ndarray:
    """Half of Student's 95 % interval over the first axis; NaN where there are few runs, or one has no value."""
    _, low, high = mean_interval(values)
    return (high - low) / 2 if len(values) >= SEEDS_FOR_A_BAND else np.full(values.shape[1], np.nan)
