"""Reliability diagrams and confusion matrices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from uncertlr.analysis.intervals import wilson_interval
from uncertlr.plots.style import COLOURS, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
