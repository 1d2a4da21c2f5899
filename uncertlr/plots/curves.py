"""Curves over steps or epochs: scores, learning rate, uncertainty."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from uncertlr.analysis.intervals import mean_interval
from uncertlr.plots.style import COLOURS, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Series = Mapping[str, tuple[Sequence[float], Sequence[float] | np.ndarray]]
"""Named lines: x and y of each."""


def curves(ax: "Axes", series: Series, xlabel: str, ylabel: str, colours: Sequence[str] = ()) -> "Axes":
    """One labelled line a series; of several seeds their mean, with its pointwise 95 % interval as a shade.

    Args:
        ax: where to draw.
        series: name to (x [N], y [N] or [seeds, N]).
        xlabel: with the unit.
        ylabel: with the unit.
        colours: one a series; the book's, in their order, if there is none.
    """
    for (name, (x, y)), colour in zip(series.items(), colours or cycle(COLOURS), strict=False):
        label = name
        if np.ndim(y) == 2:
            label = f"{name} (n = {len(y)})"
            y, low, high = mean_interval(y)
            ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        ax.plot(x, y, color=colour, label=label, marker="o" if len(x) <= 15 else None, markersize=3.5)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    _whole_epochs(ax, series)
    if len(series) > 1:
        ax.legend()
    return ax


def bands(ax: "Axes", series: Mapping[str, tuple[Sequence[float], np.ndarray]], xlabel: str, ylabel: str) -> "Axes":
    """The mean over seeds with its interval, as `curves` draws it, and every seed as a thin line.

    Args:
        ax: where to draw.
        series: name to (x [N], y [seeds, N]).
        xlabel: with the unit.
        ylabel: with the unit.
    """
    for (x, y), colour in zip(series.values(), cycle(COLOURS), strict=False):
        ax.plot(x, np.transpose(y), color=colour, linewidth=0.6, alpha=0.4)
    curves(ax, series, xlabel, ylabel)
    ax.legend()
    return ax


def rate(ax: "Axes", series: Series, bounds: tuple[float, float] | None = None) -> "Axes":
    """Learning rates over the steps, on a logarithmic axis, with the rule's bounds as dotted lines.

    Args:
        ax: where to draw.
        series: name to (step [N], rate [N] or [seeds, N]).
        bounds: lowest and highest rate that the rule allows.
    """
    curves(ax, series, "step", "learning rate")
    ax.set_yscale("log")
    for bound in bounds or ():
        ax.axhline(bound, color=INK, linestyle=":", linewidth=1)
    return ax


def uncertainty(ax: "Axes", series: Series, threshold: float | None = None) -> "Axes":
    """A signal over the steps, as a share of its maximum, with the threshold as a dashed line.

    Args:
        ax: where to draw.
        series: name to (step [N], share [N] or [seeds, N]).
        threshold: the rule's, as a share.
    """
    curves(ax, series, "step", "uncertainty / maximum")
    ax.set_ylim(0, 1.02)
    if threshold is not None:
        ax.axhline(threshold, color=INK, linestyle="--", linewidth=1)
        ax.annotate("threshold", (1, threshold), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=INK)
    return ax


def _whole_epochs(ax: "Axes", series: Series) -> None:
    from matplotlib.ticker import MaxNLocator

    if all(float(value).is_integer() for x, _ in series.values() for value in x):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
