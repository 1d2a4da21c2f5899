"""Curves over steps or epochs: scores, learning rate, uncertainty."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from uncertlr.analysis.intervals import mean_interval
from uncertlr.plots.style import COLOURS, INK, WIDTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Series = Mapping[str, tuple[Sequence[float], Sequence[float] | np.ndarray]]
"""Named lines: x and y of each."""

SeedSeries = Mapping[str, tuple[Sequence[float], np.ndarray]]
"""Named lines over the epochs: epoch [N] and values [seeds, N] of each."""

LEAST_GAP = 0.1
"""Of a line's end to the right edge, as a share of the axes' width, from which on a leader goes to the line's name."""

SEEDS_FOR_A_BAND = 5
"""With fewer, an interval over seeds is so wide that it hides what it surrounds."""


def curves(
    ax: "Axes",
    series: Series,
    xlabel: str,
    ylabel: str,
    colours: Sequence[str] = (),
    within: tuple[float, float] = (-np.inf, np.inf),
) -> "Axes":
    """One labelled line a series; of several seeds their mean, from five on with its pointwise 95 % interval as a shade.

    Args:
        ax: where to draw; on a logarithmic axis means and intervals are those of the logarithm.
        series: name to (x [N], y [N] or [seeds, N]).
        xlabel: with the unit.
        ylabel: with the unit.
        colours: one per series; the book's, in their order, if there is none.
        within: possible values, which no shade leaves.
    """
    for (name, (x, y)), colour in zip(series.items(), colours or cycle(COLOURS), strict=False):
        label = name
        if np.ndim(y) == 2:
            label = f"{name} (n = {len(y)})"
            y = _mean_with_band(ax, x, np.asarray(y), colour, within)
        ax.plot(x, y, color=colour, label=label, marker="o" if len(x) <= 15 else None, markersize=3.5)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    _whole_epochs(ax, series)
    if len(series) > 1:
        ax.legend()
    return ax


def rate(ax: "Axes", series: Series, bounds: tuple[float, float] | None = None) -> "Axes":
    """Learning rates over the steps, on a logarithmic axis, with the rule's bounds as dotted lines.

    Args:
        ax: where to draw.
        series: name to (step [N], rate [N] or [seeds, N]).
        bounds: lowest and highest rate that the rule allows.
    """
    ax.set_yscale("log")
    curves(ax, series, "step", "learning rate")
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
    curves(ax, series, "step", "uncertainty / maximum", within=(0, 1))
    ax.set_ylim(0, 1.02)
    if threshold is not None:
        ax.axhline(threshold, color=INK, linestyle="--", linewidth=1)
        ax.annotate("threshold", (1, threshold), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=INK)
    return ax


