"""Reliability diagrams and confusion matrices."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from uncertlr.analysis.intervals import mean_interval, wilson_interval
from uncertlr.plots.curves import SEEDS_FOR_A_BAND
from uncertlr.plots.style import COLOURS, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST_SHARE = 5e-3
"""Of the examples: in a bin with fewer, a gap is noise."""


def reliability(
    ax: "Axes",
    counts: np.ndarray,
    confidence: np.ndarray,
    accuracy: np.ndarray,
    note: str = "",
    colour: str = COLOURS[0],
) -> "Axes":
    """A reliability diagram: accuracy against confidence in bins of equal width, and how many examples each bin holds.

    Every accuracy has Wilson's 95 % interval, which is wide where a bin holds few examples. The grey bars are the bins'
    shares of the examples; a bin that holds all of them would reach a third of the height.

    Args:
        ax: where to draw.
        counts: [n], examples in each bin.
        confidence: [n], mean confidence; NaN in an empty bin.
        accuracy: [n], share that is right; NaN in an empty bin.
        note: written into the upper left corner, such as the ECE.
        colour: of the bars.
    """
    counts, confidence, accuracy = (np.asarray(values, dtype=float) for values in (counts, confidence, accuracy))
    width = 1 / len(counts)
    centres = (np.arange(len(counts)) + 0.5) * width
    full = counts > 0
    ax.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1)
    ax.bar(centres[full], accuracy[full], width * 0.92, color=colour, alpha=0.75)
    low, high = wilson_interval(accuracy[full] * counts[full], counts[full])
    ax.vlines(confidence[full], low, high, color=INK, linewidth=1.2)
    ax.plot(confidence[full], accuracy[full], color=colour, marker="o", markersize=3.5, linewidth=0)
    ax.bar(centres, counts / counts.sum() / 3, width * 0.6, color=INK, edgecolor="white", linewidth=0.5)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy", box_aspect=1)
    ax.annotate(
        f"{note}\nn = {int(counts.sum()):,}".strip(),
        (0.04, 0.96),
        xycoords="axes fraction",
        ha="left",
        va="top",
        color=INK,
    )
    return ax


def calibration_gap(
    ax: "Axes",
    below: "Axes",
    bins: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    looks: Mapping[str, Mapping[str, Any]],
) -> None:
    """Accuracy minus confidence against confidence, a line a method, and below it the share of the examples in each bin.

    Above 0 a network is underconfident, below it overconfident. Bars are 95 % intervals: of one run Wilson's over the
    examples of a bin, of five or more Student's over the runs. Bins with less than `LEAST_SHARE` of
    the examples are left out.

    Args:
        ax: where to draw the lines; labelled, so that `uncertlr.plots.label_ends` can name them.
        below: where to draw the shares.
        bins: name to counts, mean confidence and accuracy of bins of equal width, [runs, n] each; NaN in an empty bin.
        looks: name to keywords of a line, such as its colour.
    """
    ax.axhline(0, color=INK, linewidth=1)
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
        below.stairs(total / total.sum(), np.linspace(0, 1, len(total) + 1), **looks[name])
    ax.set(ylabel="accuracy minus confidence", xlim=(0, 1))
    below.set(xlabel="confidence", ylabel="share of the\nexamples", xlim=(0, 1), ylim=(0, None))


def _half_width(values: np.ndarray) -> np.ndarray:
    """Half of Student's 95 % interval over the first axis; NaN where there are few runs, or one has no value."""
    _, low, high = mean_interval(values)
    return (high - low) / 2 if len(values) >= SEEDS_FOR_A_BAND else np.full(values.shape[1], np.nan)


def confusion(ax: "Axes", values: np.ndarray, classes: Sequence[str], title: str) -> "Axes":
    """A table of shares as colours, with whole percentages where there is room for them, else with a scale.

    Args:
        ax: where to draw.
        values: [C, C] in 0..1, a row a label, a column a class that the network gives; NaN stays empty.
        classes: names of the C classes.
        title: what the shares are.
    """
    import pandas as pd
    import seaborn as sns

    few = len(classes) <= 12
    table = pd.DataFrame(100 * values, index=classes, columns=classes)
    sns.heatmap(table, vmin=0, vmax=100, cmap="mako_r", annot=few, fmt=".0f", cbar=not few, square=True, ax=ax)
    ax.set(title=title, xlabel="class that the network gives", ylabel="label")
    ax.tick_params(axis="y", rotation=0)
    ax.grid(visible=False)
    return ax
