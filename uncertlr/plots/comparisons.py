"""Differences between methods with their intervals, survival curves, performance profiles."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from uncertlr.plots.style import COLOURS, INK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def differences(ax: "Axes", table: "pd.DataFrame", margin: float, xlabel: str = "", inner: bool = False) -> "Axes":
    """Differences in points with their intervals, and over each its name, its outcome and its number of pairs.

    Args:
        ax: where to draw.
        table: a row per comparison, its name the index: ``difference``, ``ci95_low``, ``ci95_high``, ``pairs``,
            ``outcome``; where the difference is NaN only the outcome is written. Hollow marks carry no claim: descriptive or
            no contrast. A column ``colour`` takes the place of the book's first colour.
        margin: half-width in points of the shaded zone in which arms count as equivalent.
        xlabel: with the unit.
        inner: also draw the 90 % interval (``ci90_low``, ``ci90_high``), which decides on equivalence, as a thicker line.
    """
    rows = table.iloc[::-1]
    ax.axvspan(-margin, margin, color=INK, alpha=0.15, linewidth=0)
    ax.axvline(0, color=INK, linewidth=1)
    for height, (name, row) in enumerate(rows.iterrows()):
        hollow = row["outcome"] in ("descriptive", "no contrast")
        colour = row.get("colour", COLOURS[0])
        if np.isfinite(row["difference"]):
            for level, width in ((95, 2.5), (90, 5.0))[: 2 if inner else 1]:
                ends = [row[f"ci{level}_low"], row[f"ci{level}_high"]]
                ax.plot(ends, [height, height], color=colour, linewidth=width, solid_capstyle="butt" if inner else "round")
            fill, size = "none" if hollow else colour, 9 if inner else 6
            ax.plot(row["difference"], height, color=colour, marker="o", markersize=size, markerfacecolor=fill, linewidth=0)
        texts = ((0.01, 11, "left", name), (0.01, 0, "left", row["outcome"]), (0.99, 0, "right", f"n = {row['pairs']:.0f}"))
        for across, points_up, side, text in texts:
            ax.annotate(
                text,
                (across, height + 0.12),
                (0, points_up),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha=side,
                va="bottom",
                color=INK,
            )
    ax.set(ylim=(-0.3, len(rows) - 0.2), xlabel=xlabel, yticks=[])
    ax.grid(visible=False)  # it would run through the names
    ax.spines["left"].set_visible(False)
    points_axis(ax, rows[["difference", "ci95_low", "ci95_high"]].to_numpy(dtype=float), margin)
    return ax


def strips(ax: "Axes", rows: Mapping[str, Sequence[float]], colours: Sequence[str], xlabel: str = "") -> "Axes":
    """A row of dots for each name, the first at the top, and a line at the largest value of each.

    Args:
        ax: where to draw.
        rows: name to values.
        colours: one per row.
        xlabel: with the unit.
    """
    heights = range(len(rows) - 1, -1, -1)
    for height, (name, values), colour in zip(heights, rows.items(), colours, strict=True):
        ax.plot(values, [height] * len(values), "o", color=colour, markersize=4.5, alpha=0.6, linewidth=0, label=name)
        ax.plot([max(values)] * 2, [height - 0.32, height + 0.32], color=colour, linewidth=2.2)
    ax.set_yticks(heights, list(rows))
    ax.set(xlabel=xlabel, ylim=(-0.6, len(rows) - 0.4))
    ax.grid(axis="y", visible=False)
    return ax


def points_axis(ax: "Axes", ends: np.ndarray, margin: float) -> "Axes":
    """A linear axis of percentage points that holds all interval ends.

    Args:
        ax: whose axis.
        ends: of intervals; NaN is left out.
        margin: of equivalence, which is always in view.
    """
    finite = ends[np.isfinite(ends)]
    below, above = min(finite.min(initial=0.0), -margin), max(finite.max(initial=0.0), margin)
    room = 0.06 * (above - below)
    ax.set_xlim(below - room, above + room)
    return ax


def survival(ax: "Axes", times: np.ndarray, shares: np.ndarray, last: float, colour: str, **intervals: np.ndarray) -> "Axes":
    """The share of runs that have not reached the target yet, as steps that fall, with its interval as a shade.

    Args:
        ax: where to draw.
        times: [K], when runs reached the target.
        shares: [K], still under way just after.
        last: where the curve ends.
        colour: of the curve.
        intervals: ``low`` and ``high``, [K] each, or nothing.
    """
    x = [0.0, *times, 1.03 * last]

    def steps(values: np.ndarray) -> list[float]:
        return [1.0, *values, values[-1] if len(values) else 1.0]

    if intervals:
        low, high = steps(intervals["low"]), steps(intervals["high"])
        ax.fill_between(x, low, high, step="post", color=colour, alpha=0.2, linewidth=0)
    ax.step(x, steps(shares), where="post", color=colour)
    ax.set(xlim=(0, 1.03 * last), ylim=(-0.03, 1.03))
    return ax


def profile(ax: "Axes", scores: Sequence[float], colour: str) -> "Axes":
    """A performance profile: the share of runs that score at least so much (Agarwal et al. 2021).

    Args:
        ax: where to draw.
        scores: one per run.
        colour: of the curve.
    """
    ordered = np.sort(np.asarray(scores, dtype=float))
    shares = 1 - np.arange(len(ordered) + 1) / len(ordered)
    ax.step([*ordered, ordered[-1]], shares, where="pre", color=colour)
    ax.set(ylim=(-0.03, 1.03))
    return ax