def over_seeds(
    ax: "Axes",
    series: SeedSeries,
    looks: Mapping[str, Mapping[str, Any]],
    ylabel: str,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> "Axes":
    """The mean over seeds of each method over the epochs; from five seeds on with its pointwise 95 % interval as a shade.

    Label the lines with `label_ends` after the limits of the axes are set.

    Args:
        ax: where to draw; on a logarithmic axis means and intervals are those of the logarithm.
        series: name to (epoch [N], y [seeds, N]).
        looks: name to keywords of a line, such as its colour.
        ylabel: with the unit.
        within: possible values, which no shade leaves.
    """
    from matplotlib.ticker import MaxNLocator

    for name, (x, y) in series.items():
        mean = _mean_with_band(ax, x, np.asarray(y), looks[name]["color"], within)
        ax.plot(x, mean, label=name, **looks[name])
    ax.set(xlabel="epoch", ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax


def _mean_with_band(ax: "Axes", x: Sequence[float], y: np.ndarray, colour: str, within: tuple[float, float]) -> np.ndarray:
    """The mean over seeds of y [seeds, N]; with enough of them its interval is drawn."""
    to, back = (np.log, np.exp) if ax.get_yscale() == "log" else (np.asarray, np.asarray)
    mean, low, high = (np.clip(back(values), *within) for values in mean_interval(to(y.astype(float))))
    if len(y) >= SEEDS_FOR_A_BAND:
        ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    return np.asarray(mean)


def learning_curves(loss: SeedSeries, accuracy: SeedSeries, looks: Mapping[str, Mapping[str, Any]]) -> "Figure":
    """A new figure: validation loss above validation accuracy, a line for each method.

    Args:
        loss: in nats.
        accuracy: as a share.
        looks: name to keywords of a line, such as its colour.
    """
    from matplotlib import pyplot

    figure, (top, bottom) = pyplot.subplots(2, 1, figsize=(WIDTH, 5), sharex=True)
    over_seeds(top, loss, looks, "validation loss (nats)", within=(0, np.inf))
    over_seeds(bottom, accuracy, looks, "validation accuracy", within=(0, 1))
    top.set(xlabel="", title="Which method learns, and which falls behind?")
    for ax in (top, bottom):
        label_ends(ax, room=0.08)
    return figure


def rate_and_signal(
    rates: SeedSeries,
    signals: SeedSeries,
    looks: Mapping[str, Mapping[str, Any]],
    lowest: float,
    threshold: float | None = None,
) -> "Figure":
    """A new figure: the learning rate with the rule's lower bound above the signal with the rule's threshold.

    Args:
        rates: of each method; drawn on a logarithmic axis.
        signals: of each method, as a share of the maximum.
        looks: name to keywords of a line, such as its colour.
        lowest: the lowest rate that the rule allows.
        threshold: as a share of the maximum; None if the rule has none.
    """
    from matplotlib import pyplot

    figure, (top, bottom) = pyplot.subplots(2, 1, figsize=(WIDTH, 5), sharex=True)
    dotted: Any = {"color": INK, "linewidth": 1, "linestyle": ":"}
    top.set(yscale="log", title="Where does the rate go?")
    over_seeds(top, rates, looks, "learning rate")
    top.axhline(lowest, label="lower bound", **dotted)
    top.set(xlabel="")
    top.set_ylim(bottom=lowest / 3)
    over_seeds(bottom, signals, looks, "signal", within=(0, 1))
    if threshold is not None:
        bottom.axhline(threshold, label="threshold", **dotted)
        bottom.set_title("Does the signal come below the threshold?")
    bottom.set_ylim(0, 1.02)
    for ax in (top, bottom):
        label_ends(ax, room=0.08)
    return figure


def label_ends(ax: "Axes", room: float = 0.11) -> "Axes":
    """Name every labelled line in the right margin, at the height of its last point; the limits must be set before.

    The name of a line across the axes, such as a threshold, stays at its height. From a line that ends well inside the axes
    a thin line leads to its name.

    Args:
        ax: whose lines.
        room: least distance of two names, as a share of the height of the axes.
    """
    lines = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
    across = [line.get_transform() is not ax.transData for line in lines]
    ends = [_last_point(ax, line) for line in lines]
    heights = spaced([height for _, height in ends], room, across)
    for line, end, height, whole in zip(lines, ends, heights, across, strict=True):
        if not whole and end[0] < 1 - LEAST_GAP:
            leader: Any = {"linewidth": 0.7, "linestyle": ":", "transform": ax.transAxes, "label": "_leader"}
            ax.plot([end[0], 1], [end[1], height], color=line.get_color(), **leader)
        text = str(line.get_label())
        place: Any = {"xycoords": "axes fraction", "va": "center", "annotation_clip": False}
        ax.annotate(text, (1.02, height), color=line.get_color(), parse_math=False, **place)
    return ax


def spaced(heights: Sequence[float], least: float, fixed: Sequence[bool] = ()) -> list[float]:
    """Heights moved apart until neighbours differ by at least so much; their order stays.

    Args:
        heights: of any order.
        least: distance.
        fixed: which of them stay where they are; none if it is left out.

    >>> spaced([0.0, 0.1, 1.0], 0.3)
    [-0.1, 0.2, 1.0]
    >>> spaced([0.0, 0.1, 1.0], 0.3, [True, False, False])
    [0.0, 0.3, 1.0]
    """
    held = list(fixed) or [False] * len(heights)
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = [float(heights[index]) for index in order]
    for _ in range(100):
        for at in range(len(moved) - 1):
            gap = least - (moved[at + 1] - moved[at])
            lower, upper = (not held[order[place]] for place in (at, at + 1))
            if gap > 1e-9 and (lower or upper):
                moved[at] -= lower * gap / (lower + upper)
                moved[at + 1] += upper * gap / (lower + upper)
    result = [0.0] * len(heights)
    for index, height in zip(order, moved, strict=True):
        result[index] = round(height, 6)
    return result


def _last_point(ax: "Axes", line: "Line2D") -> tuple[float, float]:
    """Where a line ends, as shares of the axes' width and height, within 0 and 1."""
    points = np.column_stack([np.asarray(values, dtype=float) for values in line.get_data()])
    last = points[np.isfinite(points).all(axis=1)][-1:]
    ax.autoscale_view()  # limits that follow the data are set late, and a transform alone does not wait for them
    x, y = ax.transAxes.inverted().transform(line.get_transform().transform(last))[0]
    return float(np.clip(x, 0, 1)), float(np.clip(y, 0, 1))


def _whole_epochs(ax: "Axes", series: Series) -> None:
    from matplotlib.ticker import MaxNLocator

    if all(float(value).is_integer() for x, _ in series.values() for value in x):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
