"""Figures: arrays in, Axes out. Nothing here computes a result; colours read on a light and on a dark page."""

import sys
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

from uncertlr.intervals import mean_interval, wilson_interval

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Series = Mapping[str, tuple[Sequence[float], Sequence[float] | np.ndarray]]

COLOURS = ("#3a8fd9", "#d97526", "#2a9d78", "#c45ba3", "#8a8a2a", "#d1495b")
"""Told apart by colour-blind readers (after Okabe & Ito 2008), and legible on white and on near-black."""

INK = "#767d86"
"""Axes, labels and grids: a grey with enough contrast on both pages."""

WIDTH = 4.5
"""Inches, of every figure, its panels beside or under one another: a phone shows that much with the text still legible."""

STYLE: dict[str, Any] = {
    "figure.figsize": (WIDTH, 2.8),
    "font.size": 9,  # points, of all text: at `WIDTH` no less than 9 pixels on a phone
    "axes.titlesize": "medium",
    "figure.labelsize": "medium",
    "svg.hashsalt": "uncertlr",
    **dict.fromkeys(["figure.facecolor", "axes.facecolor", "savefig.facecolor"], "none"),
    "savefig.transparent": True,
    **dict.fromkeys(["text.color", "axes.labelcolor", "axes.titlecolor", "axes.edgecolor", "grid.color"], INK),
    **dict.fromkeys(["xtick.color", "ytick.color"], INK),
    "grid.alpha": 0.25,
    "axes.grid": True,
    **dict.fromkeys(["axes.spines.top", "axes.spines.right"], False),
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "figure.dpi": 220,  # of what a vector drawing holds as pixels
    "lines.linewidth": 1.8,
}


def use_style() -> None:
    """Give every later figure of this process the book's look; a notebook shows it as SVG, sharp at any size."""
    import matplotlib as mpl
    from cycler import cycler

    style: Any = {**STYLE, "axes.prop_cycle": cycler(color=COLOURS)}
    mpl.rcParams.update(style)
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        from matplotlib_inline.config import InlineBackend

        backend = InlineBackend.instance(parent=shell)
        backend.shell = shell
        options: Any = {"bbox_inches": "tight", "metadata": {"Date": None}}
        backend.print_figure_kwargs = options
        backend.figure_formats = {"svg"}


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


def differences(ax: "Axes", table: "pd.DataFrame", margin: float, xlabel: str = "") -> "Axes":
    """Differences in points with their intervals, and over each its name and the word it earned.

    Args:
        ax: where to draw.
        table: a row a comparison, its name the index: ``difference``, ``low``, ``high``, ``pairs``, ``word``; where the
            difference is NaN only the word is written. Hollow marks carry no claim: descriptive or uninformative.
        margin: half-width in points of the shaded zone in which arms count as equivalent.
        xlabel: with the unit.
    """
    rows = table.iloc[::-1]
    ax.axvspan(-margin, margin, color=INK, alpha=0.15, linewidth=0)
    ax.axvline(0, color=INK, linewidth=1)
    for height, (name, row) in enumerate(rows.iterrows()):
        hollow = row["word"] in ("descriptive", "uninformative")
        if np.isfinite(row["difference"]):
            ax.plot([row["low"], row["high"]], [height, height], color=COLOURS[0], linewidth=2.5, solid_capstyle="round")
            fill = "none" if hollow else COLOURS[0]
            ax.plot(row["difference"], height, color=COLOURS[0], marker="o", markerfacecolor=fill, linewidth=0)
        text = f"{name}\n{row['word']} (n = {row['pairs']:.0f})"
        ax.annotate(text, (0.01, height + 0.12), xycoords=("axes fraction", "data"), va="bottom", color=INK)
    ax.set(ylim=(-0.3, len(rows) - 0.2), xlabel=xlabel, yticks=[])
    ax.spines["left"].set_visible(False)
    points_axis(ax, rows[["difference", "low", "high"]].to_numpy(dtype=float), margin)
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
        times: [K], when runs arrived.
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
        scores: one a run.
        colour: of the curve.
    """
    ordered = np.sort(np.asarray(scores, dtype=float))
    shares = 1 - np.arange(len(ordered) + 1) / len(ordered)
    ax.step([*ordered, ordered[-1]], shares, where="pre", color=colour)
    ax.set(ylim=(-0.03, 1.03))
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


def gallery(axes: Sequence["Axes"], images: np.ndarray, titles: Sequence[str]) -> Sequence["Axes"]:
    """Small pictures with a title each.

    Args:
        axes: one a picture.
        images: uint8 [N, C, H, W], grey or colour.
        titles: one a picture.
    """
    for ax, image, title in zip(axes, images, titles, strict=True):
        ax.imshow(np.transpose(image, (1, 2, 0)).squeeze(), cmap="gray", interpolation="none")
        ax.set_title(title)
        ax.axis("off")
    return axes


def _whole_epochs(ax: "Axes", series: Series) -> None:
    from matplotlib.ticker import MaxNLocator

    if all(float(value).is_integer() for x, _ in series.values() for value in x):
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
